"""`make demo` as a stranger meets it: nothing on PATH, one folder, every process gone at the end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from lacportal.demo.ports import choose_port
from tests.support.processes import stop

pytestmark = [pytest.mark.processes, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[2]
TYPES = {"event", "identity", "individual", "membership", "page", "segment"}


class Demo:
    """A demo in its own process, and what it says."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lacportal.demo", "--folder", str(folder), *arguments],
            cwd=ROOT,
            # No server program is found on this PATH, and nothing of another installation is believed.
            env={"PATH": "/nonexistent", "HOME": str(folder), "DATABASE_URL": "postgres://not:this@192.0.2.1/one"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.said = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said += line.decode()

    @property
    def address(self) -> str:
        """Return where its pages are."""
        found = re.search(r"LAC Portal: +(http://localhost:\d+)/", self.said)
        assert found, self.said
        return found[1]

    def until(self, truth: Callable[[], object], seconds: float = 90) -> None:
        """Wait until something is so."""
        end = time.monotonic() + seconds
        while not truth():
            assert time.monotonic() < end, self.said
            assert self.process.poll() is None, self.said
            time.sleep(0.1)

    def end(self, seconds: float) -> int:
        """Wait for its end; return its exit code."""
        code = self.process.wait(seconds)
        self._reader.join(10)
        return code

    def relatives(self) -> list[psutil.Process]:
        """Return every process that works in its folder."""
        found = []
        for process in psutil.process_iter():
            try:
                words = [*process.cmdline(), process.environ().get("EXPORT_ROOT", "")]
                if any(str(self.folder) in word for word in words) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Starts demos in one folder; what a failed test leaves is ended."""
    demos: list[Demo] = []

    def make(*arguments: str) -> Demo:
        demos.append(Demo(tmp_path / "demo", *arguments))
        return demos[-1]

    yield make
    for demo in demos:
        stop(demo.process, signal.SIGTERM, seconds=20)
        for process in demo.relatives():
            process.kill()
        assert demo.process.stdout is not None
        demo.process.stdout.close()


def test_demo_once_ends_with_six_checked_files_and_leaves_nobody(start: Callable[..., Demo]) -> None:
    demo = start("--once", "--port", str(choose_port(18000)))
    assert demo.end(250) == 0, demo.said
    downloads = demo.folder / "downloads"
    for data_type in TYPES:
        rows = (downloads / f"{data_type}.jsonl").read_bytes()
        with zipfile.ZipFile(downloads / f"{data_type}.zip") as archive:
            assert archive.read(archive.namelist()[0]) == rows
        assert all(isinstance(json.loads(row), dict) for row in rows.splitlines())
        assert re.search(rf"{data_type} +waiting", demo.said)
        assert re.search(rf"{data_type} +ready", demo.said)
    assert "preparing" in demo.said
    assert "All 6 files are whole." in demo.said
    assert demo.relatives() == []


def test_demo_in_use_survives_what_people_and_machines_do(start: Callable[..., Demo]) -> None:
    port = choose_port(18100)
    first = start("--port", str(port))
    first.until(lambda: "Ctrl-C stops everything" in first.said, 120)
    address = first.address
    assert requests.get(f"{address}/accounts/login/", timeout=10).status_code == 200
    for role in ("viewer", "member", "manager", "admin"):
        assert f"{role}@demo.example" in first.said

    # A second start in the same folder is told where the first one is.
    second = start("--port", str(port))
    assert second.end(60) == 1
    assert f"already runs at {address}" in second.said

    # A worker that is killed is started again, and it is said.
    worker = next(one for one in first.relatives() if "worker" in one.cmdline() and one.ppid() == first.process.pid)
    worker.kill()
    first.until(lambda: "worker was ended by SIGKILL; it is started again" in first.said)

    # Ctrl-C ends every process.
    first.process.send_signal(signal.SIGINT)
    assert first.end(40) == 0, first.said
    assert first.relatives() == []

    # The second start keeps data and sign-ins, passes over a port somebody has taken meanwhile, and is quick.
    with socket.create_server(("127.0.0.1", port)):
        third = start("--port", str(port))
        third.until(lambda: "LAC Portal:" in third.said, 60)
        seconds = time.monotonic() - third.started_at
    assert f"Port {port} is taken" in third.said
    assert requests.get(f"{third.address}/accounts/login/", timeout=10).status_code == 200
    passwords = re.findall(r"(\w+@demo\.example) +(\S+)", first.said)
    assert passwords == re.findall(r"(\w+@demo\.example) +(\S+)", third.said)
    print(f"second start to the page: {seconds:.1f} s")

    # A supervisor that is killed outright takes everybody with it.
    os.kill(third.process.pid, signal.SIGKILL)
    third.end(10)
    end = time.monotonic() + 30
    while third.relatives():
        assert time.monotonic() < end, third.relatives()
        time.sleep(0.2)


def test_demo_once_that_cannot_end_in_time_says_so_and_exits_1(start: Callable[..., Demo]) -> None:
    demo = start("--once", "--seconds", "1", "--port", str(choose_port(18200)))
    assert demo.end(90) == 1
    assert re.search(r"Not ready within 1 seconds: .*event \(", demo.said), demo.said
    assert demo.relatives() == []
