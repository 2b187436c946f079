"""Ports of this machine: the wanted one, or the next that is free."""

import fcntl
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path

NEXT_ONES = 50


class Claims:
    """The ports that this process has chosen: a demo that starts in the same second chooses others.

    Between the choice and the server that listens there pass seconds. A byte of one file stands for each port; the
    kernel unlocks it with the end of this process, and a child inherits no such lock.

    Args:
        path: shared by all demos of an account, as only that may open it.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or Path(tempfile.gettempdir()) / f"lac-portal-ports-{os.getuid()}"
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self._mine: set[int] = set()

    def take(self, port: int) -> bool:
        """Take a port for this process; False when it is taken."""
        if port in self._mine:
            return False
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except BlockingIOError:
            return False
        self._mine.add(port)
        return True


def choose_port(wanted: int, *, take: Callable[[int], bool] = lambda port: True) -> int:
    """Return ``wanted`` or the next free port after it; any free one when that whole stretch is taken.

    Args:
        take: is asked for a free port; False leads on to the next.
    """
    for port in range(wanted, min(wanted + NEXT_ONES, 65536)):
        if is_free(port) and take(port):
            return port
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Tell whether we could listen there, and nobody else would be met under the name ``localhost``."""
    with socket.socket() as probe:
        # As the servers do: a port in its minute of rest after a stop is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            return False
    try:
        with socket.create_connection(("::1", port), timeout=0.2):
            return False
    except OSError:
        return True
