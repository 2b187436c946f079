"""Archives for the gate: good ones from independent writers, and a writer that can get every field wrong."""

import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from exports.files.archive import ArchiveLimits, ArchiveReceipt, ArchiveRefused, check_archive

LIMITS = ArchiveLimits(max_unpacked_bytes=100 * 1024**2)


def page_rows(count: int) -> bytes:
    """`count` rows of type page as upstream writes them, some in Japanese."""
    lines = []
    for number in range(count):
        row = {
            "canonicalUrl": f"https://www.example.com/{number % 7}",
            "channelId": "472514384234829061",
            "eventDate": f"2023-03-{number % 28 + 1:02} 12:{number % 60:02}:44.345 UTC",
            "title": "ホーム" if number % 5 == 0 else "Home & more",
            "views": str(number),
        }
        text = json.dumps(row, ensure_ascii=False, separators=(",", ":"))
        lines.append(text.replace("&", "\\u0026") + "\n")
    return "".join(lines).encode()


def zipped(content: bytes, name: str = "data.json", method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A plain archive by the standard library."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr(name, content)
    return target.getvalue()


class Pipe(io.RawIOBase):
    """A target that cannot seek, so that writers stream: sizes go into a data descriptor."""

    def __init__(self) -> None:
        self.written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self.written += piece
        return len(piece)


def streamed(content: bytes, *, force_zip64: bool = False) -> bytes:
    """An archive as a server writes it, not knowing sizes beforehand."""
    target = Pipe()
    with (
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("data.json", "w", force_zip64=force_zip64) as entry,
    ):
        entry.write(content)
    return bytes(target.written)


@dataclass
class Crafted:
    """One archive, field by field; `bytes()` of it puts it together as the fields say, right or wrong."""

    content: bytes
    name: bytes = b"data.json"
    flags: int = 0x800
    method: int = 8
    packed: bytes | None = None
    crc: int | None = None
    packed_bytes: int | None = None
    unpacked_bytes: int | None = None
    local_name: bytes | None = None
    local_flags: int | None = None
    local_sizes: tuple[int, int, int] | None = None
    local_extra: bytes = b""
    local_offset: int = 0
    gap: bytes = b""
    central_extra: bytes = b""
    central_comment: bytes = b""
    central_sizes: tuple[int, int, int] | None = None
    made_by: int = 3 << 8
    attributes: int = 0o100600 << 16
    disk: int = 0
    entries: tuple[int, int] = (1, 1)
    end_disk: int = 0
    before_end: bytes = b""
    comment: bytes = b""
    directory: tuple[int, int] | None = None
    more_central: list[bytes] = field(default_factory=list)

    def __bytes__(self) -> bytes:
        packed = self.packed
        if packed is None:
            deflate = zlib.compressobj(wbits=-15)
            packed = deflate.compress(self.content) + deflate.flush() if self.method == 8 else self.content
        crc = zlib.crc32(self.content) if self.crc is None else self.crc
        packed_bytes = len(packed) if self.packed_bytes is None else self.packed_bytes
        unpacked_bytes = len(self.content) if self.unpacked_bytes is None else self.unpacked_bytes
        sizes = (crc, packed_bytes, unpacked_bytes)
        local_name = self.name if self.local_name is None else self.local_name
        local_flags = self.flags if self.local_flags is None else self.local_flags
        local = struct.pack(
            "<4s5H3L2H",
            b"PK\x03\x04",
            20,
            local_flags,
            self.method,
            0,
            33,
            *(self.local_sizes or sizes),
            len(local_name),
            len(self.local_extra),
        )
        body = local + local_name + self.local_extra + packed + self.gap
        central = struct.pack(
            "<4s6H3L5H2L",
            b"PK\x01\x02",
            self.made_by,
            20,
            self.flags,
            self.method,
            0,
            33,
            *(self.central_sizes or sizes),
            len(self.name),
            len(self.central_extra),
            len(self.central_comment),
            self.disk,
            0,
            self.attributes,
            self.local_offset,
        )
        central += self.name + self.central_extra + self.central_comment + b"".join(self.more_central)
        length, offset = self.directory or (len(central), len(body))
        end = struct.pack("<4s4H2LH", b"PK\x05\x06", self.end_disk, 0, *self.entries, length, offset, len(self.comment))
        return body + central + self.before_end + end + self.comment


def check(folder: Path, body: bytes, data_type: str = "page", limits: ArchiveLimits = LIMITS) -> ArchiveReceipt:
    """Put `body` through the gate."""
    path = folder / "body"
    path.write_bytes(body)
    return check_archive(path, data_type=data_type, limits=limits)


def refusal(
    folder: Path, body: bytes, data_type: str = "page", limits: ArchiveLimits = LIMITS
) -> tuple[str, int | None]:
    """Code and line with which the gate refuses `body`."""
    try:
        receipt = check(folder, body, data_type, limits)
    except ArchiveRefused as refused:
        return refused.code, refused.line
    raise AssertionError(f"the gate let it through: {receipt}")
