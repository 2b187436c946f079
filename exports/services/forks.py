"""No fork while a worker's parent has a database connection open.

SQLite keeps what it knows of a file's locks in the memory of the process. A child that is forked beside an open
connection believes that it holds those locks and takes none; what it writes is lost when another process tidies up, or
ruins the file (sqlite.org/howtocorrupt.html, "Carrying an open database connection across a fork()"). The parent
forks whenever a child has died, and it is the parent that leaves the worker's signs of life.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# Longer than SQLite waits for a lock; a database that hangs for longer must not keep dead children from being replaced.
LONGEST_WAIT_SECONDS = 30.0

_lock = threading.Lock()
_forking = threading.local()


@contextmanager
def without_forks() -> Iterator[None]:
    """Let this thread use the database; forks wait until it has closed its connection, which is done at the end."""
    with _lock:
        try:
            yield
        finally:
            connection.close()


def _before() -> None:
    _forking.holds = _lock.acquire(timeout=LONGEST_WAIT_SECONDS)


def _after_in_parent() -> None:
    if _forking.holds:
        _lock.release()


def _after_in_child() -> None:
    global _lock  # noqa: PLW0603 - the thread that may hold the old one does not live on in the child
    _lock = threading.Lock()


os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
