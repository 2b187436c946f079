"""The gate: no file is offered before its bytes passed here (analytics-cloud-api.md §2, §4).

The server ends a broken reply cleanly, so only the archive itself can tell that it is whole. It is read once,
streaming: every byte of the ZIP accounted for, then every row. Memory does not grow with the file.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from exports.files.array_rows import ArrayRows
from exports.files.refusals import FINAL_CODES, REFUSAL_CODES, ArchiveRefused, CheckStopped
from exports.files.rows import WHITE_SPACE, LineRows, RowCheck
from exports.files.zip_reader import ZipEntry, read_entry, unpack

__all__ = [
    "FINAL_CODES",
    "REFUSAL_CODES",
    "ArchiveLimits",
    "ArchiveReceipt",
    "ArchiveRefused",
    "CheckStopped",
    "check_archive",
]

_READ_STEP: Final = 256 * 1024
_STOP_STEP: Final = 8 * 1024 * 1024


@dataclass(frozen=True)
class ArchiveLimits:
    """Both in bytes; a file of exactly that many passes."""

    max_unpacked_bytes: int
    max_line_bytes: int = 16 * 1024**2


@dataclass(frozen=True)
class ArchiveReceipt:
    """What was found in a file that passed.

    `kind` is `zip` or `json_lines` (one object a line), `zip_array` or `json_array` (one JSON array). `proved`
    is False for bare JSON: nothing in it tells whether rows are missing at the end. Dates are UTC, those that
    the range filters (`eventDate` for event and page, else the date of creation).
    """

    kind: str
    rows: int
    unpacked_bytes: int
    first_date: datetime | None
    last_date: datetime | None
    proved: bool
    entry_name: str | None


def _never() -> bool:
    return False


def check_archive(
    path: Path, *, data_type: str, limits: ArchiveLimits, should_stop: Callable[[], bool] = _never
) -> ArchiveReceipt:
    """Check the file at `path` and count what is in it.

    `should_stop` is asked after every 8 MiB of unpacked bytes. Raises `ArchiveRefused`, `CheckStopped`, and
    `OSError` when the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(_READ_STEP)
        entry = read_entry(file, size) if _is_zip(file, head, size) else None
        if entry is None:
            pieces = _bare(file, limits.max_unpacked_bytes)
        else:
            pieces = unpack(file, entry, max_bytes=limits.max_unpacked_bytes)
        return _check_rows(_stoppable(pieces, should_stop), entry, RowCheck(data_type), limits)


def _check_rows(
    pieces: Iterator[bytes], entry: ZipEntry | None, check: RowCheck, limits: ArchiveLimits
) -> ArchiveReceipt:
    piece = next(pieces, b"")
    is_array = piece.lstrip(WHITE_SPACE).startswith(b"[")
    rows = (ArrayRows if is_array else LineRows)(check, limits.max_line_bytes)
    refused: ArchiveRefused | None = None
    unpacked = 0
    while piece:
        unpacked += len(piece)
        if refused is None:
            try:
                rows.feed(piece)
            except ArchiveRefused as found:
                # A flipped bit shows as a bad row first. Read on: if the archive is broken, that is the reason.
                refused = found
        piece = next(pieces, b"")
    if refused is not None:
        raise refused
    rows.finish()
    kinds = ("json_lines", "json_array") if entry is None else ("zip", "zip_array")
    return ArchiveReceipt(
        kind=kinds[is_array],
        rows=check.rows,
        unpacked_bytes=unpacked,
        first_date=check.span.first,
        last_date=check.span.last,
        proved=entry is not None,
        entry_name=None if entry is None else entry.name,
    )


def _is_zip(file: BinaryIO, head: bytes, size: int) -> bool:
    """Decide by the leading bytes; the header of the reply is not to be trusted (analytics-cloud-api.md §2)."""
    if not head:
        raise ArchiveRefused("empty")
    if head.startswith(b"PK") or head == b"P":
        return True
    first = head.lstrip(WHITE_SPACE)[:1]
    if first in (b"{", b"["):
        return False
    if first == b"<":
        raise ArchiveRefused("html")
    file.seek(max(0, size - 22))
    raise ArchiveRefused("leading_bytes" if file.read(4) == b"PK\x05\x06" else "not_an_archive")


def _bare(file: BinaryIO, max_bytes: int) -> Iterator[bytes]:
    file.seek(0)
    total = 0
    while piece := file.read(_READ_STEP):
        total += len(piece)
        if total > max_bytes:
            raise ArchiveRefused("too_large_unpacked")
        yield piece


def _stoppable(pieces: Iterator[bytes], should_stop: Callable[[], bool]) -> Iterator[bytes]:
    asked_after = 0
    for piece in pieces:
        asked_after += len(piece)
        if asked_after >= _STOP_STEP:
            asked_after = 0
            if should_stop():
                raise CheckStopped
        yield piece
