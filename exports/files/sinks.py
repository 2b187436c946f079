"""A file that is hashed while it is written."""

import hashlib
import os
from pathlib import Path
from types import TracebackType

from exports.files.faults import full_is_storage_full


class HashedFile:
    """A new file of mode 0600, written from front to back. A second `begin` starts it over."""

    def __init__(self, path: Path) -> None:
        with full_is_storage_full():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        self._file = open(descriptor, "wb", buffering=0)  # noqa: PTH123, SIM115 - a descriptor; closed by `close`
        self.begin()

    def __enter__(self) -> "HashedFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def begin(self) -> None:
        """Drop what was written."""
        if self._file.tell():  # ext4 writes out at once what was cut to nothing before, and closing waits for it
            self._file.seek(0)
            self._file.truncate()
        self._digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes | memoryview) -> int:
        """Append `data`, all of it. Raises `StorageFull`."""
        left = memoryview(data)
        with full_is_storage_full():
            while left:
                left = left[self._file.write(left) :]
        self._digest.update(data)
        self.bytes += len(data)
        return len(data)

    @property
    def sha256(self) -> str:
        """Hexadecimal SHA-256 of all that was written."""
        return self._digest.hexdigest()
