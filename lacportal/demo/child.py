"""One process of the demo: started in a group of its own, its log kept small, started again when it dies."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from lacportal.demo.surroundings import source_folder

BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
# Whoever lived this long was not broken; its next death starts at the shortest wait again.
HEALTHY_SECONDS = 30.0
LOG_BYTES = 2_000_000


class Child:
    """A process that is meant to run as long as the demo does."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], logs: Path) -> None:
        self.name = name
        self.deaths = 0
        self._command = command
        self._environment = environment
        self._log = logs / f"{name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at: float | None = None

    @property
    def log(self) -> Path:
        """Return the file of what it said."""
        return self._log

    @property
    def group(self) -> int | None:
        """Return its process group, None while it does not run."""
        return self._process.pid if self._process else None

    def start(self) -> int:
        """Start it; return its process group."""
        self._log.parent.mkdir(exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # nosec B603  # our own programs
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=source_folder(),
                env=self._environment,
                start_new_session=True,
            )
        self._started_at = time.monotonic()
        self._start_at = None
        return self._process.pid

    def has_died(self) -> bool:
        """Tell once about each death."""
        return self._process is not None and self._process.poll() is not None

    def bury(self) -> tuple[str, float]:
        """Clear away after a death.

        Returns:
            How it ended, in words, and in how many seconds it may be started again.
        """
        assert self._process is not None
        code = self._process.returncode
        # What it had started itself goes with it; else a worker's children would work on beside its successor.
        self.signal(signal.SIGKILL)
        self._process = None
        if time.monotonic() - self._started_at > HEALTHY_SECONDS:
            self.deaths = 0
        wait = BACK_OFF_SECONDS[min(self.deaths, len(BACK_OFF_SECONDS) - 1)]
        self.deaths += 1
        self._start_at = time.monotonic() + wait
        return _in_words(code), wait

    def is_to_start(self) -> bool:
        """Tell whether the wait after a death is over."""
        return self._start_at is not None and time.monotonic() >= self._start_at

    def signal(self, how: signal.Signals) -> None:
        """Signal its whole group."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, how)

    def ask_to_stop(self) -> None:
        """Ask the process itself; it ends its own children."""
        self._start_at = None
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> bool:
        """Wait for its end; False when it still runs."""
        if self._process is None:
            return True
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(seconds, 0.01))
        return self._process.returncode is not None

    def keep_log_small(self) -> None:
        """Cut the log to nothing once it is too long, the last part kept beside it as ``.1``."""
        try:
            size = self._log.stat().st_size
        except FileNotFoundError:
            return
        if size > LOG_BYTES:
            with self._log.open("r+b") as log:
                log.seek(size - LOG_BYTES // 2)
                self._log.with_suffix(".log.1").write_bytes(log.read())
                log.truncate(0)  # the process writes in append mode and goes on at the new end

    def last_words(self, lines: int = 8) -> str:
        """Return the last lines of its log."""
        try:
            with self._log.open("rb") as log:
                log.seek(max(0, self._log.stat().st_size - 8000))
                text = log.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return "\n".join(text.splitlines()[-lines:])


def _in_words(code: int) -> str:
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
