"""Processes of the tests: each in its own group, and none outlives the run."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

PR_SET_PDEATHSIG = 1


def die_with_parent(how: signal.Signals) -> Callable[[], None] | None:
    """Return a ``preexec_fn`` that has the kernel send ``how`` when the test run dies (Linux), else None."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def ask() -> None:
        libc.prctl(PR_SET_PDEATHSIG, how)
        if os.getppid() != parent:
            os.kill(os.getpid(), how)

    return ask


def stop(process: "subprocess.Popen[bytes]", how: signal.Signals = signal.SIGTERM, seconds: float = 10) -> None:
    """Send ``how`` to a process, wait, and kill it with its whole group when it is still there."""
    if process.poll() is None:
        process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
