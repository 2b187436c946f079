"""Signs of life, and what their absence means for people."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from exports.models import Heartbeat
from exports.services import describe, health
from tests.engine.test_leases import without_table
from tests.support.cast import Cast, make_export
from tests.support.cast import cast as cast


def sign(name: str, seconds: float, queues: str = "") -> None:
    """Leave a sign of life so many seconds ago."""
    health.beat(name, queues=queues, at=timezone.now() - timedelta(seconds=seconds))


def codes() -> list[str]:
    """Return what is wrong."""
    return [code for code, _sentence in health.state().problems]


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ([], ["no_worker", "no_beat"]),
        ([("tick", 1, "")], ["no_worker"]),
        ([("tick", 1, ""), ("w", 1, "poll,transfer,convert")], []),
        ([("tick", 1, ""), ("w", 29, "poll"), ("v", 1, "transfer"), ("c", 1, "convert")], []),
        ([("tick", 1, ""), ("w", 1, "poll,transfer")], ["no_convert_worker"]),
        ([("tick", 1, ""), ("w", 1, "poll,convert")], ["no_worker"]),
        ([("tick", 1, ""), ("w", 31, "poll,transfer,convert")], ["no_worker"]),
        ([("tick", 29, ""), ("w", 1, "poll,transfer,convert")], []),
        ([("tick", 31, ""), ("w", 1, "poll,transfer,convert")], ["no_beat"]),
        # Left before the clock was set back: nobody has been heard of since.
        ([("tick", -3600, ""), ("w", 1, "poll,transfer,convert")], ["no_beat"]),
        ([("tick", 1, ""), ("w", -3600, "poll,transfer,convert")], ["no_worker"]),
    ],
)
def test_state_names_what_is_missing(db: None, signs: list[tuple[str, float, str]], expected: list[str]) -> None:
    for name, seconds, queues in signs:
        sign(name, seconds, queues)
    state = health.state()
    assert codes() == expected
    assert state.ok == (not expected)
    assert state.has_workers == ("no_worker" not in expected)
    assert all(str(sentence) for _code, sentence in state.problems)


def test_slow_clock_is_given_time(db: None, settings: LazySettings) -> None:
    sign("w", 1, "poll,transfer,convert")
    sign(Heartbeat.TICK, 100)
    assert codes() == ["no_beat"]
    settings.EXPORT_TICK_SECONDS = 60
    assert codes() == []


def test_silence_is_told_since_when(cast: Cast) -> None:
    sign("w", 300, "poll,transfer,convert")
    sign("v", 200, "poll,transfer,convert")
    state = health.state()
    assert state.silent_since == Heartbeat.objects.get(name="v").at
    waiting = describe.waiting_for(make_export(cast.acme, cast.bob), state)
    assert waiting is not None
    assert (waiting.code, waiting.since, waiting.until) == ("no_worker", state.silent_since, None)


def test_worker_that_ends_in_good_order_is_forgotten(db: None) -> None:
    sign("w", 1, "poll")
    sign("w", 0, "poll")
    assert Heartbeat.objects.count() == 1
    health.forget("w")
    health.forget("w")
    assert not Heartbeat.objects.exists()


def test_database_that_is_away_is_said(transactional_db: None) -> None:
    with without_table("exports_heartbeat"):
        assert codes() == ["database"]
