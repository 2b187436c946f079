"""The supervisor: starts again what dies, and leaves nobody behind, not even after its own death."""

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from lacportal.demo.child import LOG_BYTES, Child
from lacportal.demo.folder import DemoFolder
from lacportal.demo.supervisor import Stopped, Supervisor

# A program with a child of its own; both ignore nothing.
FAMILY = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); "
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"


@pytest.fixture
def said() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def supervisor(tmp_path: Path, said: io.StringIO) -> Iterator[Supervisor]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    lock = DemoFolder(tmp_path).lock()
    made = Supervisor(Console(file=said), lock)
    yield made
    made.stop()
    os.close(lock)
    for number, handler in handlers.items():
        signal.signal(number, handler)


def _child(folder: Path, program: str, name: str = "some") -> Child:
    return Child(name, [sys.executable, "-c", program], dict(os.environ), folder / "logs")


def _until(truth: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def _members(group: int) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if os.getpgid(process.pid) == group and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found


def test_child_that_dies_is_started_again_and_it_is_said(
    supervisor: Supervisor, tmp_path: Path, said: io.StringIO
) -> None:
    child = _child(tmp_path, "import time; time.sleep(60)")
    supervisor.start(child)
    first = child.group
    assert first
    os.kill(first, signal.SIGKILL)
    for _ in range(100):
        supervisor.sleep(0.1)
        if child.group not in (None, first):
            break
    assert child.group not in (None, first)
    assert "some was ended by SIGKILL; it is started again in 0.5 s" in said.getvalue().replace("\n", " ")


def test_child_that_keeps_dying_is_started_less_and_less_often(tmp_path: Path) -> None:
    child = _child(tmp_path, "raise SystemExit(3)")
    waits = []
    for _ in range(3):
        child.start()
        _until(child.has_died)
        how, wait = child.bury()
        waits.append(wait)
    assert how == "ended with code 3"
    assert waits == [0.5, 1.0, 2.0]


def test_dead_childs_own_children_go_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    child = _child(tmp_path, FAMILY + "time.sleep(60)")
    supervisor.start(child)
    group = child.group
    assert group
    _until(lambda: len(_members(group)) == 2)
    os.kill(group, signal.SIGKILL)
    supervisor.sleep(0.4)
    _until(lambda: _members(group) == [])


def test_stop_ends_everybody_also_who_does_not_listen(supervisor: Supervisor, tmp_path: Path) -> None:
    broker, stubborn = _child(tmp_path, "import time; time.sleep(60)"), _child(tmp_path, STUBBORN, "stubborn")
    supervisor.start(broker)
    supervisor.start(stubborn)
    groups = [broker.group, stubborn.group]
    _until(lambda: "up" in stubborn.last_words())
    # The second Ctrl-C, a second later: no more grace.
    started = time.monotonic()
    previous = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 1)
    supervisor.stop()
    signal.signal(signal.SIGALRM, previous)
    assert time.monotonic() - started < 6
    assert all(_members(group) == [] for group in groups if group)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_request_to_end_is_followed_at_the_next_look(supervisor: Supervisor, number: signal.Signals) -> None:
    os.kill(os.getpid(), number)
    with pytest.raises(Stopped):
        supervisor.sleep(5)


SUPERVISED = """
import sys, time
from pathlib import Path
from rich.console import Console
from lacportal.demo.child import Child
from lacportal.demo.folder import DemoFolder
from lacportal.demo.supervisor import Supervisor
folder = DemoFolder(Path(sys.argv[1]))
supervisor = Supervisor(Console(), folder.lock())
child = Child("family", [sys.executable, "-c", sys.argv[2]], {}, folder.logs)
supervisor.start(child)
print(child.group, flush=True)
supervisor.sleep(60)
"""


def test_killed_supervisor_leaves_nobody_behind(tmp_path: Path) -> None:
    supervised = subprocess.Popen(
        [sys.executable, "-c", SUPERVISED, str(tmp_path), FAMILY + "time.sleep(60)"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path.cwd())},
    )
    assert supervised.stdout is not None
    group = int(supervised.stdout.readline())
    _until(lambda: len(_members(group)) == 2)
    supervised.kill()
    supervised.communicate()
    _until(lambda: _members(group) == [])
    # The janitor has gone too, and with it the lock.
    os.close(DemoFolder(tmp_path).lock())


def test_long_log_is_cut_and_its_end_kept(tmp_path: Path) -> None:
    child = _child(tmp_path, "")
    child.log.parent.mkdir()
    child.log.write_bytes(b"old\n" * (LOG_BYTES // 4) + b"last words\n")
    child.keep_log_small()
    assert child.log.stat().st_size == 0
    kept = child.log.with_suffix(".log.1").read_bytes()
    assert kept.endswith(b"last words\n")
    assert len(kept) <= LOG_BYTES
