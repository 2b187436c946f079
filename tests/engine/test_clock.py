"""The clock jumps by more than a day, or a day is an hour longer or shorter: nothing sleeps, nothing is lost."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from celery import Celery
from django.conf import LazySettings
from django.utils import timezone

from exports import tasks
from exports.models import DerivedFile, Export, Status, UpstreamHost, Workspace
from exports.services import advance, claims, clock, expire, health, invariants, lanes, queue, tick
from exports.web.ranges import days_window
from lacportal.beat import SteadyScheduler
from tests.engine.conftest import MakeWorld
from tests.engine.world import DAY, MILLISECOND, World

JUMPS = [-25.0, 25.0]


def jump(world: World, hours: float) -> None:
    """Set our clock; Analytics Cloud's goes on as it went."""
    world.wait(hours * 3600)
    world.sim.clock.advance(-hours * 3600)


def live(world: World, minutes: float, until: Callable[[], bool]) -> None:
    """Let beat and workers do what they do, every half minute; stop when something is true."""
    for _ in range(int(minutes * 2)):
        tick.tick()
        tasks.reap()
        advance.drain("poll", seconds=30)
        advance.drain("transfer", seconds=30)
        assert not list(invariants.find_violations())
        if until():
            return
        world.wait(30)
    raise AssertionError([(one.status, one.waiting_code, one.due_at) for one in Export.objects.all()])


def queued(world: World) -> Export:
    return world.queue()


def rung_for(world: World) -> Export:
    export = world.queue()
    assert tick.mark_due(timezone.now())
    return export


def waiting(world: World) -> Export:
    return world.until_status(world.queue(), Status.WAITING)


def preparing(world: World) -> Export:
    return world.until_status(world.queue(), Status.PREPARING)


def held_by_the_dead(world: World) -> Export:
    """A worker that had row, question and download died a moment ago."""
    export = waiting(world)
    world.wait_until(export.due_at)
    claim = claims.claim_export(export.pk)
    assert claim is not None
    assert lanes.take_question_lane(world.acme.pk)
    assert lanes.take_transfer_lane(claim.export)
    return export


def host_away(world: World) -> Export:
    export = world.queue()
    world.sim.faults.add("unavailable", times=1)
    return world.step(export)


def told_to_wait_for_hours(world: World) -> Export:
    export = world.queue()
    world.sim.faults.add("too_many", times=1, retry_after=3 * 3600)
    return world.step(export)


@pytest.mark.parametrize("hours", JUMPS)
@pytest.mark.parametrize("phase", [queued, rung_for, waiting, preparing, held_by_the_dead, host_away])
def test_clock_that_jumps_delays_nothing(make_world: MakeWorld, phase: Callable[[World], Export], hours: float) -> None:
    world = make_world(duration=400.0)
    export = phase(world)
    jump(world, hours)
    live(world, 30, lambda: not world.see(export).is_active)
    export = world.see(export)
    assert (export.status, export.attempts) == (Status.READY, 0)
    assert export.expires_at is not None
    assert timedelta(hours=23) < export.expires_at - timezone.now() <= timedelta(hours=24)


def test_clock_set_back_ends_a_long_retry_after_that_nobody_can_measure_any_more(world: World) -> None:
    export = told_to_wait_for_hours(world)
    jump(world, -25)
    live(world, 30, lambda: not world.see(export).is_active)
    assert world.see(export).status == Status.READY


def test_clock_set_back_a_living_holder_keeps_its_row(world: World) -> None:
    export = waiting(world)
    world.wait_until(export.due_at)
    claim = claims.claim_export(export.pk)
    assert claim is not None
    jump(world, -25)
    clock.mend_times()
    assert advance.advance_export(export.pk) is False
    assert claim.renew()
    claim.let_go(due_at=timezone.now())


def test_clock_that_only_goes_forward_needs_no_mending(world: World) -> None:
    for phase in (rung_for, waiting, held_by_the_dead):
        phase(world)
        assert clock.mend_times() == 0


