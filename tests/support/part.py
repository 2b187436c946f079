"""One real process of the portal under test, and what can be done to it."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tests.support.processes import die_with_parent


class Part:
    """A process in a group of its own: started, hurt, started again. Its log is appended to one file.

    Start it from the main thread only: the kernel ends it with the thread that started it.
    """

    def __init__(self, name: str, command: Sequence[str], *, cwd: Path, log: Path) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self._cwd = cwd
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Return the main process's id."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the main process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def children(self) -> list[int]:
        """Return the processes it forked, by age."""
        return children_of(self.pid) if self.is_running else []

    def start(self, environment: Mapping[str, str]) -> None:
        """Start it; it must not run."""
        assert not self.is_running, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self._cwd,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )

    def kill(self) -> None:
        """Take it and its children away at once, without a word (``kill -9`` of the whole group)."""
        self.signal_group(signal.SIGKILL)
        self.wait(10)

    def terminate(self, seconds: float = 30) -> float:
        """Ask it to stop as an init system does; return how long it took.

        Raises:
            AssertionError: it is still there after ``seconds``; with the states of its processes and what it said.
        """
        began = time.monotonic()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                states = {pid: state_of(pid) for pid in (self.pid, *self.children)}
                raise AssertionError(
                    f"{self.name} still there after {seconds:g} s: {states}\n{self.tail(80)}"
                ) from None
            self.signal_group(signal.SIGKILL)
        return time.monotonic() - began

    def signal_group(self, how: signal.Signals) -> None:
        """Send a signal to it and all its children."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, how)

    def wait(self, seconds: float) -> int:
        """Wait for its end; return the exit code."""
        assert self._process is not None
        return self._process.wait(seconds)

    def text(self) -> str:
        """Return everything it said so far."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of its log, without those that tell of another tick and no more."""
        said = [line for line in self.text().splitlines() if "exports.tick" not in line]
        return "\n".join(said[-lines:])


def state_of(pid: int) -> str:
    """Return the kernel's letter for a process (R, S, T, Z, ...); empty when it is gone."""
    try:
        return _stat(pid)[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def children_of(pid: int) -> list[int]:
    """Return the living or dead children of a process, by age."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                if int(_stat(int(entry.name))[1]) == pid:
                    found.append(int(entry.name))
    return sorted(found)


def holder_of(path: Path, pids: Sequence[int]) -> int | None:
    """Return which of the processes has a file open."""
    for pid in pids:
        for link in Path(f"/proc/{pid}/fd").glob("*"):
            with suppress(OSError):
                if link.readlink() == path:
                    return pid
    return None


def marked_processes(marker: str) -> list[int]:
    """Return the processes whose environment holds a text such as ``LAC_STACK=/tmp/x``, zombies left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if marker.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return sorted(found)


def _stat(pid: int) -> list[str]:
    """Return the fields behind the name: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
