"""Faults of the place where files are kept, told apart from faults of the files."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# EFBIG: a limit on the size of one file, by the file system or by the process.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StorageFull(Exception):
    """No room, or less than the floor is left. Nothing is wrong with the file: try again when there is room."""


class StorageUnreachable(OSError):
    """The object store does not answer, or refuses us. Like a fault of a disk: nothing is wrong with the file."""


class FileMissing(Exception):
    """The store holds no file of that name."""


@contextmanager
def full_is_storage_full() -> Iterator[None]:
    """Turn the system's three ways to say *full* into `StorageFull`."""
    try:
        yield
    except OSError as fault:
        if fault.errno in _FULL:
            raise StorageFull(str(fault.strerror)) from fault
        raise
