"""Celery's clock, made to survive a clock of the machine that is set back.

Celery keeps the moments of its next runs by the machine's clock: set back by an hour, it would wait for an hour.
"""

import time
from typing import Any

from celery.beat import Scheduler

NOTICED = 1.0  # seconds; less is the ordinary mending of a clock


class SteadyScheduler(Scheduler):
    """Keeps its plan in memory, and makes it anew when time ran backwards.

    In memory: nothing on disk to corrupt, and every task may run twice.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._ahead = _ahead()
        super().__init__(*args, **kwargs)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        """Run what is due; return how long to wait."""
        before, self._ahead = self._ahead, _ahead()
        if self._ahead < before - NOTICED:
            for entry in self.schedule.values():
                entry.last_run_at = entry.default_now()
            self._heap = None
        return super().tick(*args, **kwargs)


def _ahead() -> float:
    """Return how far the machine's clock is ahead of the one that only goes forward."""
    return time.time() - time.monotonic()
