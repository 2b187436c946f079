"""Files in a folder."""

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from exports.files.faults import StorageFull
from exports.files.names import is_stored_name
from exports.files.storage import FileMissing, LocalStorage, Storage, storage_from

NAME = "0c7e6a40-5862-4402-ab76-a70f8a26fc73-12"


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    storage = storage_from(tmp_path / "root" / "exports", "")
    storage.ensure()
    return storage


def keep(storage: Storage, name: str, content: bytes) -> None:
    storage.part_path(name).write_bytes(content)
    storage.publish(name)


def test_empty_address_is_a_folder_and_others_are_refused(tmp_path: Path) -> None:
    assert isinstance(storage_from(tmp_path, ""), LocalStorage)
    with pytest.raises(ValueError, match="storage address"):
        storage_from(tmp_path, "ftp://example.com/files")


def test_folder_is_its_owners_only_and_made_once(storage: Storage, tmp_path: Path) -> None:
    storage.ensure()
    assert stat.S_IMODE((tmp_path / "root" / "exports").stat().st_mode) == 0o700


@pytest.mark.parametrize("name", [NAME, NAME + "0", NAME + ".csv", NAME + ".jsonl.gz", NAME + ".3.csv-noguard"])
def test_names_of_ours_are_accepted(name: str) -> None:
    assert is_stored_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../" + NAME,
        NAME + "/..",
        NAME + "/x",
        NAME + "\x00",
        NAME + "\n",
        NAME + ".part",
        NAME + ".part.csv",
        NAME + ".",
        NAME + "..csv",
        NAME + ".CSV",
        NAME.upper(),
        NAME + "-3",
        NAME[:-3],
        "/etc/passwd",
        NAME.replace("12", "１２"),
    ],
)
def test_other_names_are_refused_everywhere(storage: LocalStorage, name: str) -> None:
    calls: list[Callable[[str], object]] = [
        storage.part_path,
        storage.publish,
        storage.open,
        storage.local_path,
        storage.size,
        storage.remove,
        lambda name: storage.open_range(name, 0, 1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="not the name"):
            call(name)


def test_published_file_is_read_back(storage: Storage) -> None:
    keep(storage, NAME, b"0123456789")
    with storage.open(NAME) as file:
        file.seek(3)
        assert file.read(2) == b"34"
    path = storage.local_path(NAME)
    assert path is not None
    assert path.read_bytes() == b"0123456789"
    assert storage.size(NAME) == 10
    assert not storage.part_path(NAME).exists()


def test_range_is_read_in_pieces_up_to_its_end(storage: Storage) -> None:
    content = os.urandom(1_000_000)
    keep(storage, NAME, content)
    for start, end in [(0, 1_000_000), (5, 6), (5, 5), (999_999, 2_000_000), (300_000, 900_001), (2_000_000, 3)]:
        pieces = list(storage.open_range(NAME, start, end))
        assert b"".join(pieces) == content[start:end]
        assert all(len(piece) <= 256 * 1024 for piece in pieces)


def test_range_left_unread_closes_its_file(storage: Storage) -> None:
    keep(storage, NAME, bytes(1_000_000))
    before = len(list(Path("/proc/self/fd").iterdir()))
    for reads in (0, 1):
        pieces = storage.open_range(NAME, 0, 1_000_000)
        for _ in range(reads):
            next(pieces)
        pieces.close()  # type: ignore[attr-defined]
        assert next(pieces, None) is None
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_missing_file_is_said_at_once(storage: Storage) -> None:
    for call in (storage.open, storage.size, storage.publish, lambda name: storage.open_range(name, 0, 1)):
        with pytest.raises(FileMissing):
            call(NAME)


def test_name_that_is_taken_is_not_overwritten(storage: Storage) -> None:
    keep(storage, NAME, b"first")
    storage.part_path(NAME).write_bytes(b"second")
    with pytest.raises(FileExistsError):
        storage.publish(NAME)
    with storage.open(NAME) as file:
        assert file.read() == b"first"


def test_removing_takes_the_part_too_and_may_be_repeated(storage: Storage) -> None:
    keep(storage, NAME, b"x")
    storage.part_path(NAME).write_bytes(b"y")
    storage.remove(NAME)
    storage.remove(NAME)
    assert list(storage.names()) == []
    storage.part_path(NAME).write_bytes(b"y")
    storage.remove(NAME)
    assert list(storage.names()) == []


def test_names_lists_ours_and_strangers_the_rest(storage: Storage, tmp_path: Path) -> None:
    keep(storage, NAME, b"xyz")
    other = f"{uuid4()}-3.csv"
    storage.part_path(other).write_bytes(b"half")
    root = tmp_path / "root" / "exports"
    (root / "notes.txt").write_bytes(b"1")
    (root / "notes.part").write_bytes(b"12")
    (root / "lost+found").mkdir()
    (root / "copy" / "deep").mkdir(parents=True)
    (root / "copy" / "deep" / NAME).write_bytes(b"123")
    (root / (NAME + ".link")).symlink_to("/etc/passwd")
    found = {(entry.name, entry.bytes, entry.is_part) for entry in storage.names()}
    assert found - {(NAME + ".link", 11, False)} == {(NAME, 3, False), (other, 4, True)}
    assert {(entry.name, entry.bytes) for entry in storage.strangers()} == {
        ("notes.txt", 1),
        ("notes.part", 2),
        (f"copy/deep/{NAME}", 3),
    }
    age = datetime.now(UTC) - next(iter(storage.names())).modified_at
    assert age < timedelta(minutes=1)


def test_free_space_is_that_of_the_folder(storage: Storage) -> None:
    assert storage.free_bytes() > 0


def spied(monkeypatch: pytest.MonkeyPatch, fail_at: int = 0, fault: int = errno.EIO) -> list[str]:
    """Watch the system calls of publishing; the `fail_at`-th fails."""
    done: list[str] = []
    fsync, rename = os.fsync, Path.rename

    def note(what: str) -> None:
        done.append(what)
        if len(done) == fail_at:
            raise OSError(fault, os.strerror(fault))

    def watched_fsync(descriptor: int) -> None:
        note("fsync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "fsync file")
        fsync(descriptor)

    def watched_rename(path: Path, target: Path) -> Path:
        note("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", watched_fsync)
    monkeypatch.setattr(Path, "rename", watched_rename)
    return done


def test_publishing_puts_bytes_on_disk_before_their_name(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.part_path(NAME).write_bytes(b"x")
    done = spied(monkeypatch)
    storage.publish(NAME)
    assert done == ["fsync file", "rename", "fsync folder"]
    done.clear()
    storage.remove(NAME)
    assert done == ["fsync folder"]
    storage.remove(NAME)
    assert done == ["fsync folder"]


@pytest.mark.parametrize("fail_at", [1, 2])
def test_publishing_that_fails_leaves_only_the_part(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, fail_at: int
) -> None:
    storage.part_path(NAME).write_bytes(b"x")
    spied(monkeypatch, fail_at)
    with pytest.raises(OSError, match="Input/output"):
        storage.publish(NAME)
    assert [(entry.name, entry.is_part) for entry in storage.names()] == [(NAME, True)]


def test_disk_full_at_publishing_is_told_as_such(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.part_path(NAME).write_bytes(b"x")
    spied(monkeypatch, 1, errno.EDQUOT)
    with pytest.raises(StorageFull):
        storage.publish(NAME)


KILLED = """
import os, signal, sys
from pathlib import Path
from exports.files.storage import LocalStorage
storage, at = LocalStorage(Path(sys.argv[1])), int(sys.argv[2])
calls = 0
def dying(event, *_):
    global calls
    if event in ("open", "os.rename"):
        calls += 1
        if calls == at:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(dying)
storage.publish(sys.argv[3])
"""


@pytest.mark.parametrize("at", [1, 2, 3])
def test_process_killed_while_publishing_leaves_one_whole_file(storage: LocalStorage, at: int) -> None:
    storage.part_path(NAME).write_bytes(b"whole")
    done = subprocess.run([sys.executable, "-c", KILLED, storage.root, str(at), NAME], capture_output=True)
    assert done.returncode == -9
    (left,) = storage.names()
    assert (left.name, left.bytes) == (NAME, 5)
    assert left.is_part is (at < 3)
