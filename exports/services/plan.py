"""Which export of a lane to look at next, and when: pure, the same in production and in the simulation.

Upstream makes the exports of a workspace one after another, in no promised order, and looks for new ones about every
five minutes (analytics-cloud-api.md §3). So what is seen of one tells of the others: while one is being made the
PENDING ones need not be asked; once it has ended one of them is next; and while none is, a single question now and
then finds out for all. All times in seconds on our own clock.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from uuid import UUID

from exports.services.pace import GROWTH, SHARE, Expectation, Pace, jittered, wait_while_running
from exports.services.past import Asking, Past
from exports.services.rhythm import LOOK_EVERY, Rhythm

NEVER = math.inf

# One that is made for longer than so many of the longest waits may be stuck, and upstream at work on another.
PATIENCE_WAITS = 4.0
PATIENCE_LATE = 1.5
# What two clocks and a question's way may differ by, in first waits (3 s at the default).
SLACK_FIRSTS = 0.2


@dataclass(frozen=True)
class Sight:
    """An export that lies upstream, as it was last seen.

    Attributes:
        asked_at: when it was first asked.
        looked_at: when upstream last said that it is not ready, or when a sibling showed as much.
        started_at: when upstream began it, once it was seen RUNNING.
        expected: how long upstream will work on it; None when too little is known.
        shortest: it is hardly made in less; 0 when nothing is known.
    """

    key: UUID
    asked_at: float
    looked_at: float
    started_at: float | None = None
    expected: Expectation | None = None
    shortest: float = 0.0


@dataclass(frozen=True)
class Departure:
    """The last export that was seen to have left the lane: still there at ``after``, gone at ``by``."""

    after: float
    by: float


@dataclass(frozen=True)
class Estimate:
    """When a file is expected: None when it takes longer than such exports do; judging by so many of them."""

    ready_at: float | None
    samples: int


@dataclass(frozen=True)
class Lane:
    """What is known of a workspace's exports upstream."""

    sights: Sequence[Sight]
    left: Departure | None = None
    rhythm: Rhythm = Rhythm()


def next_looks(lane: Lane, now: float, pace: Pace) -> dict[UUID, float]:
    """Return when to look at each export; `NEVER` where another one's look will tell.

    A moment that has passed means: as soon as it is possible. At least one moment is not `NEVER`, and at most
    ``pace.most`` after the lane's last look, unless the lane is empty.
    """
    current = being_made(lane, pace)
    pending = [sight for sight in lane.sights if sight.started_at is None]
    looks: dict[UUID, float] = {}
    for sight in lane.sights:
        if sight.started_at is None:
            continue
        passed_over = sight is not current and not _seen_since(sight, lane, current)
        # Upstream is at another one, so this one has ended; unless it is stuck, which one look tells.
        looks[sight.key] = now if passed_over else _look_while_running(sight, lane, pace)
    if current is None:
        return looks | _scouting(pending, lane, pace)
    if now - _started(current) > _patience(current, pace):
        return looks | _one_by_one(pending, pace.most, pace)
    return looks | {sight.key: _look_beside(sight, current, pace) for sight in pending}


def due_at(look: float, now: float, pace: Pace) -> float:
    """Return when the row is due for a look: not in the past, and not beyond the longest wait."""
    return min(max(look, now), now + pace.most)


def sight_of(
    key: UUID, *, asked_at: float, looked_at: float, started_at: float | None, asking: Asking, before: Past
) -> Sight:
    """Return what is known of an export upstream, with what its workspace's past tells of such exports."""
    expected = before.expected_work(asking)
    return Sight(
        key=key,
        asked_at=asked_at,
        looked_at=looked_at,
        started_at=started_at,
        expected=expected,
        shortest=expected.early if expected else before.shortest,
    )


def estimate(lane: Lane, key: UUID, now: float) -> Estimate | None:
    """Return when an export's file will be there; None while too little is known to say."""
    sight = next((sight for sight in lane.sights if sight.key == key), None)
    if sight is None or sight.expected is None:
        return None
    samples = sight.expected.samples
    if sight.started_at is not None:
        return Estimate(_end(sight, now), samples)
    running = [other for other in lane.sights if other.started_at is not None]
    others = [other.expected for other in lane.sights if other.started_at is None and other is not sight]
    begins: float | None
    if running:
        current = max(running, key=_latest)
        if current.expected is None:
            return None
        begins = _end(current, now) or now
    else:
        idle_since = max(lane.left.by if lane.left else -math.inf, *(other.asked_at for other in lane.sights))
        if now > idle_since + 2 * LOOK_EVERY:
            return Estimate(None, samples)  # upstream should have begun one by now
        begins = lane.rhythm.next_look(now) or now + LOOK_EVERY / 2
    if None in others:
        return None
    # In no promised order: half of the others are made before it.
    before = sum(expected.usual for expected in others if expected is not None) / 2
    return Estimate(begins + before + sight.expected.usual, samples)


def _end(sight: Sight, now: float) -> float | None:
    """When one that is being made usually ends; when it hardly ever takes longer; None when it takes longer still."""
    assert sight.expected is not None
    moments = (_started(sight) + sight.expected.usual, _started(sight) + sight.expected.late)
    return next((moment for moment in moments if moment > now), None)


def being_made(lane: Lane, pace: Pace) -> Sight | None:
    """Return the export that upstream is at, as far as it was seen; None when that is unknown."""
    running = [sight for sight in lane.sights if sight.started_at is not None]
    current = max(running, key=_latest, default=None)
    if current is None or lane.left is None:
        return current
    # Another one was still to be made after this one had begun, and has left since: this one ended too, or is stuck.
    return current if _started(current) >= lane.left.after - _slack(pace) else None


