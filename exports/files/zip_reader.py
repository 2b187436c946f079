"""A strict reader of a ZIP archive that holds exactly one plain file.

The standard library's reader looks for an end record anywhere near the end, allows bytes around the archive and
trusts sizes in headers. This one accounts for every byte: local header at offset 0, data, an optional data
descriptor, one central directory header, the end records, end of file. Layout: PKWARE APPNOTE 6.3.10, §4.3.
"""

import stat
import struct
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from isal import isal_zlib

from exports.files.refusals import ArchiveRefused

STORED: Final = 0
DEFLATED: Final = 8

_NEWEST_VERSION: Final = 63  # 6.3 of PKWARE's APPNOTE
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR64: Final = struct.Struct("<4sLQL")

_MAX16: Final = 0xFFFF
_MAX32: Final = 0xFFFFFFFF
_ENCRYPTED_BITS: Final = 0x1 | 0x40 | 0x2000
_DESCRIPTOR_BIT: Final = 0x8
_PATCH_BIT: Final = 0x20
_UTF8_BIT: Final = 0x800
_UNIX: Final = 3
# Info-ZIP calls an entry a pipe when it read the content from one.
_PLAIN_KINDS: Final = frozenset({0, stat.S_IFREG, stat.S_IFIFO})
_DOS_DIRECTORY_BIT: Final = 0x10
_ZIP64_EXTRA: Final = 0x0001
_AES_EXTRA: Final = 0x9901
_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
_MAX_NAME: Final = 255

# The type stubs call the class an instance.
_InflateError: Final[type[Exception]] = isal_zlib.error  # type: ignore[assignment]

_INPUT_STEP: Final = 64 * 1024
_OUTPUT_STEP: Final = 256 * 1024


@dataclass(frozen=True)
class ZipEntry:
    """Where the one entry's data lie and what they must unpack to. Sizes and offsets in bytes."""

    name: str
    method: int
    data_offset: int
    packed_bytes: int
    unpacked_bytes: int
    crc: int


@dataclass(frozen=True)
class _Directory:
    offset: int
    bytes: int


@dataclass(frozen=True)
class _Central:
    name: bytes
    flags: int
    method: int
    crc: int
    packed_bytes: int
    unpacked_bytes: int


def read_entry(file: BinaryIO, size: int) -> ZipEntry:
    """Read the headers of the ZIP in `file` of `size` bytes and return its one entry.

    Raises `ArchiveRefused` unless every byte of the file is accounted for.
    """
    directory = _read_directory(file, size)
    central = _read_central(file, directory)
    name = _plain_name(central.name, central.flags)
    data_offset = _read_local(file, central, directory.offset)
    data_end = data_offset + central.packed_bytes
    if data_end > directory.offset:
        raise ArchiveRefused("overlap")
    _check_gap(_read(file, data_end, min(directory.offset - data_end, 32)), central, directory.offset - data_end)
    return ZipEntry(name, central.method, data_offset, central.packed_bytes, central.unpacked_bytes, central.crc)


def unpack(file: BinaryIO, entry: ZipEntry, *, max_bytes: int) -> Iterator[bytes]:
    """Yield the unpacked bytes in pieces of at most 256 KiB and check size and CRC at the end.

    Stops as soon as more than `max_bytes` came out, whatever the headers promise. Raises `ArchiveRefused`.
    """
    file.seek(entry.data_offset)
    pieces = _inflate(file, entry) if entry.method == DEFLATED else _copy(file, entry)
    unpacked = 0
    crc = 0
    for piece in pieces:
        unpacked += len(piece)
        if unpacked > max_bytes:
            raise ArchiveRefused("too_large_unpacked")
        crc = isal_zlib.crc32(piece, crc)
        yield piece
    if unpacked != entry.unpacked_bytes:
        raise ArchiveRefused("bad_size")
    if crc != entry.crc:
        raise ArchiveRefused("bad_crc")


def _inflate(file: BinaryIO, entry: ZipEntry) -> Iterator[bytes]:
    inflater = isal_zlib.decompressobj(-15)
    left = entry.packed_bytes
    try:
        while left and not inflater.eof:
            packed = file.read(min(left, _INPUT_STEP))
            if not packed:
                raise ArchiveRefused("cut")
            left -= len(packed)
            while packed and not inflater.eof:
                # The output is capped, not the input: 64 KiB of a bomb unpack to 64 MiB.
                if piece := inflater.decompress(packed, _OUTPUT_STEP):
                    yield piece
                packed = inflater.unconsumed_tail
        while not inflater.eof and (piece := inflater.decompress(b"", _OUTPUT_STEP)):
            yield piece
    except _InflateError:
        raise ArchiveRefused("bad_compression") from None
    if not inflater.eof:
        raise ArchiveRefused("bad_compression")
    if left or inflater.unused_data:
        raise ArchiveRefused("trailing_bytes")


