"""The rows of a stored original as blocks of whole lines, whatever it came as."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from exports.files.array_rows import ArraySplitter
from exports.files.masking import Mask
from exports.files.zip_reader import read_entry, unpack

KINDS: Final = frozenset({"zip", "zip_array", "json_lines", "json_array"})
_READ_STEP: Final = 256 * 1024
_NO_LIMIT: Final = 2**63


def unpacked(source: Path, kind: str) -> Iterator[bytes]:
    """The bytes inside `source`, a file of `kind` that passed the gate, in pieces of at most 256 KiB.

    Size and CRC of an archive are checked again on the way. Raises `ArchiveRefused` when the file is not what
    the gate saw, `ValueError` for an unknown kind, `OSError`.
    """
    if kind not in KINDS:
        raise ValueError(f"{kind} is not a kind of file")
    with source.open("rb") as file:
        if kind.startswith("zip"):
            entry = read_entry(file, os.fstat(file.fileno()).st_size)
            yield from unpack(file, entry, max_bytes=_NO_LIMIT)
        else:
            while piece := file.read(_READ_STEP):
                yield piece


def is_array(kind: str) -> bool:
    """Whether the rows stand in one JSON array rather than one a line."""
    return kind in ("zip_array", "json_array")


def row_blocks(source: Path, kind: str, block_bytes: int, mask: Sequence[str] = ()) -> Iterator[bytes]:
    """The rows as JSON Lines in blocks of about `block_bytes`, each ending with a line feed; blank lines may remain.

    A row of an array is put on one line. One row longer than a block makes a block of its own. Values of the columns
    in `mask` are hidden: whatever is made of the rows never sees them.
    """
    blocks = _blocks(source, kind, block_bytes)
    yield from (map(Mask(mask).block, blocks) if mask else blocks)


def _blocks(source: Path, kind: str, block_bytes: int) -> Iterator[bytes]:
    pieces = unpacked(source, kind)
    whole = _array_lines(pieces) if is_array(kind) else pieces
    parts: list[bytes] = []
    held = 0
    for piece in whole:
        parts.append(piece)
        held += len(piece)
        if held < block_bytes:
            continue
        cut = piece.rfind(b"\n") + 1
        if not cut:
            continue
        parts[-1] = piece[:cut]
        yield b"".join(parts)
        parts = [piece[cut:]]
        held = len(parts[0])
    last = b"".join(parts)
    if last.strip():
        yield last if last.endswith(b"\n") else last + b"\n"


def _array_lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    splitter = ArraySplitter(_NO_LIMIT)
    for piece in pieces:
        found: list[bytes] = []
        splitter.feed(piece, found)
        if found:
            # Inside a string a line feed is always escaped, so any that is not is white space.
            yield b"".join(element.replace(b"\n", b" ").replace(b"\r", b" ") + b"\n" for element in found)
    splitter.finish()
