"""Upstream's own time, learned from what it says: how far its clock is from ours, and when it looks for work.

Pure; all times in seconds. ``createdDate`` and ``startedDate`` stand on upstream's clock (analytics-cloud-api.md §2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

# A worker looks for pending exports about every five minutes (analytics-cloud-api.md §3).
LOOK_EVERY = 300.0
ALIKE = 6.0  # starts so near to one another, modulo the rhythm, stem from the same look
ENOUGH_STARTS = 3
MOST_OF_THEM = 0.7
RECENT = 12 * 3600.0


class Begun(NamedTuple):
    """An export that upstream has begun.

    Attributes:
        asked_at: our first question, on our clock.
        created_at: as upstream says, on its own clock.
        started_at: likewise; None when it was never seen RUNNING.
        busy_from: the earliest moment, on our clock, at which upstream can have been at it.
        busy_to: the latest one; None when it is still at it.
    """

    asked_at: float
    created_at: float | None
    started_at: float | None
    busy_from: float
    busy_to: float | None


@dataclass(frozen=True)
class Rhythm:
    """What is known of a workspace's upstream.

    Attributes:
        ahead: upstream's clock minus ours; None when unknown.
        phase: upstream looks for work at ``phase`` + n × `LOOK_EVERY` on our clock; None when unknown.
    """

    ahead: float | None = None
    phase: float | None = None

    def next_look(self, after: float) -> float | None:
        """Return when upstream looks for work next after a moment of ours; None when unknown."""
        if self.phase is None:
            return None
        return max(after, after + LOOK_EVERY - (after - self.phase) % LOOK_EVERY)  # rounding may fall short of `after`

    def on_our_clock(self, moment: float | None, *, earliest: float, latest: float) -> float:
        """Return a moment of upstream's on our clock, within what we saw ourselves.

        Args:
            moment: on upstream's clock; None when it said nothing.
        """
        if moment is None or self.ahead is None:
            return latest if moment is None else min(max(moment, earliest), latest)
        return min(max(moment - self.ahead, earliest), latest)


def learn_rhythm(begun: Sequence[Begun]) -> Rhythm:
    """Return what a workspace's exports tell, those before and those that lie upstream now."""
    # Nearly every key is created by our own first question; one that lay there before, or was created anew after a
    # failure, is an outlier that the median passes over.
    gaps = [item.created_at - item.asked_at for item in begun if item.created_at is not None]
    if not gaps:
        return Rhythm()
    ahead = median(gaps)
    return Rhythm(ahead=ahead, phase=_phase(begun, ahead))


def _phase(begun: Sequence[Begun], ahead: float) -> float | None:
    """The phase that most starts share, of those that followed no other export at once: a look began them."""
    newest = max(item.asked_at for item in begun)
    recent = [item for item in begun if newest - item.asked_at < RECENT]
    starts = [
        item.started_at - ahead
        for item in recent
        if item.started_at is not None and not _follows(item, item.started_at - ahead, recent)
    ]
    best: list[float] = []
    for start in starts:
        gaps = [(other - start + LOOK_EVERY / 2) % LOOK_EVERY - LOOK_EVERY / 2 for other in starts]
        best = max(best, [start + gap for gap in gaps if abs(gap) <= ALIKE], key=len)
    if len(best) < ENOUGH_STARTS or len(best) < MOST_OF_THEM * len(starts):
        return None
    return median(best) % LOOK_EVERY


def _follows(item: Begun, start: float, others: Sequence[Begun]) -> bool:
    """Tell whether upstream may have been at another export just before."""
    just_before = start - ALIKE
    return any(
        other.busy_from <= just_before and (other.busy_to is None or other.busy_to >= just_before)
        for other in others
        if other is not item
    )
