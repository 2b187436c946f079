"""When to look next: pure arithmetic, the same in production and in the simulation (benchmarks/upstream).

All times in seconds. Every wait the engine chooses starts at ``first``, is at most ``most`` and is jittered.
"""

import random
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

JITTER = 0.1
# An hour-long export of unknown length is asked about 17 times with these (goal: at most 18).
GROWTH = 1.5
# Once history is known: first look just before the shortest of such exports ended, then 10 % steps.
GROWTH_KNOWN = 0.1

# A sibling that is being made spares the PENDING ones their questions for so many of the longest waits (an hour at
# the default); after that it may be stuck there, and the others overtake it (analytics-cloud-api.md §3).
SPARED_WAITS = 12


@dataclass(frozen=True)
class Pace:
    """The two settings that bound every wait."""

    first: float
    most: float


@dataclass(frozen=True)
class Expectation:
    """How long such exports worked upstream before: 10th percentile, median, 90th percentile, sample size."""

    early: float
    usual: float
    late: float
    samples: int


def configured_pace() -> Pace:
    """Return the pace of the settings."""
    return Pace(settings.EXPORT_POLL_FIRST_SECONDS, settings.EXPORT_POLL_MAX_SECONDS)


def jittered(seconds: float, pace: Pace, rng: random.Random | None = None) -> float:
    """Return ``seconds`` within the pace's bounds, moved by up to 10 % but never above ``most``."""
    source = rng or random
    bounded = min(max(seconds, pace.first), pace.most)
    return min(bounded * (1 + source.uniform(-JITTER, JITTER)), pace.most)


def back_off(failures: int, pace: Pace, rng: random.Random | None = None) -> float:
    """Return the wait after the n-th failure in a row (1 = first): doubles from ``first`` up to ``most``."""
    return jittered(pace.first * 2 ** min(max(failures, 1) - 1, 20), pace, rng)


def next_look(
    *,
    asked_for: float,
    worked_for: float | None,
    expected: Expectation | None,
    pace: Pace,
    others_running: bool = False,
    rng: random.Random | None = None,
) -> float:
    """Return the seconds until the next question about an export that is not ready.

    Args:
        asked_for: since it was first asked.
        worked_for: since upstream started on it; None while PENDING.
        expected: what is known of such exports; None when too little is.
        others_running: another export of the workspace is being made, so that this PENDING one is not.
    """
    if worked_for is None:
        if others_running:
            return jittered(pace.most, pace, rng)
        return jittered(GROWTH * asked_for, pace, rng)
    if expected is None:
        return jittered(GROWTH * asked_for, pace, rng)
    if worked_for < expected.early:
        return jittered(expected.early - worked_for, pace, rng)
    return jittered(GROWTH_KNOWN * worked_for, pace, rng)


def is_spared(*, looked_at: datetime | None, running_since: datetime | None, now: datetime, pace: Pace) -> bool:
    """Tell whether a PENDING export need not be asked because a sibling is being made.

    Upstream makes one at a time per workspace: what was PENDING while the sibling ran is not made before it ends.

    Args:
        looked_at: when the export was last seen PENDING.
        running_since: when the sibling, not yet seen to have ended, was first seen RUNNING.
    """
    if looked_at is None or running_since is None or looked_at < running_since:
        return False
    return (now - running_since).total_seconds() < SPARED_WAITS * pace.most
