"""Moves the clock of a process of the portal while it runs; Python imports this by its name from PYTHONPATH.

The file that LAC_TEST_CLOCK names holds by how many seconds the clock is wrong. The clock that only goes forward
(``time.monotonic``) is left alone, as a real jump leaves it.
"""

import os
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

import time_machine

_file = Path(os.environ["LAC_TEST_CLOCK"])
_hands = time_machine.travel(datetime.now(UTC), tick=True).start()
_wrong_by = 0.0


def _follow() -> None:
    global _wrong_by  # noqa: PLW0603 - a forked child goes on from where its parent was
    while True:
        wanted = float(_file.read_text() or 0)
        if wanted != _wrong_by:
            _hands.shift(wanted - _wrong_by)
            _wrong_by = wanted
        time.sleep(0.1)


def _start() -> None:
    threading.Thread(target=_follow, name="moving-clock", daemon=True).start()


os.register_at_fork(after_in_child=_start)
_start()
