"""Lease and fence: who holds a row, what a worker that slept past its lease may still do, and what deaths cost."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.db import DatabaseError, connection
from django.db.models import F
from django.utils import timezone

from exports.models import Export, Status
from exports.services import advance, cancel, claims, crash_points, describe, health, outcomes, pauses, stored
from exports.services.claims import Claim, LeaseKeeper, LeaseLost, claim_export
from tests.engine.conftest import AtPoint, MakeWorld
from tests.engine.world import Worker, World, all_in, between_look_and_write, in_threads, work_until

LEASE = 90.0
BEFORE_READY = crash_points.POINTS[: crash_points.POINTS.index("ready")]


def hold(world: World, export: Export) -> Claim:
    """Claim an export by hand, once it is due."""
    world.wait_until(world.see(export).due_at)
    claim = claim_export(export.pk)
    assert claim is not None
    return claim


@contextmanager
def without_table(name: str) -> Iterator[None]:
    """A database that fails: one of its tables is out of reach."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO {name}_away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {name}_away RENAME TO {name}")


def test_claim_raises_the_fence_and_holds_the_row(world: World) -> None:
    export = world.queue()
    claim = hold(world, export)
    assert (claim.fence, claim.lapsed) == (1, False)
    assert claim_export(export.pk) is None
    assert not advance.advance_export(export.pk)
    row = world.see(export)
    assert row.due_at == row.leased_until == claim.export.leased_until
    claim.let_go(due_at=timezone.now())


def test_of_many_workers_one_gets_the_row(world: World) -> None:
    export = world.queue()
    claims_ = in_threads(*[lambda: claim_export(export.pk)] * 8)
    [claim] = [claim for claim in claims_ if claim]
    assert world.see(export).fence == claim.fence == 1
    claim.let_go(due_at=timezone.now())


def test_row_claimed_by_another_between_look_and_claim_is_the_others(world: World) -> None:
    export = world.queue()
    with between_look_and_write(lambda: claim_export(export.pk)) as claims_:
        assert claim_export(export.pk) is None
    [claim] = claims_
    assert world.see(export).fence == claim.fence == 1
    claim.let_go(due_at=timezone.now())


def test_row_that_is_not_due_or_has_ended_is_not_claimed(world: World) -> None:
    export = world.queue()
    Export.objects.update(due_at=timezone.now() + timedelta(seconds=60))
    assert claim_export(export.pk) is None
    cancel.cancel_export(user=world.bob, export=export)
    assert claim_export(export.pk) is None
    assert not advance.advance_export(export.pk)


def test_worker_that_slept_past_its_lease_changes_nothing(world: World) -> None:
    export = world.queue()
    sleeper = hold(world, export)
    world.wait(LEASE + 1)
    other = hold(world, export)
    assert (other.fence, other.lapsed) == (2, True)
    before = Export.objects.filter(pk=export.pk).values().get()
    with pytest.raises(LeaseLost):
        sleeper.write(Status.WAITING, rows=7)
    with pytest.raises(LeaseLost):
        sleeper.let_go(due_at=timezone.now())
    assert not sleeper.renew(bytes_received=7)
    for act in (
        lambda: outcomes.try_again(sleeper, "way_html", due_at=timezone.now()),
        lambda: outcomes.charge(sleeper, "answer_not_json", event="problem"),
        lambda: outcomes.fail(sleeper, "answer_not_json"),
        lambda: outcomes.hand_back(sleeper),
    ):
        with pytest.raises(LeaseLost):
            act()
    assert Export.objects.filter(pk=export.pk).values().get() == before
    assert world.codes(export) == ["queued"]
    other.let_go(due_at=timezone.now())


def test_lease_that_was_let_go_does_not_come_back(world: World) -> None:
    claim = hold(world, world.queue())
    claim.let_go(due_at=timezone.now() + timedelta(seconds=5))
    assert not claim.renew()
    assert world.see(claim.export).leased_until is None


