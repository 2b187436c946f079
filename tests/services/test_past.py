"""What stored exports tell about those to come."""

import random
from math import exp

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.services.past import Asking, Done, Past, Sample, expectation_of
from exports.services.rhythm import Begun

DAY = 86_400.0


def done(seconds: float, *, data_type: str = "page", length: float = DAY, total: float | None = None) -> Done:
    return Done(data_type, length, 10, total, Sample(seconds, seconds), Begun(0, None, None, 0, seconds))


def test_fewer_than_five_tell_nothing() -> None:
    past = Past([done(100)] * 4)
    assert past.expected_work(Asking("page", DAY)) is None
    assert past.shortest == 0


def test_five_that_took_the_same_tell_it_nearly_exactly() -> None:
    expected = Past([done(600)] * 5).expected_work(Asking("page", DAY))
    assert expected is not None
    assert (expected.usual, expected.samples) == (600, 5)
    assert 500 < expected.early < 600 < expected.late < 700


def test_other_types_and_other_lengths_are_not_comparable() -> None:
    past = Past(
        [done(600)] * 5
        + [done(60, data_type="event")] * 9
        + [done(6000, length=3 * DAY)] * 9
        + [done(6, length=DAY / 3)]
    )
    expected = past.expected_work(Asking("page", DAY))
    assert expected is not None
    assert expected.samples == 5
    assert past.expected_work(Asking("segment", DAY)) is None


@pytest.mark.parametrize(
    ("length", "comparable"), [(DAY / 2, True), (2 * DAY, True), (2.1 * DAY, False), (DAY / 2.1, False)]
)
def test_ranges_up_to_twice_as_long_are_comparable(length: float, comparable: bool) -> None:
    expected = Past([done(600, length=length)] * 5).expected_work(Asking("page", DAY))
    assert (expected is not None) is comparable


def test_shortest_is_that_of_all_kinds_together() -> None:
    past = Past([done(600)] * 3 + [done(60, data_type="event")] * 3)
    assert 0 < past.shortest < 60


def test_roughly_seen_samples_make_the_spread_wider() -> None:
    exact = expectation_of([Sample(600, 600)] * 8)
    rough = expectation_of([Sample(300, 900)] * 8)
    assert exact is not None
    assert rough is not None
    assert rough.usual == exact.usual
    assert rough.early < 0.8 * exact.early
    assert rough.late > 1.2 * exact.late


@pytest.mark.parametrize("count", [5, 8, 20, 40])
@pytest.mark.parametrize("spread", [0.1, 0.3, 0.8])
def test_one_in_twenty_is_made_sooner_than_early(count: int, spread: float) -> None:
    rng = random.Random(f"{count}{spread}")
    sooner = later = 0
    for _ in range(2000):
        *before, after = (600 * exp(rng.gauss(0, spread)) for _ in range(count + 1))
        expected = expectation_of([Sample(seconds, seconds) for seconds in before])
        assert expected is not None
        sooner += after < expected.early
        later += after > expected.late
    assert 0.02 < sooner / 2000 < 0.075
    assert 0.05 < later / 2000 < 0.15


@given(st.lists(st.tuples(st.floats(0, 1e5), st.floats(0, 1e5)), min_size=5, max_size=40))
def test_expectation_is_ordered_whatever_was_seen(pairs: list[tuple[float, float]]) -> None:
    expected = expectation_of([Sample(least, least + more) for least, more in pairs])
    assert expected is not None
    assert 0 < expected.early < expected.late
    assert expected.usual > 0


def test_usual_total_needs_five_that_were_asked_here() -> None:
    asking = Asking("page", DAY)
    assert Past([done(100, total=200)] * 4 + [done(100)] * 3).usual_total(asking) is None
    found = Past([done(100, total=total) for total in (100, 200, 300, 400, 500)]).usual_total(asking)
    assert found is not None
    assert (round(found.least), round(found.most), found.samples) == (140, 460, 5)
