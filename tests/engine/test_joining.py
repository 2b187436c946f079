"""One question is one export: joining, reusing, leaving, cancelling."""

from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from exports.models import ACTIVE, Export, Requester, Status
from exports.services import advance, cancel, expire, queue, stored, tokens, workspaces
from exports.services.queue import Outcome
from exports.services.refusals import Forbidden, Refused, WrongState
from tests.engine.conftest import AtPoint, MakeWorld
from tests.engine.world import MILLISECOND, TOKEN, Worker, World, all_in, in_threads, work_until


def test_equal_question_joins_while_it_runs(world: World) -> None:
    export = world.queue(1)
    for status in (Status.QUEUED, Status.WAITING):
        export = world.until_status(export, status)
        queued = world.ask(1, by=world.carol, fresh=status == Status.WAITING)
        assert (queued.outcome, queued.export) == (Outcome.JOINED, export)
    assert set(export.requesters.all()) == {world.bob, world.carol}
    assert export.requested_by == world.bob
    assert world.codes(export).count("joined") == 1


def test_parts_of_a_millisecond_make_no_other_question(world: World) -> None:
    export = world.queue(1)
    queued = queue.queue_export(
        user=world.carol,
        workspace=world.acme,
        data_type=export.data_type,
        range_from=export.range_from + timedelta(microseconds=999),
        range_to=export.range_to + timedelta(microseconds=1),
    )
    assert queued.export == export


@pytest.mark.parametrize("change", ["type", "from", "to", "workspace"])
def test_other_question_is_another_export(world: World, change: str) -> None:
    export = world.queue(1)
    workspace = world.acme
    if change == "workspace":
        workspace = world.workspace("Globex", "globex-token-0123456789", member=world.bob)
    queued = queue.queue_export(
        user=world.bob,
        workspace=workspace,
        data_type="event" if change == "type" else export.data_type,
        range_from=export.range_from + MILLISECOND * (change == "from"),
        range_to=export.range_to + MILLISECOND * (change == "to"),
    )
    assert queued.outcome == Outcome.MADE


def test_twenty_identical_submits_at_once_are_one_export(world: World) -> None:
    people = [world.alice, world.bob, world.carol] * 7
    results = in_threads(*(lambda user=user: world.ask(1, by=user) for user in people[:20]))  # type: ignore[misc]
    assert Export.objects.count() == 1
    assert sorted(result.outcome for result in results).count(Outcome.MADE) == 1
    assert Requester.objects.count() == 3


@pytest.mark.parametrize("who", ["vera", "charlie"])
def test_viewers_and_strangers_neither_queue_nor_join(world: World, who: str) -> None:
    world.queue(1)
    with pytest.raises(Forbidden):
        world.ask(1, by=getattr(world, who))
    with pytest.raises(Forbidden):
        world.ask(2, by=getattr(world, who))
    with pytest.raises(Forbidden):
        queue.run_again(user=getattr(world, who), export=Export.objects.get())


def test_ready_file_answers_an_equal_question_without_upstream(world: World) -> None:
    [export] = world.run(world.queue(1))
    asked = len(world.questions)
    queued = world.ask(1, by=world.carol)
    assert (queued.outcome, queued.export, len(world.questions)) == (Outcome.REUSED, export, asked)
    assert world.codes(export)[-1] == "reused"
    assert world.ask(1, by=world.carol).outcome == Outcome.REUSED
    assert world.codes(export).count("reused") == 1
    assert Requester.objects.filter(export=export).count() == 2


def test_file_of_the_address_before_answers_nothing(world: World, settings: LazySettings) -> None:
    settings.ANALYTICS_CLOUD_ORIGINS = [*settings.ANALYTICS_CLOUD_ORIGINS, "https://other.example"]
    [export] = world.run(world.queue(1))
    workspaces.update_workspace(actor=world.alice, workspace=world.acme, base_url="https://other.example")
    world.acme.refresh_from_db()
    queued = world.ask(1)
    assert (queued.outcome, queued.export != export) == (Outcome.MADE, True)
    assert queue.look_for_equal(world.acme, export.data_type, export.range_from, export.range_to).ready is None


@pytest.mark.parametrize("seen", [Status.WAITING, Status.PREPARING])
def test_file_that_arrives_from_the_address_before_is_asked_for_anew(
    make_world: MakeWorld, settings: LazySettings, at_point: AtPoint, seen: Status
) -> None:
    world = make_world(duration=1000.0 if seen == Status.PREPARING else 0.0)
    settings.ANALYTICS_CLOUD_ORIGINS = [*settings.ANALYTICS_CLOUD_ORIGINS, "https://other.example"]
    here = world.acme.base_url
    export = world.until_status(world.queue(1), seen)

    def move() -> None:
        workspaces.update_workspace(actor=world.alice, workspace=world.acme, base_url="https://other.example")
        assert world.ask(1, by=world.carol).outcome == Outcome.JOINED

    at_point("in_gate", move)
    world.tolerated.add("asked-after-stored")  # it had come whole
    export = world.steps(export, lambda row: row.last_problem)
    assert (export.status, export.attempts, export.last_problem) == (Status.WAITING, 0, "address_changed")
    assert (export.stored_name, list(stored.storage().names())) == ("", [])
    workspaces.update_workspace(actor=world.alice, workspace=world.acme, base_url=here)
    tokens.set_token(actor=world.alice, workspace=world.acme, token=TOKEN)
    assert world.run(export)[0].status == Status.READY


