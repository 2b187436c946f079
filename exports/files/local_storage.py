"""Files in one folder of this machine.

All lie flat in the root: with a day's retention there are thousands at most, and one folder has one order of
`fsync`, one listing for the audit and no empty subfolders to clear away.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from exports.files.faults import FileMissing, full_is_storage_full
from exports.files.names import PART_SUFFIX, StoredName, checked_name, is_stored_name
from exports.files.receiving import free_bytes

_READ_STEP: Final = 256 * 1024


class LocalStorage:
    """Keeps finished files as `root/<name>` and unfinished ones as `root/<name>.part`.

    Every method that takes a name raises `ValueError` for one that is not `<uuid>-<fence>` with an optional
    suffix such as `.csv`.

    Args:
        group_reads: the folder's group may list it and read finished files (0750, 0640): a web server in front that
            is another user. Otherwise all is its owner's only (0700, 0600), unfinished files in any case.
    """

    def __init__(self, root: Path, *, group_reads: bool = False) -> None:
        self.root = root
        self._group_reads = group_reads

    def ensure(self) -> None:
        """Make the folder, readable by its owner only, or by its group too. Safe to call again."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._group_reads:
            with suppress(PermissionError):  # somebody else's folder: its modes are theirs to choose
                self.root.chmod(0o750)

    def check(self) -> None:
        """Raise `OSError` when the place doesn't answer."""
        self.root.stat()

    def part_path(self, name: str) -> Path:
        """Where to write the file before it is published."""
        return self.root / (checked_name(name) + PART_SUFFIX)

    def publish(self, name: str) -> None:
        """Give the part its final name, and return when that survives a power cut.

        Raises `FileMissing` without a part, `FileExistsError` when the name is taken (nothing is overwritten; the
        fence in the name leaves no second writer), `StorageFull`.
        """
        part, final = self.part_path(name), self._path(name)
        if os.path.lexists(final):
            raise FileExistsError(f"{name} is published already")
        with full_is_storage_full():
            try:
                if self._group_reads:
                    part.chmod(0o640)
                _sync(part)
            except FileNotFoundError:
                raise FileMissing(name) from None
            part.rename(final)
            _sync(self.root)

    def open(self, name: str) -> BinaryIO:
        """The published file for reading, seekable. Raises `FileMissing`."""
        try:
            return self._path(name).open("rb")
        except FileNotFoundError:
            raise FileMissing(name) from None

    def open_range(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to but not including `end`, in pieces of at most 256 KiB.

        Raises `FileMissing` at once, not at the first piece, so that a reply can still become an error. The
        iterator has `close()`, as replies that stream expect.
        """
        return _FileRange(self.open(name), start, end)

    def local_path(self, name: str) -> Path | None:
        """The path of the published file, for whoever can send or read a file by path."""
        return self._path(name)

    def size(self, name: str) -> int:
        """Length of the published file in bytes. Raises `FileMissing`."""
        try:
            return self._path(name).stat().st_size
        except FileNotFoundError:
            raise FileMissing(name) from None

    def remove(self, name: str) -> None:
        """Unlink the file and its part. Nothing there is fine."""
        gone = False
        for path in (self._path(name), self.part_path(name)):
            try:
                path.unlink()
            except FileNotFoundError:
                continue
            gone = True
        if gone:
            _sync(self.root)

    def names(self) -> Iterator[StoredName]:
        """Every file of ours, parts included, in no order. Files of other names are left out."""
        return (entry for entry, ours in self._entries() if ours)

    def strangers(self) -> Iterator[StoredName]:
        """Files in the root and below that this store did not name: nobody's, and not ours to remove."""
        yield from (entry for entry, ours in self._entries() if not ours)
        for folder, _, names in os.walk(self.root):
            for name in names if Path(folder) != self.root else ():
                path = Path(folder) / name
                try:
                    status = path.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # removed while we looked
                modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
                yield StoredName(str(path.relative_to(self.root)), status.st_size, modified_at, is_part=False)

    def free_bytes(self) -> int:
        """Bytes that can still be written."""
        return free_bytes(self.root)

    def _path(self, name: str) -> Path:
        return self.root / checked_name(name)

    def _entries(self) -> Iterator[tuple[StoredName, bool]]:
        with os.scandir(self.root) as entries:
            for entry in entries:
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # removed while we looked
                if stat.S_ISDIR(status.st_mode):
                    continue
                name = entry.name.removesuffix(PART_SUFFIX)
                is_part = name != entry.name
                ours = is_stored_name(name)
                modified_at = datetime.fromtimestamp(status.st_mtime, UTC)
                yield StoredName(name if ours else entry.name, status.st_size, modified_at, is_part), ours


class _FileRange:
    """An iterator over part of a file that closes it at the end, when told, and even if never begun."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file = file
        self._left = end - start
        file.seek(start)

    def __iter__(self) -> "_FileRange":
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(min(self._left, _READ_STEP)) if self._left > 0 else b""
        if not piece:
            self.close()
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._left = 0
        self._file.close()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