def is_carried(sight: Sight, started_at: float, pace: Pace) -> bool:
    """Tell whether a PENDING export surely stayed so while another, begun at ``started_at``, was being made."""
    return started_at - sight.looked_at <= max(sight.shortest, _slack(pace))


def _started(sight: Sight) -> float:
    assert sight.started_at is not None
    return sight.started_at


def _latest(sight: Sight) -> tuple[float, UUID]:
    """The order of those being made; of two begun in the same moment always the same one comes last."""
    return _started(sight), sight.key


def _slack(pace: Pace) -> float:
    return SLACK_FIRSTS * pace.first


def _patience(current: Sight, pace: Pace) -> float:
    known = PATIENCE_LATE * current.expected.late if current.expected else 0.0
    return max(known, PATIENCE_WAITS * pace.most)


def _seen_since(sight: Sight, lane: Lane, current: Sight | None) -> bool:
    if current is not None:
        return sight.looked_at > _started(current)
    return lane.left is None or sight.looked_at > lane.left.by


def _after(sight: Sight, wait: float, pace: Pace) -> float:
    return sight.looked_at + jittered(wait, pace, seed=f"{sight.key}{sight.looked_at:.3f}")


def _look_while_running(sight: Sight, lane: Lane, pace: Pace) -> float:
    # One that is alone keeps nobody waiting: its waits go on growing from the first question.
    begun = sight.asked_at if sight.expected is None and len(lane.sights) == 1 else _started(sight)
    return _after(sight, wait_while_running(sight.looked_at - begun, sight.expected, pace), pace)


def _look_beside(sight: Sight, current: Sight, pace: Pace) -> float:
    """A PENDING one while ``current`` is being made: it may have been made before, unseen, but not meanwhile."""
    if is_carried(sight, _started(current), pace):
        return NEVER
    return _after(sight, pace.first, pace)


def _scouting(pending: Sequence[Sight], lane: Lane, pace: Pace) -> dict[UUID, float]:
    """None is seen being made: find out which, with as few questions as serves."""
    if not pending:
        return {}
    left_by = lane.left.by if lane.left else -math.inf
    unseen = [sight for sight in pending if sight.looked_at < left_by]
    if unseen:
        # One has left: upstream is at one of these now, or has made some of them already.
        return {sight.key: NEVER for sight in pending} | {
            sight.key: _after(sight, pace.first, pace) for sight in unseen
        }
    quiet_since = min(sight.looked_at for sight in pending)
    last = max(sight.looked_at for sight in pending)
    shortest = min(sight.shortest for sight in pending)
    begins = lane.rhythm.next_look(quiet_since)
    # Since then upstream had nothing to do but to look: when a look was due and found nothing, the rhythm is wrong.
    due = lane.rhythm.next_look(max(left_by, *(sight.asked_at for sight in pending)))
    if begins is not None and due is not None and due + _slack(pace) > quiet_since:
        return _together(pending, min(begins + _slack(pace) + shortest, last + pace.most), pace)
    # Upstream looks at the latest then: whatever was PENDING before has begun.
    surely = min(quiet_since + LOOK_EVERY + _slack(pace), last + pace.most)
    wait = _scout_wait(pending, last, left_by, pace)
    if shortest >= LOOK_EVERY or (len(pending) > 1 and last + wait >= surely):
        return _together(pending, surely, pace)
    return _one_by_one(pending, wait, pace)


def _scout_wait(pending: Sequence[Sight], last: float, left_by: float, pace: Pace) -> float:
    """The wait between two single questions: shorter the more exports share it."""
    known = [sight.expected for sight in pending if sight.expected is not None]
    if len(known) < len(pending):
        since = max(min(sight.asked_at for sight in pending), left_by)
        return max(GROWTH * (last - since) / len(pending), pace.first / 2)
    usual = fmean(expected.usual for expected in known)
    patience = max(pace.tolerable, 0.1 * usual)
    alone = min(sight.shortest for sight in pending) + SHARE * patience
    # So many that, by the time the first one's delay would be felt, one question has probably met a file or a
    # RUNNING: at t after the beginning it does with chance (t / usual + 1) / n.
    felt = usual + SHARE * patience
    return max(min(alone, felt * (1 + felt / (2 * usual)) / len(pending)), pace.first / 8)


def _one_by_one(pending: Iterable[Sight], wait: float, pace: Pace) -> dict[UUID, float]:
    """The one that was looked at longest ago is next, ``wait`` after the last look at any of them."""
    ordered = sorted(pending, key=lambda sight: (sight.looked_at, sight.asked_at))
    looks: dict[UUID, float] = {sight.key: NEVER for sight in ordered}
    if ordered:
        oldest, newest = ordered[0], ordered[-1]
        shared = jittered(max(wait, pace.first), pace, seed=f"{newest.key}{newest.looked_at:.3f}")
        shared *= min(wait / pace.first, 1)  # a lane of many may be asked more often than a single export
        looks[oldest.key] = max(newest.looked_at + shared, _after(oldest, pace.first, pace))
    return looks


def _together(pending: Iterable[Sight], moment: float, pace: Pace) -> dict[UUID, float]:
    """All in turn from ``moment`` on, until one is found being made."""
    return {sight.key: max(moment, _after(sight, pace.first, pace)) for sight in pending}
