"""Upstream's own time, learned from what it says."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.services.rhythm import LOOK_EVERY, Begun, Rhythm, learn_rhythm


def begun(asked: float, wait: float, *, ahead: float = 0.0, way: float = 0.2, work: float = 100.0) -> Begun:
    """An export that began ``wait`` seconds after it was asked, as a clock ``ahead`` of ours tells it."""
    return Begun(asked, asked + way + ahead, asked + wait + ahead, asked + wait, asked + wait + work)


def at_looks(phase: float, count: int, *, ahead: float = 0.0) -> list[Begun]:
    """Exports asked for one at a time, each begun by the next look."""
    rng = random.Random(count)
    found = []
    for number in range(count):
        asked = 10_000.0 + number * 1800 + rng.uniform(0, LOOK_EVERY)
        found.append(begun(asked, LOOK_EVERY - (asked - phase) % LOOK_EVERY, ahead=ahead))
    return found


@given(st.floats(-1e5, 1e5))
def test_clock_is_learned_from_created_dates(ahead: float) -> None:
    rhythm = learn_rhythm(at_looks(70, 4, ahead=ahead))
    assert rhythm.ahead == pytest.approx(ahead, abs=0.5)
    assert rhythm.phase == pytest.approx(70, abs=1)


def test_export_that_lay_there_before_does_not_mislead_the_clock() -> None:
    odd = [Begun(5000, 1000 + 50, None, 0, None), Begun(5000, 9000 + 50, None, 0, None)]
    assert learn_rhythm(at_looks(70, 3, ahead=50) + odd).ahead == pytest.approx(50, abs=0.5)


def test_nothing_said_means_nothing_known() -> None:
    assert learn_rhythm([]) == Rhythm()
    assert learn_rhythm([Begun(0, None, None, 0, 100)]) == Rhythm()
    assert Rhythm().next_look(1000) is None


def test_two_looks_are_not_a_rhythm() -> None:
    assert learn_rhythm(at_looks(70, 2)).phase is None


def test_starts_at_any_time_are_not_a_rhythm() -> None:
    rng = random.Random(3)
    items = [begun(number * 2000, rng.uniform(0, 300)) for number in range(12)]
    assert learn_rhythm(items).phase is None


def test_exports_that_follow_another_do_not_blur_the_rhythm() -> None:
    firsts = at_looks(70, 4)
    followers = [
        Begun(first.asked_at, first.created_at, (first.busy_to or 0), first.busy_to or 0, (first.busy_to or 0) + 77)
        for first in firsts
    ]
    assert learn_rhythm(firsts + followers).phase == pytest.approx(70, abs=1)


def test_what_was_half_a_day_ago_is_forgotten() -> None:
    old = at_looks(70, 4)
    new = [begun(item.asked_at + 200_000, 200) for item in old[:1]]
    assert learn_rhythm(old + new).phase is None


@given(st.floats(0, 300), st.floats(0, 1e6))
def test_next_look_is_the_first_after(phase: float, moment: float) -> None:
    found = Rhythm(0, phase).next_look(moment)
    assert found is not None
    assert 0 <= found - moment <= LOOK_EVERY + 1e-6
    assert (found - phase + 1) % LOOK_EVERY == pytest.approx(1, abs=0.01)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(0, 1e4))
def test_start_lies_within_what_we_saw(ahead: float, said: float, span: float) -> None:
    assert 100 <= Rhythm(ahead).on_our_clock(said, earliest=100, latest=100 + span) <= 100 + span
    assert 100 <= Rhythm().on_our_clock(said, earliest=100, latest=100 + span) <= 100 + span


def test_start_is_read_by_upstreams_clock() -> None:
    assert Rhythm(ahead=3600).on_our_clock(3600 + 500, earliest=400, latest=600) == 500
    assert Rhythm(ahead=3600).on_our_clock(None, earliest=400, latest=600) == 600
