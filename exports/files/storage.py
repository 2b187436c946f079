"""Where files are kept: on this machine, or in S3-compatible object storage."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from exports.files.faults import FileMissing, StorageUnreachable
from exports.files.local_storage import LocalStorage
from exports.files.names import StoredName

__all__ = ["FileMissing", "LocalStorage", "Storage", "StorageUnreachable", "StoredName", "storage_from"]


class Storage(Protocol):
    """What every store does; `LocalStorage` documents each method."""

    def ensure(self) -> None: ...
    def check(self) -> None: ...
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


def storage_from(root: Path, url: str, *, group_reads: bool = False) -> Storage:
    """The store that `url` names: empty for the folder `root`, `s3://…` for a bucket with `root` as its spool.

    `group_reads` is the folder's alone: a spool is nobody else's.

    Raises `ValueError` for an address it does not understand, without repeating it.
    """
    if not url:
        return LocalStorage(root, group_reads=group_reads)
    if url.startswith("s3://"):
        # By name, so that who keeps files in a folder does not carry the other's library, 30 MB in each process.
        store: Storage = importlib.import_module("exports.files.s3_storage").S3Storage(root, url)
        return store
    raise ValueError("the storage address is not one this program understands")
