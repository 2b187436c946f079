"""Analytics Cloud as it makes exports: a look every five minutes, one after another (analytics-cloud-api.md §3)."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass

LOOK_EVERY = 300.0


@dataclass
class Made:
    """One export upstream; moments on the benchmark's clock."""

    created_at: float
    duration: float
    started_at: float | None = None
    done_at: float | None = None


class Upstream:
    """One workspace's worker.

    Args:
        phase: its first look.
        duration_of: how long an export takes, by key.
        ahead: how far its clock is from ours.
    """

    def __init__(
        self, *, phase: float, duration_of: Callable[[Hashable], float], rng: random.Random, ahead: float = 0.0
    ) -> None:
        self._look = phase
        self.phase = phase
        self._duration_of = duration_of
        self._rng = rng
        self._run: list[Made] = []
        self._pending: list[Made] = []
        self._free_at: float | None = None  # when the one being made is done
        self.made: dict[Hashable, Made] = {}
        self.ahead = ahead

    def ask(self, key: Hashable, now: float) -> Made:
        """Create the export, or return what is known of it, as of ``now``."""
        self._advance(now)
        found = self.made.get(key)
        if found is None:
            found = self.made[key] = Made(created_at=now, duration=self._duration_of(key))
            self._pending.append(found)
        return found

    def finish(self) -> float:
        """Make all that was asked for; return when the last one is done."""
        self._advance(float("inf"))
        return max(made.done_at for made in self.made.values() if made.done_at is not None)

    def _advance(self, now: float) -> None:
        while True:
            if self._free_at is not None:
                if self._free_at > now:
                    return
                moment, self._free_at = self._free_at, None
                if not self._run:
                    self._look = self.phase + LOOK_EVERY * ((moment - self.phase) // LOOK_EVERY + 1)
                    continue
            elif self._look <= now and (self._pending or now < float("inf")):
                moment = self._look
                self._look += LOOK_EVERY
                self._run, self._pending = self._pending, []
                self._rng.shuffle(self._run)  # in no promised order
                if not self._run:
                    continue
            else:
                return
            self._begin(moment)

    def _begin(self, moment: float) -> None:
        export = self._run.pop()
        export.started_at = moment
        export.done_at = self._free_at = moment + export.duration
