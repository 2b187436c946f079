"""Files as the server keeps them: one ZIP with one entry, written in a stream (analytics-cloud-api.md §4)."""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, Self, cast

ENTRY_NAME = "data.json"
# Local header, descriptor, directory and end of an archive beyond 4 GiB need 64-bit fields; with them everywhere
# there is one code path, and they are right for small archives too.
_ZIP64_VERSION = 45
_DESCRIPTOR_FOLLOWS = 0x0808  # sizes after the data, name in UTF-8
_UNKNOWN_32 = 0xFFFFFFFF
_DOS_DATE = (2022 - 1980) << 9 | 6 << 5 | 29
_LAST_BLOCK = b"\x03\x00"  # an empty final deflate block

Shape = Literal["zip", "array", "plain"]


@dataclass(frozen=True)
class Made:
    """A file upstream: where its bytes lie, their SHA-256 and number, and the rows inside."""

    path: Path
    sha256: str
    bytes: int
    rows: int
    content_type: str


class _Sink:
    """A file that is hashed as it is written and can't be wound back, so that zipfile streams like the server."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._hash = hashlib.sha256()
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self.size += len(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()


def make_file(path: Path, lines: Iterable[bytes], *, shape: Shape = "zip", content_type: str = "") -> Made:
    """Write lines as a ZIP of JSON Lines, as a ZIP of one JSON array or as bare JSON Lines."""
    rows = 0
    with _Sink(path) as sink:
        if shape == "plain":
            for line in lines:
                sink.write(line)
                rows += 1
        else:
            with (
                zipfile.ZipFile(cast(IO[bytes], sink), "w", zipfile.ZIP_DEFLATED) as archive,
                archive.open(ENTRY_NAME, "w") as entry,
            ):
                entry.write(b"[" if shape == "array" else b"")
                for line in lines:
                    entry.write((b"," if rows else b"") + line.rstrip(b"\n") if shape == "array" else line)
                    rows += 1
                entry.write(b"]" if shape == "array" else b"")
        return _made(sink, path, rows, content_type or content_type_of(shape))


def make_big_file(path: Path, lines: Iterable[bytes], *, megabytes: float, content_type: str = "") -> Made:
    """Write a ZIP of at least so many MB by repeating one block of rows that is compressed once.

    A benchmark needs the size and the shape of real rows, not a gigabyte of different ones.
    """
    block = list(lines)
    raw = b"".join(block)
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = deflate.compress(raw) + deflate.flush(zlib.Z_FULL_FLUSH)
    times = int(megabytes * 1_000_000 / len(packed)) + 1
    name = ENTRY_NAME.encode()
    crc = 0
    with _Sink(path) as sink:
        extra = struct.pack("<HHQQ", 1, 16, 0, 0)
        sink.write(_header(b"PK\x03\x04", b"", 0, (_UNKNOWN_32, _UNKNOWN_32), name, extra) + name + extra)
        for _ in range(times):
            crc = zlib.crc32(raw, crc)
            sink.write(packed)
        sink.write(_LAST_BLOCK)
        sizes = (len(packed) * times + len(_LAST_BLOCK), len(raw) * times)
        sink.write(struct.pack("<4sLQQ", b"PK\x07\x08", crc, *sizes))
        directory_at = sink.size
        extra = struct.pack("<HHQQ", 1, 16, sizes[1], sizes[0])
        tail = struct.pack("<HHHLL", 0, 0, 0, 0, 0)
        sink.write(
            _header(b"PK\x01\x02", b"\x2d\x00", crc, (_UNKNOWN_32, _UNKNOWN_32), name, extra) + tail + name + extra
        )
        length = sink.size - directory_at
        end_at = sink.size
        sink.write(
            struct.pack("<4sQHHLLQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, length, directory_at)
            + struct.pack("<4sLQL", b"PK\x06\x07", 0, end_at, 1)
            + struct.pack("<4sHHHHLLH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, _UNKNOWN_32, _UNKNOWN_32, 0)
        )
        return _made(sink, path, len(block) * times, content_type or content_type_of("zip"))


def content_type_of(shape: Shape) -> str:
    """What the server calls such a file: the oldest say JSON for the file too (§2)."""
    return "application/json" if shape == "plain" else "application/zip"


def _header(magic: bytes, made_by: bytes, crc: int, sizes: tuple[int, int], name: bytes, extra: bytes) -> bytes:
    return (
        magic
        + made_by
        + struct.pack(
            "<HHHHHLLLHH",
            _ZIP64_VERSION,
            _DESCRIPTOR_FOLLOWS,
            zipfile.ZIP_DEFLATED,
            0,
            _DOS_DATE,
            crc,
            *sizes,
            len(name),
            len(extra),
        )
    )


def _made(sink: _Sink, path: Path, rows: int, content_type: str) -> Made:
    return Made(path=path, sha256=sink.sha256, bytes=sink.size, rows=rows, content_type=content_type)