def _copy(file: BinaryIO, entry: ZipEntry) -> Iterator[bytes]:
    left = entry.packed_bytes
    while left:
        piece = file.read(min(left, _OUTPUT_STEP))
        if not piece:
            raise ArchiveRefused("cut")
        left -= len(piece)
        yield piece


def _read(file: BinaryIO, offset: int, count: int) -> bytes:
    """Exactly `count` bytes at `offset`."""
    file.seek(offset)
    found = file.read(count)
    if len(found) != count:
        raise ArchiveRefused("bad_structure")
    return found


def _read_directory(file: BinaryIO, size: int) -> _Directory:
    end_offset = size - _END.size
    if end_offset < 0:
        raise ArchiveRefused("cut")
    signature, disk, first_disk, here, entries, length, offset, comment = _END.unpack(
        _read(file, end_offset, _END.size)
    )
    if signature != b"PK\x05\x06" or comment:
        raise ArchiveRefused("trailing_bytes" if _ends_early(file, size) else "cut")
    directory_end = end_offset
    if end_offset >= _LOCATOR64.size and _read(file, end_offset - 20, 4) == b"PK\x06\x07":
        narrow = (disk, first_disk, here, entries, length, offset)
        directory_end, wide = _read_end64(file, end_offset - _LOCATOR64.size)
        for small, large, most in zip(narrow, wide, (_MAX16,) * 4 + (_MAX32,) * 2, strict=True):
            if small not in (large, most):
                raise ArchiveRefused("bad_structure")
        disk, first_disk, here, entries, length, offset = wide
    if disk or first_disk:
        raise ArchiveRefused("unsupported_method")
    if here != entries:
        raise ArchiveRefused("bad_structure")
    if entries > 1:
        raise ArchiveRefused("several_entries")
    if offset + length < directory_end:
        raise ArchiveRefused("leading_bytes")
    if offset + length > directory_end:
        raise ArchiveRefused("bad_structure")
    if not entries:
        raise ArchiveRefused("no_entry")
    return _Directory(offset, length)


def _read_end64(file: BinaryIO, locator_offset: int) -> tuple[int, tuple[int, ...]]:
    _, locator_disk, end64_offset, disks = _LOCATOR64.unpack(_read(file, locator_offset, _LOCATOR64.size))
    if locator_disk or disks > 1:
        raise ArchiveRefused("unsupported_method")
    if end64_offset + _END64.size < locator_offset:
        raise ArchiveRefused("leading_bytes")
    if end64_offset + _END64.size > locator_offset:
        raise ArchiveRefused("bad_structure")
    signature, length, _, _, *wide = _END64.unpack(_read(file, end64_offset, _END64.size))
    if signature != b"PK\x06\x06" or length != _END64.size - 12:
        raise ArchiveRefused("bad_structure")
    return end64_offset, tuple(wide)


def _ends_early(file: BinaryIO, size: int) -> bool:
    """Whether an end record stands within the last 64 KiB, with a comment or foreign bytes behind it."""
    count = min(size, _END.size + _MAX16)
    tail = _read(file, size - count, count)
    found = tail.rfind(b"PK\x05\x06")
    return found >= 0 and len(tail) - found >= _END.size


def _read_central(file: BinaryIO, directory: _Directory) -> _Central:
    if directory.bytes < _CENTRAL.size:
        raise ArchiveRefused("bad_structure")
    fields = _CENTRAL.unpack(_read(file, directory.offset, _CENTRAL.size))
    signature, made_by, needed, flags, method, _, _, crc, packed, unpacked = fields[:10]
    name_bytes, extra_bytes, comment_bytes, disk, _, attributes, offset = fields[10:]
    if signature != b"PK\x01\x02":
        raise ArchiveRefused("bad_structure")
    if _CENTRAL.size + name_bytes + extra_bytes + comment_bytes != directory.bytes:
        raise ArchiveRefused("bad_structure")
    tail = _read(file, directory.offset + _CENTRAL.size, name_bytes + extra_bytes)
    name, extra = tail[:name_bytes], _extra_fields(tail[name_bytes:])
    _check_method(needed, flags, method, extra)
    unpacked, packed, offset, disk = _widen(
        extra, (unpacked, _MAX32, 8), (packed, _MAX32, 8), (offset, _MAX32, 8), (disk, _MAX16, 4)
    )
    if disk:
        raise ArchiveRefused("unsupported_method")
    if offset:
        raise ArchiveRefused("leading_bytes")
    if method == STORED and packed != unpacked:
        raise ArchiveRefused("bad_structure")
    kind = stat.S_IFMT(attributes >> 16) if made_by >> 8 == _UNIX else 0
    if kind not in _PLAIN_KINDS or attributes & _DOS_DIRECTORY_BIT or name.endswith((b"/", b"\\")):
        raise ArchiveRefused("not_a_file")
    return _Central(name, flags, method, crc, packed, unpacked)


