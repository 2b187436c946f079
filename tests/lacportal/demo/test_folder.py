"""The demo's folder: closed to others, the same secrets at each start, one demo at a time."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from lacportal.demo.folder import AlreadyRunning, DemoFolder, FolderUnusable, Running


def test_secrets_are_made_once_and_for_the_owner_alone(tmp_path: Path) -> None:
    made = DemoFolder(tmp_path / "demo").secrets()
    assert DemoFolder(tmp_path / "demo").secrets() == made
    assert (tmp_path / "demo" / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "demo").stat().st_mode & 0o777 == 0o700


def test_two_folders_share_no_secret(tmp_path: Path) -> None:
    one, two = DemoFolder(tmp_path / "one").secrets(), DemoFolder(tmp_path / "two").secrets()
    assert one.secret_key != two.secret_key
    assert set(one.passwords.values()).isdisjoint(two.passwords.values())


def test_broken_secrets_file_is_replaced(tmp_path: Path) -> None:
    folder = DemoFolder(tmp_path)
    (tmp_path / "secrets.json").write_text("{")
    assert folder.secrets() == folder.secrets()


@pytest.mark.parametrize("place", ["taken", "taken/below"])
def test_place_that_can_be_no_folder_is_told_in_a_sentence(tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(FolderUnusable, match=r"can't keep its data in .*taken.*make demo DEMO_DIR="):
        DemoFolder(tmp_path / place)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a folder of another account")
def test_folder_of_another_account_is_told_in_a_sentence() -> None:
    with tempfile.TemporaryDirectory() as above:
        Path(above).chmod(0o755)
        (Path(above) / "demo").mkdir()
        os.seteuid(65534)
        try:
            with pytest.raises(FolderUnusable, match="Operation not permitted"):
                DemoFolder(Path(above) / "demo")
        finally:
            os.seteuid(0)


def test_second_demo_in_one_folder_is_told_where_the_first_runs(tmp_path: Path) -> None:
    first = DemoFolder(tmp_path)
    descriptor = first.lock()
    first.note_running(Running(process=os.getpid(), address="http://localhost:8123"))
    with pytest.raises(AlreadyRunning, match=r"already runs at http://localhost:8123 \(process \d+"):
        DemoFolder(tmp_path).lock()
    os.close(descriptor)


def test_lock_of_a_dead_demo_is_waited_for(tmp_path: Path) -> None:
    """Its janitor holds the lock a little longer than it lived."""
    folder = DemoFolder(tmp_path)
    descriptor = folder.lock()
    janitor = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(0.7)"], pass_fds=(descriptor,))
    os.close(descriptor)
    folder.note_running(Running(process=_dead_process(), address="http://localhost:8000"))
    os.close(DemoFolder(tmp_path).lock())
    assert janitor.wait(5) == 0


def _dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid
