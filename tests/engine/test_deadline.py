"""Promise 1: never stuck. The deadline of observed time, from the first RUNNING."""

from datetime import timedelta

import pytest
from django.conf import LazySettings

from exports.models import Export, Status
from exports.services import describe, pauses
from tests.engine.conftest import MakeWorld
from tests.engine.world import MILLISECOND, World


@pytest.fixture
def world(make_world: MakeWorld, settings: LazySettings) -> World:
    """Everything is stuck upstream, and the deadline is an hour."""
    settings.EXPORT_DEADLINE_HOURS = 1.0
    world = make_world()
    world.sim.faults.add("stuck")
    return world


def running(world: World) -> Export:
    """Return an export that was just seen RUNNING for the first time."""
    return world.until_status(world.queue(), Status.PREPARING)


def observed(export: Export) -> float:
    """Return the observed running time in seconds."""
    return export.running_seconds


def test_stuck_export_is_asked_anew_once_and_then_fails(world: World) -> None:
    export = running(world)
    began = export.running_since
    assert began is not None

    export = world.steps(export, lambda export: export.shifts)
    now = describe.timezone.now()
    assert timedelta(minutes=55) < now - began < timedelta(minutes=70)
    assert (export.status, export.attempts, export.shifts) == (Status.WAITING, 1, 1)
    assert export.asked_from == export.range_from - MILLISECOND
    assert (export.running_since, export.running_seconds, export.upstream_started_at) == (None, 0, None)
    assert "begins 1 ms earlier" in world.story(export)[-1]

    export = world.until_status(export, Status.FAILED)
    assert (export.error_code, export.attempts, export.shifts) == ("upstream_stuck", 2, 1)
    assert export.asked_from == export.range_from - MILLISECOND
    keys = {entry.key.from_ for entry in world.asked(export) if entry.key}
    assert keys == {export.range_from, export.range_from - MILLISECOND}


def test_shift_that_upstream_makes_ends_well(world: World) -> None:
    export = world.steps(running(world), lambda export: export.shifts)
    world.sim.faults.clear()
    export = world.until_status(export, Status.READY, Status.FAILED)
    assert (export.status, export.attempts, export.is_shifted) == (Status.READY, 1, True)


def test_last_attempt_is_not_spent_on_a_shift(world: World, settings: LazySettings) -> None:
    settings.EXPORT_MAX_ATTEMPTS = 1
    export = world.until_status(running(world), Status.FAILED)
    assert (export.error_code, export.attempts) == ("upstream_stuck", 1)
    assert "stuck_upstream" not in world.codes(export)


def test_gap_between_two_looks_counts_at_most_15_minutes(world: World) -> None:
    export = running(world)
    before = observed(export)
    world.wait(10 * 3600)  # nobody looked
    export = world.step(export)
    assert export.status == Status.PREPARING
    assert observed(export) - before == pytest.approx(900, abs=1)


def test_deadline_is_looked_at_when_it_comes(world: World) -> None:
    export = world.steps(running(world), lambda export: observed(export) > 3290)  # no wait is longer than 300
    assert export.due_at is not None
    assert export.looked_at is not None
    assert observed(export) + (export.due_at - export.looked_at).total_seconds() <= 3601


def test_waiting_upstream_has_no_deadline(make_world: MakeWorld, settings: LazySettings) -> None:
    settings.EXPORT_DEADLINE_HOURS = 0.01
    world = make_world(rhythm=24 * 3600.0)
    export = world.until_status(world.queue(), Status.WAITING)
    for _ in range(30):
        export = world.step(export)
    assert (export.status, export.attempts) == (Status.WAITING, 0)


def test_paused_time_does_not_count(world: World) -> None:
    export = running(world)
    before = observed(export)
    pauses.pause_by_manager(actor=world.alice, workspace=world.acme)
    for _ in range(8):
        world.wait(800)
        world.step(export)
    assert world.see(export).status == Status.PREPARING
    pauses.resume_by_manager(actor=world.alice, workspace=world.acme)
    export = world.step(export)
    assert observed(export) - before < 30
    export = world.step(export)
    assert observed(export) - before > 30  # from then on it counts again


def test_time_of_an_open_breaker_does_not_count(world: World) -> None:
    export = running(world)
    before = observed(export)
    fault = world.sim.faults.add("unavailable")
    world.step(export)  # the first look after the last good one finds the fault
    looked = world.see(export).looked_at
    assert looked is not None
    outage_began = describe.timezone.now()
    for _ in range(20):
        export = world.step(export)
    assert describe.timezone.now() - outage_began > timedelta(hours=1)
    world.sim.faults.remove(fault)
    export = world.step(export)
    assert export.status == Status.PREPARING
    counted = (outage_began - looked).total_seconds()
    assert observed(export) - before == pytest.approx(counted, abs=2)


def test_host_that_fails_at_every_other_look_does_not_keep_a_stuck_export_for_ever(world: World) -> None:
    export = running(world)
    for _ in range(60):
        fault = world.sim.faults.add("unavailable", times=1)
        export = world.step(export)
        assert fault.hits == 1
        export = world.step(export)
        if export.shifts:
            return
    raise AssertionError(f"after 60 good looks only {observed(export)} seconds were counted")
