"""Signs of life, and what their absence means for people."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from exports.models import Heartbeat, Status
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
    assert bool(state.unserved) == ("no_worker" in expected)
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
    before = make_export(cast.acme, cast.bob, created_at=timezone.now() - timedelta(hours=1))
    waiting = describe.waiting_for(before, state)
    assert waiting is not None
    assert (waiting.code, waiting.since, waiting.until) == ("no_worker", state.silent_since, None)
    # Nothing waits longer than it is there.
    after = make_export(cast.acme, cast.bob, data_type="event")
    waiting = describe.waiting_for(after, state)
    assert waiting is not None
    assert waiting.since == after.created_at


def test_export_waits_for_a_worker_only_when_none_serves_its_queue(cast: Cast) -> None:
    sign("t", 900, "transfer")
    sign("w", 1, "poll,convert")
    state = health.state()
    assert (state.unserved, state.silent_since) == ({"transfer"}, Heartbeat.objects.get(name="t").at)
    long_ago = timezone.now() - timedelta(hours=1)
    asked = make_export(
        cast.acme, cast.bob, Status.WAITING, created_at=long_ago, queue="poll", waiting_code="upstream_pending"
    )
    fetched = make_export(
        cast.acme, cast.alice, Status.PREPARING, created_at=long_ago, queue="transfer", data_type="event"
    )
    waits = [describe.waiting_for(export, state) for export in (asked, fetched)]
    assert [wait and wait.code for wait in waits] == ["upstream_pending", "no_worker"]
    assert waits[1] is not None
    assert waits[1].since == state.silent_since


def test_worker_that_ends_in_good_order_is_away_at_once_and_since_then(db: None) -> None:
    sign("killed", 3600, "poll,transfer,convert")
    sign("w", 1, "poll,transfer,convert")
    sign("w", 0, "poll,transfer,convert")
    assert Heartbeat.objects.count() == 2
    assert not health.state().unserved
    health.leave("w")
    state = health.state()
    assert state.unserved == {"poll", "transfer"}
    assert state.silent_since == Heartbeat.objects.get(name="w").at
    sign("w", 0, "poll,transfer,convert")
    assert not health.state().unserved


def test_database_that_is_away_is_said(transactional_db: None) -> None:
    with without_table("exports_heartbeat"):
        assert codes() == ["database"]
