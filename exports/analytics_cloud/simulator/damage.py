"""Body faults: what becomes of the bytes of a good file. Each takes the good bytes and returns the bad ones."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping

from exports.analytics_cloud.simulator.archive import ENTRY_NAME
from exports.analytics_cloud.simulator.faults import Fault


def damage(good: bytes, fault: Fault) -> bytes:
    """The bytes a client gets instead. Reads the whole file: faults are for files of a test's size."""
    return _DAMAGES[fault.kind](good, fault)


def _cut_body(good: bytes, fault: Fault) -> bytes:
    return good[: len(good) // 2 if fault["at"] is None else fault["at"]]


def _flipped_bit(good: bytes, fault: Fault) -> bytes:
    at = len(good) // 2 if fault["at"] is None else fault["at"]
    return good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :]


def _cut_rows(good: bytes, fault: Fault) -> bytes:
    """Whole as an archive, but the last row ends in its middle: only the rows can tell."""
    rows = _rows(good)
    return _zip({ENTRY_NAME: rows[: len(rows) - len(rows.splitlines()[-1]) // 2 - 1]})


def _bad_row(good: bytes, fault: Fault) -> bytes:
    return _zip({ENTRY_NAME: _rows(good) + fault["row"].encode() + b"\n"})


def _two_entries(good: bytes, fault: Fault) -> bytes:
    rows = _rows(good)
    return _zip({ENTRY_NAME: rows, "data2.json": rows})


def _rows(good: bytes) -> bytes:
    if not good.startswith(b"PK"):
        return good
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        return archive.read(ENTRY_NAME)


def _zip(entries: Mapping[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            # Without a date: the same damage twice is the same bytes twice.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


_DAMAGES: Mapping[str, Callable[[bytes, Fault], bytes]] = {
    "cut_body": _cut_body,
    "empty_body": lambda good, fault: b"",
    "flipped_bit": _flipped_bit,
    "junk_before": lambda good, fault: fault["junk"].encode() + good,
    "junk_after": lambda good, fault: good + fault["junk"].encode(),
    "two_archives": lambda good, fault: good + good,
    "two_entries": _two_entries,
    "cut_rows": _cut_rows,
    "bad_row": _bad_row,
}
