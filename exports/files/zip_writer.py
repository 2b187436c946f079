"""Writes a ZIP from front to back, so that it can be hashed and sent on while it is made.

Deflates with ISA-L, four times as fast as the standard library at the same size. Sizes follow each entry in a data
descriptor of 32 bits: an entry of 4 GiB is the caller's to avoid. Layout: PKWARE APPNOTE 6.3.10, §4.3.
"""

import struct
from typing import Final

from isal import isal_zlib

from exports.files.sinks import HashedFile

_LEVEL: Final = 1
_VERSION: Final = 20
_FLAGS: Final = 0x808  # descriptor behind the data, names in UTF-8
_DEFLATED: Final = 8
_NEW_YEAR_1980: Final = 33  # the same rows make the same bytes


class ZipWriter:
    """One entry at a time: `begin`, any number of `write`, `end`; at last `finish`."""

    def __init__(self, target: HashedFile) -> None:
        self._target = target
        self._central: list[bytes] = []

    def add(self, name: str, content: bytes) -> None:
        """A whole entry."""
        self.begin(name)
        self.write(content)
        self.end()

    def begin(self, name: str) -> None:
        """Start an entry."""
        self._name = name.encode()
        self._offset = self._target.bytes
        self._deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, -15)
        self._crc = 0
        self.unpacked_bytes = 0
        header = (b"PK\x03\x04", _VERSION, _FLAGS, _DEFLATED, 0, _NEW_YEAR_1980, 0, 0, 0, len(self._name), 0)
        self._target.write(struct.pack("<4s5H3L2H", *header) + self._name)
        self._start = self._target.bytes

    def write(self, content: bytes) -> None:
        """Append to the entry."""
        self.unpacked_bytes += len(content)
        self._crc = isal_zlib.crc32(content, self._crc)
        self._target.write(self._deflate.compress(content))

    def end(self) -> None:
        """Complete the entry."""
        self._target.write(self._deflate.flush())
        sizes = (self._crc, self._target.bytes - self._start, self.unpacked_bytes)
        self._target.write(b"PK\x07\x08" + struct.pack("<3L", *sizes))
        fixed = (b"PK\x01\x02", _VERSION, _VERSION, _FLAGS, _DEFLATED, 0, _NEW_YEAR_1980, *sizes)
        self._central.append(
            struct.pack("<4s6H3L5H2L", *fixed, len(self._name), 0, 0, 0, 0, 0, self._offset) + self._name
        )

    def finish(self) -> None:
        """Write the central directory."""
        offset = self._target.bytes
        self._target.write(b"".join(self._central))
        count, length = len(self._central), self._target.bytes - offset
        self._target.write(struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, length, offset, 0))
