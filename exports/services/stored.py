"""The storage of the settings, and the limits of the gate."""

import hashlib
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from weakref import WeakKeyDictionary

from django.conf import settings
from django.utils.translation import gettext as _

from exports.files.archive import ArchiveLimits
from exports.files.sinks import HashedFile
from exports.files.storage import FileMissing, Storage, StorageUnreachable, storage_from
from exports.models import Export
from exports.services.refusals import Unavailable

logger = logging.getLogger(__name__)

CHUNK = 1024 * 1024
AWAY_SECONDS = 30.0  # for which a store that was away a moment ago isn't asked to remove anything
SOURCE = ".source"  # ends the name of a conversion's local copy of a file in object storage


_away_until: WeakKeyDictionary[Storage, float] = WeakKeyDictionary()


@lru_cache(maxsize=8)
def _storage(root: Path, url: str, group_reads: bool) -> Storage:
    storage = storage_from(root, url, group_reads=group_reads)
    storage.ensure()
    return storage


def storage() -> Storage:
    """Return where files lie: ``EXPORT_STORAGE_URL``, or the folder ``EXPORT_ROOT``.

    Where nginx sends them it reads them as a user of its own, by the folder's group.
    """
    return _storage(Path(settings.EXPORT_ROOT), settings.EXPORT_STORAGE_URL, bool(settings.EXPORT_ACCEL_LOCATION))


def limits() -> ArchiveLimits:
    """Return the gate's limits."""
    return ArchiveLimits(max_unpacked_bytes=settings.EXPORT_MAX_UNPACKED_BYTES)


def has_room() -> bool:
    """Tell whether a new download may start: more than ``EXPORT_MIN_FREE_BYTES`` are free."""
    return storage().free_bytes() >= settings.EXPORT_MIN_FREE_BYTES


def is_reachable() -> bool:
    """Tell whether the place of the files answers; for an object store a request of its own."""
    try:
        storage().check()
    except OSError:
        return False
    return True


def discard(*names: str) -> bool:
    """Remove files that no row names any more; the empty name is none.

    What can't be removed now is left to the reaper, as what was decided about the row stands already: a store that is
    away, or a file that is somebody else's, undoes nothing. A store that is away costs one time-out and is left alone
    for a while, or a clock with hundreds of files to expire would stand still with it.

    Returns:
        True when all of them are gone.
    """
    are_gone = True
    for name in filter(None, names):
        try:
            _remove(storage(), name)
        except OSError as fault:
            logger.warning("file.left %s: %s", name, fault)
            are_gone = False
    return are_gone


def _remove(store: Storage, name: str) -> None:
    if time.monotonic() < _away_until.get(store, 0.0):
        store.part_path(name).unlink(missing_ok=True)  # what lies on this machine asks for no store
        raise StorageUnreachable("the store was away a moment ago")
    try:
        store.remove(name)
    except StorageUnreachable:
        _away_until[store] = time.monotonic() + AWAY_SECONDS
        raise


@contextmanager
def answering() -> Iterator[None]:
    """Have a store that is away said in words for people.

    Raises:
        Unavailable: the store can't be reached, or refuses.
    """
    try:
        yield
    except StorageUnreachable as fault:
        logger.warning("storage.unreachable %s", fault)
        raise Unavailable(
            "storage_unreachable",
            _("The place where files are kept does not answer right now. The file is not lost; try again in a minute."),
        ) from fault


def sha256_of(name: str) -> str:
    """Return the SHA-256 (hex) of a stored file as it lies there now.

    Raises:
        FileMissing: the file is gone.
    """
    with storage().open(name) as file:
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def is_untouched(name: str, *, size: int, sha256: str, since: datetime) -> bool:
    """Tell whether a stored file is what its receipt says.

    Bytes and, on a disk, the time of the last change are looked at; only a file that something touched after it was
    published is read again.

    Args:
        since: when the row said that the file is there: later than the last change that was ours.

    Raises:
        FileMissing: the file is gone.
    """
    store = storage()
    if store.size(name) != size:
        return False
    path = store.local_path(name)
    if path is None:
        return True
    seen = _seen(path, name)
    if datetime.fromtimestamp(max(seen.modified_ns, seen.changed_ns) / 1e9, UTC) <= since:
        return True
    return _sha256_as_seen(name, path, seen) == sha256


class _Seen(NamedTuple):
    """What tells that nobody touched a file since it was read: nothing but a clock set back forges a change time."""

    inode: int
    size: int
    modified_ns: int
    changed_ns: int


def _seen(path: Path, name: str) -> _Seen:
    try:
        status = path.stat()
    except FileNotFoundError:
        raise FileMissing(name) from None
    return _Seen(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@lru_cache(maxsize=512)
def _sha256_as_seen(name: str, path: Path, seen: _Seen) -> str:
    """A restored file is younger than its row: it is read once by each process, not at every download."""
    return sha256_of(name)


@contextmanager
def local_source(export: Export, *, reader: str) -> Iterator[Path]:
    """Give a path on this machine to read a stored file from; a copy, removed afterwards, when it lies elsewhere.

    Args:
        reader: the stored name that this reader makes, which no other has: two that share a copy would cut it short
            for each other.

    Raises:
        FileMissing: the file is gone, or is no longer what was stored.
        StorageUnreachable: the store of the files doesn't answer.
        StorageFull: there is no room for the copy.
    """
    store = storage()
    path = store.local_path(export.stored_name)
    if path is not None:
        assert export.bytes is not None
        assert export.ready_at is not None
        if not is_untouched(export.stored_name, size=export.bytes, sha256=export.sha256, since=export.ready_at):
            raise FileMissing(export.stored_name)
        yield path
        return
    copy = store.part_path(f"{reader}{SOURCE}")
    copy.unlink(missing_ok=True)  # of a reader that was killed
    try:
        with store.open(export.stored_name) as remote, HashedFile(copy) as local:
            shutil.copyfileobj(remote, local, CHUNK)
        if (local.bytes, local.sha256) != (export.bytes, export.sha256):
            raise FileMissing(export.stored_name)
        yield copy
    finally:
        copy.unlink(missing_ok=True)
