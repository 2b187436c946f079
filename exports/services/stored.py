"""The storage of the settings, and the limits of the gate."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from exports.files.archive import ArchiveLimits
from exports.files.storage import Storage, storage_from
from exports.models import Export


@lru_cache(maxsize=8)
def _storage(root: Path, url: str) -> Storage:
    storage = storage_from(root, url)
    storage.ensure()
    return storage


def storage() -> Storage:
    """Return where files lie: ``EXPORT_STORAGE_URL``, or the folder ``EXPORT_ROOT``."""
    return _storage(Path(settings.EXPORT_ROOT), settings.EXPORT_STORAGE_URL)


def limits() -> ArchiveLimits:
    """Return the gate's limits."""
    return ArchiveLimits(max_unpacked_bytes=settings.EXPORT_MAX_UNPACKED_BYTES)


def has_room() -> bool:
    """Tell whether a new download may start: more than ``EXPORT_MIN_FREE_BYTES`` are free."""
    return storage().free_bytes() >= settings.EXPORT_MIN_FREE_BYTES


@contextmanager
def local_source(export: Export) -> Iterator[Path]:
    """Give a path on this machine to read a stored file from; a copy, removed afterwards, when it lies elsewhere.

    Raises:
        FileMissing: the file is gone.
    """
    store = storage()
    path = store.local_path(export.stored_name)
    if path is not None:
        store.size(export.stored_name)
        yield path
        return
    copy = store.part_path(f"{export.stored_name}.source")
    try:
        with store.open(export.stored_name) as remote, copy.open("wb") as local:
            shutil.copyfileobj(remote, local, 1024 * 1024)
        yield copy
    finally:
        copy.unlink(missing_ok=True)