def test_clock_set_back_lets_go_of_formats_lanes_and_hosts(world: World) -> None:
    [export] = world.run(world.queue())
    ahead = timezone.now() + timedelta(hours=25)
    derived = DerivedFile.objects.create(export=export, format="csv", variant="csv", leased_until=ahead, rung_at=ahead)
    Workspace.objects.update(lane_until=ahead, transfer_until=ahead, transfer_export=export.pk)
    UpstreamHost.objects.update(failures=3, failing_since=ahead, failed_at=ahead, not_before=ahead)
    Workspace.objects.update(lane_left_after=ahead, lane_left_by=ahead)
    assert clock.mend_times() == 6
    assert clock.mend_times() == 0
    derived.refresh_from_db()
    assert derived.rung_at is None
    for moment in (
        derived.leased_until,
        Workspace.objects.get(pk=world.acme.pk).lane_until,
        Workspace.objects.get(pk=world.acme.pk).transfer_until,
        UpstreamHost.objects.get(pk=world.acme.host_id).not_before,
    ):
        assert moment is not None
        assert moment <= timezone.now() + claims.lease_time()


@pytest.mark.parametrize("hours", JUMPS)
def test_file_is_removed_at_the_moment_shown_whatever_the_clock_did_before(world: World, hours: float) -> None:
    [export] = world.run(world.queue())
    shown = export.expires_at
    assert shown is not None
    jump(world, hours)
    expire.expire_due()
    assert world.see(export).status == (Status.EXPIRED if timezone.now() >= shown else Status.READY)
    world.wait_until(shown)
    expire.expire_due()
    assert world.see(export).status == Status.EXPIRED


def test_clock_set_back_signs_of_life_from_the_future_count_for_nothing(world: World) -> None:
    health.beat("w", queues="poll,transfer,convert", at=timezone.now())
    tick.tick()
    assert health.state().ok
    jump(world, -25)
    assert [code for code, _sentence in health.state().problems] == ["no_worker", "no_beat"]


def runs_of(scheduler: SteadyScheduler) -> list[str]:
    ran: list[str] = []
    scheduler.apply_entry = lambda entry, producer=None: ran.append(entry.name)  # type: ignore[method-assign]
    return ran


@pytest.mark.parametrize("hours", [-25.0, -0.5, 25.0])
def test_clock_that_jumps_does_not_stop_beat(hours: float) -> None:
    app = Celery(broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {"tick": {"task": "exports.tick", "schedule": timedelta(seconds=5)}}
    with time_machine.travel(datetime(2026, 11, 10, tzinfo=UTC), tick=False) as hands:
        scheduler = SteadyScheduler(app=app, lazy=False)
        ran = runs_of(scheduler)
        for _ in range(3):
            scheduler.tick()
            hands.shift(5)
        before = len(ran)
        hands.shift(hours * 3600)
        for _ in range(4):
            scheduler.tick()
            hands.shift(5)
        assert before <= 3
        assert 2 <= len(ran) - before <= 5


@pytest.mark.parametrize("day", [date(2026, 3, 29), date(2026, 10, 25)], ids=["23 hours", "25 hours"])
def test_days_of_23_and_25_hours_are_one_question_each_with_nothing_left_out_or_twice(world: World, day: date) -> None:
    """What people call a day is pinned in UTC when it is queued; the day after begins where it ends."""
    berlin = ZoneInfo("Europe/Berlin")
    first, second = (
        queue.queue_export(
            user=world.bob,
            workspace=world.acme,
            data_type="page",
            range_from=window.start,
            range_to=window.end,
        ).export
        for window in (days_window(one, one, berlin) for one in (day, day + DAY))
    )
    length = (first.range_to - first.range_from) + MILLISECOND
    assert length in (timedelta(hours=23), timedelta(hours=25))
    assert second.range_from - first.range_to == MILLISECOND
    assert {one.status for one in world.run(first, second)} == {Status.READY}
    start = datetime(day.year, day.month, day.day, tzinfo=berlin).astimezone(UTC)
    assert {entry.key.from_ for entry in world.asked(first) if entry.key} == {start}


def test_hour_that_comes_twice_makes_no_wait_longer(make_world: MakeWorld, settings: LazySettings) -> None:
    """Moments are UTC: on the night when Berlin's clocks go back two hours are two hours."""
    settings.EXPORT_RETENTION_HOURS = 2.0
    world = make_world()
    jump(world, (datetime(2026, 10, 25, 0, 30, tzinfo=UTC) - timezone.now()).total_seconds() / 3600)
    Workspace.objects.update(time_zone="Europe/Berlin")
    [export] = world.run(world.queue())
    assert export.ready_at is not None
    assert export.expires_at == export.ready_at + timedelta(hours=2)
    world.wait_until(export.expires_at)
    assert expire.expire_due() == 1
