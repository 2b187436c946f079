"""Ends the demo's processes when their supervisor is gone without having done so itself (kill -9).

It reads ``+group`` and ``-group`` lines from the supervisor; the end of that pipe is the supervisor's end. Portable,
unlike the kernel's parent-death signal, and it reaches whole process groups.
"""

import os
import signal
import sys
import time

GRACE_SECONDS = 8.0
ONLY_ASK = 0


def main() -> None:
    """Keep count of the groups until the pipe ends, then end those that are left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    end = time.monotonic() + GRACE_SECONDS
    groups = _signalled(groups, signal.SIGTERM)
    while groups and time.monotonic() < end:
        time.sleep(0.1)
        groups = _signalled(groups, ONLY_ASK)
    _signalled(groups, signal.SIGKILL)


def _signalled(groups: set[int], how: int) -> set[int]:
    """Signal the groups (``ONLY_ASK`` sends nothing); return those that still exist."""
    left = set()
    for group in groups:
        try:
            os.killpg(group, how)
            left.add(group)
        except (ProcessLookupError, PermissionError):
            continue
    return left


if __name__ == "__main__":
    main()
