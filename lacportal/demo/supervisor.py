"""Starts the demo's processes, starts again what dies, and ends all of them: itself, or its janitor after its death."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import FrameType

from rich.console import Console

from lacportal.demo.child import Child

STEP_SECONDS = 0.2
LOGS_EVERY_SECONDS = 10.0
GRACE_SECONDS = 8.0


class Stopped(Exception):
    """Ctrl-C, or another request to end."""


class Supervisor:
    """Children in the order they were started; they are stopped in the opposite one."""

    def __init__(self, console: Console, lock: int) -> None:
        self._console = console
        self._lock = lock
        self._children: list[Child] = []
        self._stop_requested = False
        self._janitor = self._start_janitor()
        self._logs_at = time.monotonic()
        # Under make, Ctrl-C reaches us by the terminal; a make that was killed is noticed by its absence.
        self._parent = os.getppid() if "MAKELEVEL" in os.environ else None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._request_stop)

    def start(self, child: Child) -> None:
        """Start a child and look after it from now on."""
        self._children.append(child)
        self._tell_janitor("+", child.start())

    def sleep(self, seconds: float = STEP_SECONDS) -> None:
        """Look after the children for so long.

        Raises:
            Stopped: the end was asked for.
        """
        end = time.monotonic() + seconds
        while True:
            self._look_after()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, STEP_SECONDS))

    def stop(self) -> None:
        """End every child, the last started first, and the janitor; a second Ctrl-C ends the waiting."""
        self._stop_requested = False
        end = time.monotonic() + GRACE_SECONDS
        broker, others = self._children[:1], self._children[:0:-1]  # the others say good-bye to the broker
        for group in (others, broker):
            for child in group:
                child.ask_to_stop()
            for child in group:
                while not child.wait(STEP_SECONDS) and time.monotonic() < end and not self._stop_requested:
                    continue
                child.signal(signal.SIGKILL)
                child.wait(5)
        self._tell_janitor("-", *(child.group for child in self._children if child.group))
        self._children.clear()
        self._janitor.communicate()

    def _look_after(self) -> None:
        if self._stop_requested or (self._parent is not None and os.getppid() != self._parent):
            raise Stopped
        if self._janitor.poll() is not None:
            self._janitor = self._start_janitor()
            self._tell_janitor("+", *(child.group for child in self._children if child.group))
        for child in self._children:
            if child.has_died():
                group = child.group
                how, wait = child.bury()
                if group:
                    self._tell_janitor("-", group)
                self._console.print(
                    f"[yellow]{child.name} {how}; it is started again in {wait:g} s.[/] Its log: {child.log}",
                    soft_wrap=True,
                )
            elif child.is_to_start():
                self._tell_janitor("+", child.start())
        if time.monotonic() - self._logs_at > LOGS_EVERY_SECONDS:
            self._logs_at = time.monotonic()
            for child in self._children:
                child.keep_log_small()

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_requested = True

    def _start_janitor(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(  # noqa: S603  # nosec B603  # our own program
            [sys.executable, "-I", "-S", str(Path(__file__).with_name("janitor.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(self._lock,),  # the folder is free only when everything has ended
        )

    def _tell_janitor(self, sign: str, *groups: int) -> None:
        assert self._janitor.stdin is not None
        # A janitor that was killed is seen at the next look, which starts another and tells it everything.
        with suppress(BrokenPipeError):
            for group in groups:
                self._janitor.stdin.write(f"{sign}{group}\n".encode())
                self._janitor.stdin.flush()
