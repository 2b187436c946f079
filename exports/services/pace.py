"""How long to wait: pure arithmetic, the same in production and in the simulation (benchmarks/upstream).

All times in seconds. Every wait the engine chooses starts at ``first``, is at most ``most`` and is jittered.
"""

import random
from dataclasses import dataclass
from zlib import crc32

from django.conf import settings

JITTER = 0.1

# Nothing known of such exports: each wait is twice the time gone by, so that an hour is asked about at most 17 times.
GROWTH = 2.0
# Known: first look just before the shortest of them ended, then steps that cost less than 10 % of the time it took.
STEP = 0.08
# Few take longer than `late`: they may wait longer, too.
STEP_LATE = 0.15
# A delay that nobody minds, in first waits (30 s at the default).
TOLERABLE_FIRSTS = 2.0
# The rest of it goes for jitter, tick, question and download.
SHARE = 0.65


@dataclass(frozen=True)
class Pace:
    """The two settings that bound every wait."""

    first: float
    most: float

    @property
    def tolerable(self) -> float:
        """The delay that nobody minds even for the shortest export."""
        return TOLERABLE_FIRSTS * self.first


@dataclass(frozen=True)
class Expectation:
    """How long upstream will work on an export, judging by comparable ones.

    Attributes:
        early: only one in twenty is made sooner.
        usual: half of them are made sooner.
        late: nine in ten are made sooner.
        samples: how many it rests on.
    """

    early: float
    usual: float
    late: float
    samples: int


def seconds_left(expected: Expectation | None, worked: float | None) -> float | None:
    """Return how long upstream will still work on an export; None when too little is known.

    Args:
        worked: for how long it has; None before it has begun.
    """
    if expected is None or worked is None:
        return expected.usual if expected else None
    return max(expected.usual - worked, 0.1 * expected.usual)


def configured_pace() -> Pace:
    """Return the pace of the settings."""
    return Pace(settings.EXPORT_POLL_FIRST_SECONDS, settings.EXPORT_POLL_MAX_SECONDS)


def jittered(seconds: float, pace: Pace, rng: random.Random | None = None, *, seed: str = "") -> float:
    """Return ``seconds`` within the pace's bounds, moved by up to 10 % but never above ``most``.

    Args:
        rng: where chance comes from; by default the process's own.
        seed: when given, the same text always moves it the same way: a plan made anew then changes nothing.
    """
    bounded = min(max(seconds, pace.first), pace.most)
    chance = crc32(seed.encode()) / 2**32 if seed else (rng or random).random()
    return min(bounded * (1 + JITTER * (2 * chance - 1)), pace.most)


def back_off(failures: int, pace: Pace, rng: random.Random | None = None) -> float:
    """Return the wait after the n-th failure in a row (1 = first): doubles from ``first`` up to ``most``."""
    return jittered(pace.first * 2 ** min(max(failures, 1) - 1, 20), pace, rng)


def wait_while_running(worked: float, expected: Expectation | None, pace: Pace) -> float:
    """Return the wait, not jittered, after a look that found an export being made.

    Args:
        worked: for how long upstream had worked on it then.
        expected: None when too little is known of such exports.
    """
    if expected is None:
        return GROWTH * worked
    if worked < expected.early:
        return expected.early - worked
    step = STEP if worked < expected.late else STEP_LATE
    return max(step * worked, SHARE * pace.tolerable)
