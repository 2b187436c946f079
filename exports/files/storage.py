"""Where files are kept: on this machine, or in S3-compatible object storage."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from exports.files.faults import FileMissing
from exports.files.local_storage import LocalStorage
from exports.files.names import StoredName

__all__ = ["FileMissing", "LocalStorage", "Storage", "StoredName", "storage_from"]


class Storage(Protocol):
    """What every store does; `LocalStorage` documents each method."""

    def ensure(self) -> None: ...
    def part_path(self, name: str) -> Path: ...
    def publish(self, name: str) -> None: ...
    def open(self, name: str) -> BinaryIO: ...
    def open_range(self, name: str, start: int, end: int) -> Iterator[bytes]: ...
    def local_path(self, name: str) -> Path | None: ...
    def size(self, name: str) -> int: ...
    def remove(self, name: str) -> None: ...
    def names(self) -> Iterator[StoredName]: ...
    def strangers(self) -> Iterator[StoredName]: ...
    def free_bytes(self) -> int: ...


def storage_from(root: Path, url: str) -> Storage:
    """The store that `url` names, with `root` as its folder. An empty `url` is the folder itself.

    Raises `ValueError` for an address it does not understand.
    """
    if not url:
        return LocalStorage(root)
    raise ValueError("the storage address is not one this program understands")