def test_cancelled_export_is_out_of_its_workers_hands(world: World) -> None:
    claim = hold(world, world.queue())
    cancel.cancel_export(user=world.bob, export=world.see(claim.export))
    assert not claim.renew()
    with pytest.raises(LeaseLost):
        claim.write()


def test_death_anywhere_but_in_the_gate_is_free(world: World) -> None:
    export = world.queue()
    for _ in range(7):
        hold(world, export)  # and never lets go
        world.wait(LEASE + 1)
    export = world.step(export)
    assert (export.status, export.attempts, export.gate_deaths) == (Status.WAITING, 0, 0)
    assert world.codes(export).count("worker_died") == 1
    assert world.run(export)[0].status == Status.READY


def die_in_gate(world: World, export: Export) -> None:
    """Be a worker that dies while it checks the file."""
    claim = hold(world, export)
    if claim.export.stored_name:
        stored.storage().remove(claim.export.stored_name)
    claim.write(Status.DOWNLOADING, stored_name=f"{export.pk}-{claim.fence}")
    stored.storage().part_path(claim.export.stored_name).write_bytes(b"PK")
    claim.write(gate_started_at=timezone.now(), bytes_received=2)
    world.wait(LEASE + 1)


def test_death_in_the_gate_is_charged_and_the_next_worker_goes_on(make_world: MakeWorld) -> None:
    world = make_world(rhythm=1800.0)
    export = world.until_status(world.queue(), Status.WAITING)
    die_in_gate(world, export)
    part = stored.storage().part_path(world.see(export).stored_name)
    assert part.exists()
    export = world.step(export)
    assert (export.status, export.attempts, export.gate_deaths) == (Status.WAITING, 1, 1)
    assert (export.gate_started_at, export.bytes_received) == (None, 0)
    export = world.until_status(export, Status.READY)
    assert export.attempts == 1
    assert not part.exists()


def test_three_deaths_in_the_gate_fail_with_words(make_world: MakeWorld) -> None:
    world = make_world(rhythm=24 * 3600.0)
    export = world.until_status(world.queue(), Status.WAITING)
    for _ in range(3):
        die_in_gate(world, export)
        export = world.step(export)
    assert (export.status, export.error_code, export.attempts) == (Status.FAILED, "worker_died", 3)
    problem = describe.problem_of(export)
    assert problem is not None
    assert problem.whose_turn == "us"
    assert list(stored.storage().names()) == []


def test_death_in_the_gate_can_be_the_last_attempt(world: World, settings: LazySettings) -> None:
    settings.EXPORT_MAX_ATTEMPTS = 1
    export = world.until_status(world.queue(), Status.WAITING)
    die_in_gate(world, export)
    assert world.step(export).error_code == "worker_died"


def test_download_of_a_dead_worker_is_not_shown_as_arriving(world: World) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    claim = hold(world, export)
    claim.write(Status.DOWNLOADING, stored_name=f"{export.pk}-{claim.fence}", waiting_code="download")

    def code() -> str:
        waiting = describe.waiting_for(world.see(export), health.Health([]))
        assert waiting is not None
        return waiting.code

    assert code() == "download"
    world.wait(LEASE + 1)
    assert code() == "handed_back"
    pauses.pause_by_manager(actor=world.alice, workspace=world.acme)
    export = world.step(export)
    assert (export.status, code()) == (Status.WAITING, "manager")
    pauses.resume_by_manager(actor=world.alice, workspace=world.acme)
    assert world.run(export)[0].status == Status.READY


def test_long_step_keeps_its_lease_and_tells_its_progress(make_world: MakeWorld, settings: LazySettings) -> None:
    settings.EXPORT_LEASE_SECONDS = 0.9
    world = make_world(duration=1.0)
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(400)
    world.sim.faults.add("drip", files_only=True, pause=0.05, size=100)
    step = Worker(lambda: advance.advance_export(export.pk))
    work_until(lambda: world.see(export).bytes_received > 200, workers=())
    middle = world.see(export)
    assert middle.status == Status.DOWNLOADING
    assert not claim_export(export.pk)
    step.join()
    export = world.see(export)
    assert export.status == Status.READY
    assert export.fence == middle.fence
    assert export.bytes_received == export.bytes


