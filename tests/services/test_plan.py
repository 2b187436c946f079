"""Which export of a lane to look at next, and when."""

from dataclasses import replace
from math import inf
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.services.pace import Expectation, Pace
from exports.services.plan import (
    NEVER,
    Departure,
    Lane,
    Sight,
    being_made,
    due_at,
    estimate,
    is_carried,
    next_looks,
)
from exports.services.rhythm import LOOK_EVERY, Rhythm

PACE = Pace(first=15, most=300)
SHORT = Expectation(early=6, usual=10, late=16, samples=9)
LONG = Expectation(early=900, usual=1200, late=1800, samples=9)
NO_RHYTHM = Rhythm()
A, B, C, D = (UUID(int=number) for number in range(1, 5))


def pending(key: UUID, looked: float, *, asked: float = 0, expected: Expectation | None = None) -> Sight:
    return Sight(key, asked, looked, None, expected, expected.early if expected else 0)


def running(key: UUID, started: float, looked: float, *, expected: Expectation | None = None) -> Sight:
    return Sight(key, 0, looked, started, expected, expected.early if expected else 0)


def looks(*sights: Sight, now: float, left: Departure | None = None, rhythm: Rhythm = NO_RHYTHM) -> dict[UUID, float]:
    return next_looks(Lane(sights, left, rhythm), now, PACE)


def test_first_look_comes_after_the_first_wait() -> None:
    assert looks(pending(A, 1000, asked=1000), now=1000)[A] == pytest.approx(1015, abs=1.6)


def test_unknown_one_alone_is_looked_at_ever_more_seldom() -> None:
    moments = [0.0]
    while len(moments) < 6:
        moments.append(looks(pending(A, moments[-1]), now=moments[-1])[A])
    waits = [later - earlier for earlier, later in zip(moments, moments[1:], strict=False)]
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(15, rel=0.11)
    assert waits[-1] <= 300


def test_pending_ones_are_spared_while_another_is_being_made() -> None:
    found = looks(running(A, 1000, 1100), pending(B, 1050), pending(C, 1001), now=1100)
    assert found[A] < NEVER
    assert (found[B], found[C]) == (NEVER, NEVER)


def test_one_that_may_have_been_made_before_is_not_spared() -> None:
    found = looks(running(A, 1000, 1100), pending(B, 400), now=1100)
    assert found[B] < 1100


def test_one_that_takes_longer_than_the_gap_is_spared() -> None:
    found = looks(running(A, 1000, 1100), pending(B, 400, expected=LONG), now=1100)
    assert found[B] == NEVER


def test_all_are_asked_once_one_has_left() -> None:
    found = looks(pending(B, 500), pending(C, 600), now=1000, left=Departure(900, 1000))
    assert max(found.values()) <= 1000


def test_those_asked_since_wait_for_the_others_answers() -> None:
    found = looks(pending(B, 1001), pending(C, 600), now=1002, left=Departure(900, 1000))
    assert (found[B], found[C] <= 1002) == (NEVER, True)


def test_one_that_ended_when_another_began_is_looked_at_at_once() -> None:
    found = looks(running(A, 1000, 1200), running(B, 1300, 1310), now=1310)
    assert found[A] == 1310


def test_stuck_one_is_not_asked_over_and_over() -> None:
    found = looks(running(A, 1000, 1305), running(B, 1300, 1310), now=1310)
    assert found[A] > 1320


def test_stuck_one_spares_nobody_once_another_was_made_meanwhile() -> None:
    lane = Lane([running(A, 1000, 1400), pending(C, 1200)], Departure(1300, 1350))
    assert being_made(lane, PACE) is None
    assert next_looks(lane, 1400, PACE)[C] < NEVER


def test_one_that_takes_ever_so_long_spares_nobody() -> None:
    found = looks(running(A, 1000, 2400), pending(B, 1100), pending(C, 1150), now=2400)
    assert found[B] <= 2400
    assert found[C] == NEVER


def test_long_ones_are_looked_at_when_upstream_has_surely_begun() -> None:
    found = looks(pending(A, 1000, expected=LONG), pending(B, 1000, expected=LONG), now=1000)
    assert found[A] == found[B] == pytest.approx(1000 + LOOK_EVERY, abs=5)


def test_known_rhythm_sets_the_look_just_after_upstreams() -> None:
    rhythm = Rhythm(0, phase=1130 % LOOK_EVERY)
    found = looks(pending(A, 1000, asked=990, expected=SHORT), now=1000, rhythm=rhythm)
    assert 1130 + SHORT.early <= found[A] <= 1130 + SHORT.early + 5


def test_rhythm_that_proved_wrong_is_not_followed() -> None:
    rhythm = Rhythm(0, phase=1130 % LOOK_EVERY)
    found = looks(pending(A, 1150, asked=990, expected=SHORT), now=1150, rhythm=rhythm)
    assert found[A] <= 1150 + 33


