"""How long to wait: bounds, jitter, growth."""

import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.services.pace import Expectation, Pace, back_off, jittered, seconds_left, wait_while_running

PACE = Pace(first=15, most=300)
paces = st.tuples(st.floats(0.01, 60), st.floats(1, 20)).map(lambda pair: Pace(pair[0], min(pair[0] * pair[1], 900)))
TEN_MINUTES = Expectation(early=400, usual=600, late=900, samples=8)


@given(paces, st.floats(0, 1e6), st.integers())
def test_any_wait_is_moved_within_the_bounds(pace: Pace, seconds: float, seed: int) -> None:
    wait = jittered(seconds, pace, random.Random(seed))
    assert pace.first * 0.9 <= wait <= pace.most
    assert wait == pytest.approx(min(max(seconds, pace.first), pace.most), rel=0.1001)


@given(st.text(min_size=1), st.floats(0, 1000))
def test_same_seed_moves_a_wait_the_same_way(seed: str, seconds: float) -> None:
    assert jittered(seconds, PACE, seed=seed) == jittered(seconds, PACE, seed=seed)


def test_different_seeds_spread_the_waits() -> None:
    waits = [jittered(100, PACE, seed=str(number)) for number in range(500)]
    assert min(waits) < 91
    assert max(waits) > 109
    assert sum(waits) / len(waits) == pytest.approx(100, rel=0.02)


def test_back_off_starts_at_first_and_doubles_up_to_most() -> None:
    rng = random.Random(1)
    waits = [back_off(failures, PACE, rng) for failures in range(1, 9)]
    expected = [15, 30, 60, 120, 240, 300, 300, 300]
    assert all(wait == pytest.approx(bare, rel=0.1001) for wait, bare in zip(waits, expected, strict=True))


@given(paces, st.integers(-5, 10**9))
def test_back_off_stays_in_bounds_however_many_failures(pace: Pace, failures: int) -> None:
    assert pace.first * 0.9 <= back_off(failures, pace) <= pace.most


def test_unknown_export_of_an_hour_is_asked_seldom() -> None:
    """Each wait is twice the time gone by: 15, 45, 135, 405, then every five minutes."""
    moments = [0.0]
    while moments[-1] < 3600 + 300:
        moments.append(
            moments[-1] + min(max(wait_while_running(moments[-1], None, PACE), PACE.first), PACE.most * 0.95)
        )
    assert len(moments) <= 18


def test_known_export_is_first_looked_at_when_the_shortest_end() -> None:
    assert wait_while_running(100, TEN_MINUTES, PACE) == 300
    assert wait_while_running(399, TEN_MINUTES, PACE) == 1


@given(st.floats(400, 20_000))
def test_known_export_waits_less_than_a_tenth_of_its_time_or_what_nobody_minds(worked: float) -> None:
    wait = wait_while_running(worked, TEN_MINUTES, PACE)
    if worked < TEN_MINUTES.late:
        assert wait <= max(0.1 * worked, PACE.tolerable)
    assert wait <= max(0.2 * worked, PACE.tolerable)


def test_looks_at_a_known_export_grow_with_its_time() -> None:
    waits = [wait_while_running(worked, TEN_MINUTES, PACE) for worked in accumulate([400] + [100] * 20)]
    assert waits == sorted(waits)


@pytest.mark.parametrize(
    ("expected", "worked", "left"),
    [
        (None, None, None),
        (None, 100, None),
        (TEN_MINUTES, None, 600),
        (TEN_MINUTES, 0, 600),
        (TEN_MINUTES, 450, 150),
        (TEN_MINUTES, 599, 60),
        (TEN_MINUTES, 5000, 60),
    ],
)
def test_what_is_left_shrinks_to_a_tenth(
    expected: Expectation | None, worked: float | None, left: float | None
) -> None:
    assert seconds_left(expected, worked) == left