def test_worker_whose_row_was_taken_stops_downloading_and_removes_its_part(make_world: MakeWorld) -> None:
    world = make_world(duration=1.0)
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(400)
    world.sim.faults.add("drip", files_only=True, pause=0.05, size=10)
    step = Worker(lambda: advance.advance_export(export.pk))
    work_until(lambda: all_in([export], Status.DOWNLOADING), workers=())
    taken = world.see(export)
    Export.objects.filter(pk=export.pk).update(fence=F("fence") + 1, leased_until=timezone.now())
    step.join(10)
    row = world.see(export)
    assert (row.status, row.fence, row.attempts) == (Status.DOWNLOADING, taken.fence + 1, 0)
    assert list(stored.storage().names()) == []
    world.sim.faults.clear()
    assert world.run(export)[0].status == Status.READY


@pytest.mark.parametrize("point", BEFORE_READY)
def test_cancel_at_any_point_of_a_step_leaves_no_file_and_no_error(world: World, at_point: AtPoint, point: str) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)
    at_point(point, lambda: cancel.cancel_export(user=world.bob, export=world.see(export)))
    advance.advance_export(export.pk)
    export = world.see(export)
    assert (export.status, export.stored_name, export.attempts) == (Status.CANCELLED, "", 0)
    assert list(stored.storage().names()) == []
    assert world.codes(export)[-1] == "cancelled"
    assert world.see(export).workspace.transfer_export is None


@pytest.mark.parametrize("point", BEFORE_READY)
def test_row_taken_at_any_point_of_a_step_is_the_other_workers(world: World, at_point: AtPoint, point: str) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)
    world.tolerated.add("asked-after-stored")  # the file came whole, to a worker that had lost it

    def take() -> None:
        Export.objects.filter(pk=export.pk).update(fence=F("fence") + 1)

    at_point(point, take)
    advance.advance_export(export.pk)
    row = world.see(export)
    assert row.status != Status.READY
    assert "ready" not in world.codes(export)
    assert list(stored.storage().names()) == []
    world.wait(LEASE + 1)
    assert world.run(export)[0].status == Status.READY


def test_part_that_somebody_removed_costs_nothing(world: World, at_point: AtPoint) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)
    world.tolerated.add("asked-after-stored")
    at_point("in_gate", lambda: stored.storage().remove(world.see(export).stored_name))
    with pytest.raises(FileNotFoundError):
        advance.advance_export(export.pk)
    export = world.see(export)
    assert (export.status, export.waiting_code, export.attempts) == (Status.WAITING, "our_fault", 0)
    assert world.run(export)[0].status == Status.READY


def test_fault_of_our_own_backs_off_and_is_not_charged(world: World, settings: LazySettings) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    good = settings.EXPORT_ROOT
    stored.storage()
    (good / "a-file").write_text("")
    settings.EXPORT_ROOT = good / "a-file" / "below"
    for faults in (1, 2, 3):
        with pytest.raises(NotADirectoryError):
            world.step(export)
        export = world.see(export)
        assert (export.waiting_code, export.attempts, export.faults) == ("our_fault", 0, faults)
        assert export.due_at is not None
        assert timezone.now() < export.due_at <= timezone.now() + timedelta(seconds=75)
    assert world.codes(export).count("problem") == 1
    settings.EXPORT_ROOT = good
    (good / "a-file").unlink()
    assert world.run(export)[0].status == Status.READY


def test_database_that_fails_in_the_middle_of_a_step_costs_nothing(world: World) -> None:
    export = world.queue()
    with without_table("exports_askedwindow"), pytest.raises(DatabaseError):
        world.step(export)
    export = world.see(export)
    assert (export.status, export.waiting_code, export.attempts, export.looks) == ("queued", "our_fault", 0, 0)
    assert world.run(export)[0].status == Status.READY


