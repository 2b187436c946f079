"""A ZIP of several stored files, sent while it is read: nothing is kept but the list at its end.

The entries are packed already, so they are framed, not pressed: deflate's stored blocks, which every unpacker takes
with sizes in a descriptor behind the data. Entries and places beyond 4 GiB are written in ZIP64. Layout: PKWARE APPNOTE
6.3.10, §4.3 and §4.5.3.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

_FLAGS: Final = 0x808  # descriptor behind the data, names in UTF-8
_DEFLATED: Final = 8
_NO_PRESSING: Final = 0
_PLAIN, _ZIP64 = 20, 45
_UNKNOWN: Final = 0xFFFFFFFF
# A stored block adds 5 bytes to each 16 kB at most; so far below the limit no entry grows beyond it.
LARGEST_PLAIN: Final = 0xFFFFFFFF - 16 * 1024 * 1024


class ZipStream:
    """Entries one after another: send what `entry` yields for each, then what `end` returns.

    Args:
        largest_plain: bytes from which on an entry or a place is written in ZIP64 (lower only in tests).
    """

    def __init__(self, largest_plain: int = LARGEST_PLAIN) -> None:
        self._largest_plain = largest_plain
        self._central: list[bytes] = []
        self._sent = 0

    def entry(self, name: str, size: int, changed_at: datetime, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the bytes of one entry.

        Args:
            size: the sum of all chunks; ZIP64 has to be chosen before the first of them.

        Raises:
            ValueError: the chunks were more or fewer bytes than announced: what was sent is no whole archive.
        """
        written, is_large, offset = name.encode(), size > self._largest_plain, self._sent
        version = _ZIP64 if is_large else _PLAIN
        date, time = _dos(changed_at)
        unknown = _UNKNOWN if is_large else 0
        extra = struct.pack("<2H2Q", 1, 16, 0, 0) if is_large else b""
        head = (version, _FLAGS, _DEFLATED, time, date, 0, unknown, unknown, len(written), len(extra))
        yield self._count(b"PK\x03\x04" + struct.pack("<5H3L2H", *head) + written + extra)
        frame, crc, unpacked, begun = zlib.compressobj(_NO_PRESSING, zlib.DEFLATED, -15), 0, 0, self._sent
        for chunk in chunks:
            crc, unpacked = zlib.crc32(chunk, crc), unpacked + len(chunk)
            if framed := frame.compress(chunk):
                yield self._count(framed)
        if unpacked != size:
            raise ValueError(f"{unpacked} bytes came where {size} were announced")
        yield self._count(frame.flush())
        packed = self._sent - begun
        yield self._count(b"PK\x07\x08" + struct.pack("<L2Q" if is_large else "<3L", crc, packed, unpacked))
        self._note(written, version, (date, time), (crc, packed, unpacked, offset), is_large)

    def end(self) -> bytes:
        """Return the list of all entries, which ends the archive."""
        at, directory, count = self._sent, b"".join(self._central), len(self._central)
        if at > self._largest_plain:
            end = at + len(directory)
            places = (count, count, len(directory), at)
            directory += b"PK\x06\x06" + struct.pack("<Q2H2L4Q", 44, _ZIP64, _ZIP64, 0, 0, *places)
            directory += b"PK\x06\x07" + struct.pack("<LQL", 0, end, 1)
            length, at = end - self._sent, _UNKNOWN
        else:
            length = len(directory)
        return directory + b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, count, count, length, at, 0)

    def _count(self, sent: bytes) -> bytes:
        self._sent += len(sent)
        return sent

    def _note(
        self,
        name: bytes,
        version: int,
        stamp: tuple[int, int],
        facts: tuple[int, int, int, int],
        is_large: bool,
    ) -> None:
        (date, time), (crc, packed, unpacked, offset) = stamp, facts
        extra = b""
        if is_large:
            extra += struct.pack("<2Q", unpacked, packed)
            packed = unpacked = _UNKNOWN
        if offset > self._largest_plain:
            extra += struct.pack("<Q", offset)
            offset = _UNKNOWN
        if extra:
            extra, version = struct.pack("<2H", 1, len(extra)) + extra, _ZIP64
        head = (version, version, _FLAGS, _DEFLATED, time, date, crc, packed, unpacked, len(name), len(extra))
        tail = (0, 0, 0, 0, offset)
        self._central.append(b"PK\x01\x02" + struct.pack("<6H3L2H", *head) + struct.pack("<3H2L", *tail) + name + extra)


def _dos(at: datetime) -> tuple[int, int]:
    """Return date and time as ZIP writes them: to two seconds, from 1980 on."""
    return (max(at.year - 1980, 0) << 9 | at.month << 5 | at.day, at.hour << 11 | at.minute << 5 | at.second // 2)