def test_many_short_ones_share_the_looks() -> None:
    sights = [pending(UUID(int=number), 1000 + number / 10, asked=990, expected=SHORT) for number in range(24)]
    found = looks(*sights, now=1003)
    due = [key for key, moment in found.items() if moment < NEVER]
    assert due == [UUID(int=0)]
    assert found[due[0]] < 1020


def test_empty_lane_has_no_looks() -> None:
    assert looks(now=0) == {}


moments = st.floats(0, 5000)


@st.composite
def lanes(draw: st.DrawFn) -> tuple[Lane, float]:
    now = 10_000.0
    sights = []
    for number in range(draw(st.integers(1, 8))):
        asked = now - draw(moments)
        looked = draw(st.floats(asked, now))
        started = draw(st.none() | st.floats(asked, looked))
        expected = draw(st.sampled_from([None, SHORT, LONG]))
        sights.append(Sight(UUID(int=number), asked, looked, started, expected, expected.early if expected else 0))
    by = now - draw(moments)
    left = draw(st.none() | st.just(Departure(by - draw(moments), by)))
    rhythm = draw(st.sampled_from([Rhythm(), Rhythm(0, 70)]))
    return Lane(sights, left, rhythm), now


@given(lanes())
def test_somebody_is_always_looked_at_within_the_longest_wait(case: tuple[Lane, float]) -> None:
    lane, now = case
    found = next_looks(lane, now, PACE)
    assert set(found) == {sight.key for sight in lane.sights}
    assert min(found.values()) <= max(now, max(sight.looked_at for sight in lane.sights) + PACE.most)
    assert all(now <= due_at(moment, now, PACE) <= now + PACE.most for moment in found.values())


@given(lanes())
def test_no_export_is_asked_twice_within_the_first_wait_without_a_reason(case: tuple[Lane, float]) -> None:
    lane, now = case
    found = next_looks(lane, now, PACE)
    for sight in lane.sights:
        if sight.started_at is None:
            assert found[sight.key] >= sight.looked_at + 0.9 * PACE.first - 1e-6


@given(lanes())
def test_plan_made_anew_changes_nothing(case: tuple[Lane, float]) -> None:
    lane, now = case
    reverse = replace(lane, sights=list(reversed(lane.sights)))
    first, second = next_looks(lane, now, PACE), next_looks(reverse, now, PACE)
    if len({sight.looked_at for sight in lane.sights}) == len(lane.sights):
        assert first == second


def test_order_of_two_begun_in_one_moment_changes_nothing() -> None:
    two = running(A, 8279, 8280, expected=LONG), running(B, 8279, 8279)
    assert looks(*two, now=10_000) == looks(*reversed(two), now=10_000)


@given(lanes())
def test_estimate_lies_ahead_and_is_honest(case: tuple[Lane, float]) -> None:
    lane, now = case
    for sight in lane.sights:
        found = estimate(lane, sight.key, now)
        if sight.expected is None:
            assert found is None
        if found is not None:
            assert found.samples == 9
            assert found.ready_at is None or now < found.ready_at < inf


def test_estimate_of_one_being_made_moves_on_with_the_time() -> None:
    lane = Lane([running(A, 1000, 1100, expected=LONG)])
    expected = [(1100, 2200), (2199, 2200), (2201, 2800), (2801, None)]
    assert [(now, found.ready_at) for now, _at in expected if (found := estimate(lane, A, now))] == expected


def test_estimate_of_one_that_waits_counts_half_of_the_others() -> None:
    sights = [running(A, 1000, 1100, expected=LONG), *(pending(key, 1050, expected=LONG) for key in (B, C, D))]
    found = estimate(Lane(sights), B, 1100)
    assert found is not None
    assert found.ready_at == 2200 + 1200 + 1200


def test_estimate_is_unknown_while_another_one_is() -> None:
    assert estimate(Lane([running(A, 1000, 1100), pending(B, 1050, expected=LONG)]), B, 1100) is None
    assert estimate(Lane([pending(A, 1000, asked=900), pending(B, 1050, expected=LONG)]), B, 1100) is None
    assert estimate(Lane([]), A, 1100) is None


def test_estimate_says_so_when_upstream_does_not_begin() -> None:
    lane = Lane([pending(A, 1500, asked=1000, expected=LONG)])
    waiting, overdue = estimate(lane, A, 1500), estimate(lane, A, 1700)
    assert waiting is not None
    assert waiting.ready_at == 1500 + LOOK_EVERY / 2 + 1200
    assert overdue is not None
    assert overdue.ready_at is None


@pytest.mark.parametrize(("looked", "carried"), [(1100, True), (1000, True), (998, True), (990, False), (0, False)])
def test_one_seen_pending_meanwhile_stays_so(looked: float, carried: bool) -> None:
    assert is_carried(pending(A, looked), 1000, PACE) is carried
    assert is_carried(pending(A, looked, expected=LONG), 1000, PACE) is (looked > 0)