def test_database_that_cannot_even_note_the_fault_leaves_it_to_the_lease(world: World) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.tolerated.add("asked-after-stored")
    with without_table("exports_exportevent"), pytest.raises(DatabaseError):
        world.steps(export, lambda export: export.status != Status.WAITING)
    assert world.see(export).leased_until is not None
    world.wait(LEASE + 1)
    assert world.run(export)[0].attempts == 0


def test_row_that_ended_is_not_pushed_ahead(world: World, at_point: AtPoint) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)

    def explode() -> None:
        raise RuntimeError("a defect of ours, after the file was stored")

    at_point("ready", explode)
    with pytest.raises(RuntimeError):
        advance.advance_export(export.pk)
    assert world.see(export).status == Status.READY


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("point", ["question_sent", "in_gate", "ready"])
def test_worker_that_is_ended_hands_its_export_back(
    world: World, at_point: AtPoint, error: type[BaseException], point: str
) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)

    world.tolerated.add("asked-after-stored")  # handed back from the gate

    def end() -> None:
        raise error

    at_point(point, end)
    with pytest.raises(error):
        advance.advance_export(export.pk)
    export = world.see(export)
    if point == "ready":
        assert export.status == Status.READY
        return
    assert (export.leased_until, export.attempts, export.waiting_code) == (None, 0, "handed_back")
    assert world.run(export)[0].status == Status.READY


def test_ended_worker_that_lost_its_row_ends_all_the_same(world: World, at_point: AtPoint) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)

    def end() -> None:
        Export.objects.filter(pk=export.pk).update(fence=F("fence") + 1)
        raise SystemExit

    at_point("question_sent", end)
    with pytest.raises(SystemExit):
        advance.advance_export(export.pk)
    world.wait(LEASE + 1)


@pytest.mark.parametrize("point", ["question_sent", "in_gate"])
def test_answer_that_comes_after_the_row_was_lost_counts_for_nothing(
    world: World, settings: LazySettings, at_point: AtPoint, point: str
) -> None:
    """A refused question, a broken file: neither is charged to whoever has the row by now."""
    settings.EXPORT_LEASE_SECONDS = 0.9
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)
    world.sim.faults.add("cut_body", times=1)

    def lose() -> None:
        Export.objects.filter(pk=export.pk).update(fence=F("fence") + 1)
        time.sleep(1)  # until the keeper sees it

    at_point(point, lose)
    advance.advance_export(export.pk)
    row = world.see(export)
    assert (row.attempts, row.faults) == (0, 0)
    settings.EXPORT_LEASE_SECONDS = LEASE
    assert world.run(export)[0].status == Status.READY


def test_lease_that_cannot_be_renewed_counts_as_lost_while_the_connection_is_open(
    world: World, settings: LazySettings
) -> None:
    settings.EXPORT_LEASE_SECONDS = 1.0
    claim = hold(world, world.queue())
    aborted: list[bool] = []
    with without_table("exports_export"), LeaseKeeper(claim) as keeper:
        keeper.on_abort(lambda: aborted.append(True))
        work_until(lambda: keeper.lost, workers=(), seconds=20)
        assert keeper.must_end
    assert aborted
    claim.let_go(due_at=timezone.now())


def test_lease_that_cannot_be_renewed_is_no_reason_to_leave_the_gate(world: World, settings: LazySettings) -> None:
    settings.EXPORT_LEASE_SECONDS = 0.6
    claim = hold(world, world.queue())
    with without_table("exports_export"), LeaseKeeper(claim) as keeper:
        keeper.on_wire = False
        assert not keeper._done.wait(1.5)
        assert not keeper.lost
    claim.let_go(due_at=timezone.now())


def test_lease_time_is_the_setting(settings: LazySettings) -> None:
    settings.EXPORT_LEASE_SECONDS = 7.5
    assert claims.lease_time() == timedelta(seconds=7.5)