def test_expired_file_answers_nothing(world: World) -> None:
    [export] = world.run(world.queue(1))
    world.wait(25 * 3600)
    queued = world.ask(1)  # nobody expired it yet
    assert queued.outcome == Outcome.MADE
    assert queued.export != export
    expire.expire_due()
    world.run(queued.export)


def test_unknown_type_order_and_texts_are_refused(world: World) -> None:
    export = world.queue(1)
    for values, code in (
        ({"data_type": "accounts"}, "unknown_type"),
        ({"range_from": export.range_to + MILLISECOND}, "range_order"),
        ({"name": "x" * 121}, "too_long"),
        ({"note": "x" * 2001}, "too_long"),
        ({"name": "a\0b"}, "not_one_line"),
    ):
        asked = {"data_type": "page", "range_from": export.range_from, "range_to": export.range_to, **values}
        with pytest.raises(Refused) as refused:
            queue.queue_export(user=world.bob, workspace=world.acme, **asked)  # type: ignore[arg-type]
        assert refused.value.code == code
        assert str(refused.value.message)


def test_one_moment_is_a_range(world: World) -> None:
    moment = timezone.now() - timedelta(days=3)
    queued = queue.queue_export(
        user=world.bob, workspace=world.acme, data_type="page", range_from=moment, range_to=moment
    )
    assert world.run(queued.export)[0].status == Status.READY


def test_archived_workspace_takes_nothing_new(world: World) -> None:
    [export] = world.run(world.queue(1))
    world.acme.archived_at = timezone.now()
    world.acme.save(update_fields=["archived_at"])
    with pytest.raises(WrongState, match="workspace_archived"):
        world.ask(2)
    with pytest.raises(WrongState, match="workspace_archived"):
        queue.run_again(user=world.bob, export=world.see(export))


def test_requester_leaves_and_the_last_one_ends_it(world: World) -> None:
    export = world.queue(1)
    world.ask(1, by=world.carol)
    export = cancel.cancel_export(user=world.bob, export=export)
    assert export.status == Status.QUEUED
    assert world.codes(export)[-1] == "left"
    with pytest.raises(Forbidden, match="not_yours"):
        cancel.cancel_export(user=world.bob, export=export)
    export = world.see(cancel.cancel_export(user=world.carol, export=export))
    assert (export.status, export.due_at, export.waiting_code) == (Status.CANCELLED, None, "")
    assert export.ended_at is not None
    assert world.codes(export)[-1] == "cancelled"
    with pytest.raises(WrongState, match="already_ended"):
        cancel.cancel_export(user=world.carol, export=export)


def test_manager_ends_it_whoever_waits(world: World) -> None:
    export = world.queue(1)
    world.ask(1, by=world.carol)
    assert cancel.cancel_export(user=world.alice, export=export).status == Status.CANCELLED
    assert world.ask(1, by=world.carol).outcome == Outcome.MADE


@pytest.mark.parametrize("who", ["carol", "vera", "charlie"])
def test_others_cannot_cancel(world: World, who: str) -> None:
    export = world.queue(1)
    with pytest.raises(Forbidden):
        cancel.cancel_export(user=getattr(world, who), export=export)


def test_cancelled_export_is_asked_no_more_and_the_lane_moves_up(world: World) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    cancel.cancel_export(user=world.bob, export=export)
    asked = len(world.questions)
    world.wait(3600)
    assert not advance.advance_export(export.pk)
    assert len(world.questions) == asked


def test_stale_view_of_an_ended_export_cancels_nothing(world: World) -> None:
    stale = world.queue(1)
    world.run(stale)
    with pytest.raises(WrongState, match="already_ended"):
        cancel.cancel_export(user=world.bob, export=stale)
    assert world.see(stale).status == Status.READY


def test_cancel_in_the_middle_of_a_download_stops_it_at_once(world: World) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(400)
    world.sim.faults.add("drip", files_only=True, pause=0.05, size=64)
    step = Worker(lambda: advance.advance_export(export.pk))
    work_until(lambda: all_in([export], Status.DOWNLOADING), workers=())
    cancel.cancel_export(user=world.bob, export=world.see(export))
    step.join(10)
    export = world.see(export)
    assert (export.status, export.stored_name, export.attempts) == (Status.CANCELLED, "", 0)
    assert world.codes(export)[-1] == "cancelled"


def test_joins_and_cancels_at_once_leave_no_export_that_nobody_wants(world: World) -> None:
    for number in range(6):
        export = world.queue(number)
        seen = world.see(export)
        in_threads(
            lambda: cancel.cancel_export(user=world.bob, export=seen),  # noqa: B023
            lambda: world.ask(number, by=world.carol),  # noqa: B023
        )
        for row in Export.objects.filter(range_from=export.range_from):
            wanted_by = {seat.user for seat in Requester.objects.filter(export=row).select_related("user")}
            if row.status in ACTIVE:
                assert wanted_by, world.codes(row)
            else:
                assert wanted_by == {world.bob}, (row.status, world.codes(row))  # who wanted it last stays on record
        asked = Requester.objects.filter(user=world.carol, export__range_from=export.range_from)
        assert [seat.export.status in ACTIVE for seat in asked.select_related("export")] == [True]
