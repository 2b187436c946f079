"""Writes a body to disk as it arrives, hashing it on the way."""

import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from exports.files.faults import StorageFull, full_is_storage_full

__all__ = ["Received", "StorageFull", "receive"]

_FREE_CHECK_STEP: Final = 16 * 1024 * 1024


@dataclass(frozen=True)
class Received:
    """`bytes` is the length; `sha256` the hexadecimal SHA-256 of the bytes as they came."""

    bytes: int
    sha256: str


def receive(
    chunks: Iterable[bytes], part: Path, *, min_free_bytes: int, on_progress: Callable[[int], None]
) -> Received:
    """Write `chunks` to the new file `part` (mode 0600) and put it on the disk for good.

    `on_progress` gets the number of bytes so far after each chunk; what it raises ends the receiving. Free space
    is looked at before the first byte and after every 16 MiB. Raises `StorageFull`, `FileExistsError` when
    `part` is there already (no path is written twice), and whatever `chunks` raises. However it fails, `part` is
    gone afterwards: there is no resume upstream, and a full disk needs the room.
    """
    _check_free(part.parent, min_free_bytes)
    with full_is_storage_full():
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with full_is_storage_full(), open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123 - a descriptor
            return _write(chunks, file.fileno(), part.parent, min_free_bytes, on_progress)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write(
    chunks: Iterable[bytes],
    descriptor: int,
    folder: Path,
    min_free_bytes: int,
    on_progress: Callable[[int], None],
) -> Received:
    digest = hashlib.sha256()
    total = 0
    unchecked = 0
    for chunk in chunks:
        left = memoryview(chunk)
        while left:
            left = left[os.write(descriptor, left) :]
        digest.update(chunk)
        total += len(chunk)
        unchecked += len(chunk)
        if unchecked >= _FREE_CHECK_STEP:
            unchecked = 0
            _check_free(folder, min_free_bytes)
        on_progress(total)
    os.fsync(descriptor)
    return Received(total, digest.hexdigest())


def _check_free(folder: Path, min_free_bytes: int) -> None:
    if free_bytes(folder) < min_free_bytes:
        raise StorageFull("less than the floor of free space is left")


def free_bytes(folder: Path) -> int:
    """Bytes that this process may still write in the file system of `folder`."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize
