"""Ports of this machine: the wanted one, or the next that is free."""

import socket
from collections.abc import Iterable

NEXT_ONES = 50


def choose_port(wanted: int, *, taken: Iterable[int] = ()) -> int:
    """Return ``wanted`` or the next free port after it; any free one when that whole stretch is taken."""
    for port in range(wanted, min(wanted + NEXT_ONES, 65536)):
        if port not in set(taken) and is_free(port):
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