def _read_local(file: BinaryIO, central: _Central, room: int) -> int:
    """Compare the local header at offset 0 with the central one; return the offset of the data."""
    if room < _LOCAL.size:
        raise ArchiveRefused("overlap")
    fields = _LOCAL.unpack(_read(file, 0, _LOCAL.size))
    signature, needed, flags, method, _, _, crc, packed, unpacked, name_bytes, extra_bytes = fields
    if signature != b"PK\x03\x04":
        raise ArchiveRefused("leading_bytes")
    if _LOCAL.size + name_bytes + extra_bytes > room:
        raise ArchiveRefused("overlap")
    tail = _read(file, _LOCAL.size, name_bytes + extra_bytes)
    extra = _extra_fields(tail[name_bytes:])
    _check_method(needed, flags, method, extra)
    unpacked, packed = _widen(extra, (unpacked, _MAX32, 8), (packed, _MAX32, 8))
    if (tail[:name_bytes], flags, method) != (central.name, central.flags, central.method):
        raise ArchiveRefused("bad_structure")
    said = (crc, packed, unpacked)
    meant = (central.crc, central.packed_bytes, central.unpacked_bytes)
    # A writer that streams does not know these yet and leaves zeros; the descriptor behind the data has them.
    unknown = flags & _DESCRIPTOR_BIT
    if not all(one == other or (unknown and not one) for one, other in zip(said, meant, strict=True)):
        raise ArchiveRefused("bad_structure")
    return _LOCAL.size + name_bytes + extra_bytes


def _check_gap(gap: bytes, central: _Central, gap_bytes: int) -> None:
    """What stands between the data and the central directory is the data descriptor or nothing."""
    if not central.flags & _DESCRIPTOR_BIT:
        if gap_bytes:
            raise ArchiveRefused("trailing_bytes")
        return
    sizes = (central.crc, central.packed_bytes, central.unpacked_bytes)
    forms = [struct.pack("<LQQ", *sizes)]
    if max(sizes) <= _MAX32:
        forms.append(struct.pack("<3L", *sizes))
    # The signature is optional, and sizes are 4 or 8 bytes by the writer's own judgement.
    if not any(gap in (form, b"PK\x07\x08" + form) for form in forms) or len(gap) != gap_bytes:
        raise ArchiveRefused("bad_structure")


def _check_method(needed: int, flags: int, method: int, extra: dict[int, bytes]) -> None:
    if flags & _ENCRYPTED_BITS or method == 99 or _AES_EXTRA in extra:
        raise ArchiveRefused("encrypted")
    # Other tools refuse a version that there is not: a file that they can't open is not whole.
    if method not in (STORED, DEFLATED) or flags & _PATCH_BIT or needed & 0xFF > _NEWEST_VERSION:
        raise ArchiveRefused("unsupported_method")


def _extra_fields(extra: bytes) -> dict[int, bytes]:
    fields: dict[int, bytes] = {}
    while extra:
        if len(extra) < 4:
            raise ArchiveRefused("bad_structure")
        kind, count = struct.unpack_from("<2H", extra)
        if kind in fields or len(extra) < 4 + count:
            raise ArchiveRefused("bad_structure")
        fields[kind] = extra[4 : 4 + count]
        extra = extra[4 + count :]
    return fields


def _widen(extra: dict[int, bytes], *fields: tuple[int, int, int]) -> tuple[int, ...]:
    """Replace each (value, most, width) whose value is all ones by its number in the ZIP64 extra field."""
    wide = extra.get(_ZIP64_EXTRA)
    if wide is None:
        return tuple(value for value, _, _ in fields)
    values = []
    for value, most, width in fields:
        if value == most:
            if len(wide) < width:
                raise ArchiveRefused("bad_structure")
            value, wide = int.from_bytes(wide[:width], "little"), wide[width:]
        values.append(value)
    return tuple(values)


def _plain_name(raw: bytes, flags: int) -> str:
    """The entry's name as text. It is shown and never used as a path; a hostile one is refused all the same."""
    try:
        name = raw.decode("utf-8" if flags & _UTF8_BIT else "cp437")
    except UnicodeDecodeError:
        raise ArchiveRefused("bad_name") from None
    parts = name.replace("\\", "/").split("/")
    leads_out = ".." in parts or not all(parts) or parts[0][1:2] == ":"
    hidden = any(unicodedata.category(letter) in _HIDDEN_CATEGORIES for letter in name)
    if leads_out or hidden or len(name) > _MAX_NAME:
        raise ArchiveRefused("bad_name")
    return name
