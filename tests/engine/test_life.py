"""The life of an export, from the question to the file."""

import hashlib
import json
from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from exports.models import AskedWindow, DataType, Status, Workspace
from exports.services import stored
from tests.engine.conftest import MakeWorld
from tests.engine.world import START, World


def test_export_goes_through_its_states_to_a_whole_file(make_world: MakeWorld) -> None:
    world = make_world(duration=1000.0)
    export = world.queue()
    assert (export.status, export.waiting_code, world.codes(export)) == ("queued", "turn", ["queued"])

    export = world.step(export)
    assert (export.status, export.waiting_code) == ("waiting", "upstream_pending")
    assert export.submitted_at is not None
    assert export.looked_at is not None
    assert export.leased_until is None

    export = world.until_status(export, Status.PREPARING)
    assert export.waiting_code == "upstream_running"
    assert export.running_since is not None
    assert export.queue == "transfer"

    export = world.until_status(export, Status.READY)
    made = world.sim.made("acme", "page", export.range_from, export.range_to)
    assert made is not None
    assert (export.sha256, export.bytes, export.rows) == (made.sha256, made.bytes, 20)
    with stored.storage().open(export.stored_name) as file:
        assert hashlib.sha256(file.read()).hexdigest() == made.sha256
    assert export.stored_name == f"{export.pk}-{export.fence}"
    assert export.ready_at is not None
    assert export.expires_at == export.ready_at + timedelta(hours=24)
    assert (export.due_at, export.leased_until, export.waiting_code) == (None, None, "")
    assert (export.file_kind, export.proved, export.attempts) == ("zip", True, 0)
    assert world.codes(export) == ["queued", "asked", "waiting_upstream", "preparing", "downloading", "ready"]
    assert world.story(export)[-1] == "Ready: 20 rows, checked and stored"
    assert not AskedWindow.objects.get().is_upstream
    workspace = export.workspace
    assert (workspace.lane_until, workspace.transfer_until, workspace.transfer_export) == (None, None, None)
    assert workspace.token_worked_at is not None


def test_receipt_tells_upstreams_waiting_and_working_time(make_world: MakeWorld) -> None:
    world = make_world(duration=1000.0)
    [export] = world.run(world.queue())
    assert export.upstream_wait_seconds == pytest.approx(300, abs=5)  # it looks every five minutes
    assert export.upstream_work_seconds is not None
    assert 1000 <= export.upstream_work_seconds <= 1000 + 300  # our looks lie at most that far apart
    assert export.submitted_at is not None
    assert export.submitted_at - START < timedelta(seconds=60)


def test_all_types_reach_ready_each_with_its_own_window(world: World) -> None:
    exports = world.run(*(world.queue(1, data_type=type_) for type_ in DataType.values))
    assert {export.status for export in exports} == {Status.READY}
    assert all(len({entry.key for entry in world.asked(export)}) == 1 for export in exports)


def test_upstream_is_asked_no_more_once_the_file_is_stored(world: World) -> None:
    world.run(*(world.queue() for _ in range(3)))
    asked = len(world.questions)
    world.wait(25 * 3600)
    assert len(world.questions) == asked


def test_question_is_asked_few_times_while_upstream_works(make_world: MakeWorld) -> None:
    world = make_world(duration=3600.0)
    [export] = world.run(world.queue())
    assert len(world.asked(export)) <= 18


def test_oldest_servers_bare_rows_pass_with_a_note(make_world: MakeWorld) -> None:
    world = make_world(body="plain")
    [export] = world.run(world.queue())
    assert (export.status, export.file_kind, export.proved) == (Status.READY, "json_lines", False)


def test_empty_result_is_a_result(make_world: MakeWorld) -> None:
    world = make_world(rows=0)
    [export] = world.run(world.queue())
    assert (export.status, export.rows) == (Status.READY, 0)


def test_server_that_puts_it_in_line_again_and_again_is_asked_anew(
    make_world: MakeWorld, settings: LazySettings
) -> None:
    settings.EXPORT_DEADLINE_HOURS = 0.1
    world = make_world(duration=100_000.0)
    export = world.queue()
    body = '{"status": "PENDING", "type": "PAGE", "fromDate": "x", "toDate": "y", "message": "scheduled"}'
    for _ in range(40):
        export = world.step(world.until_status(export, Status.PREPARING))  # it is seen running for a while
        if "stuck_upstream" in world.codes(export):
            break
        world.sim.faults.add("answer", body=body, content_type="application/json", times=1)
        export = world.step(export)
    assert "stuck_upstream" in world.codes(export)


def test_back_to_pending_upstream_is_told(make_world: MakeWorld) -> None:
    """A server that restarts may put a running export in line again."""
    world = make_world(duration=1000.0)
    export = world.until_status(world.queue(), Status.PREPARING)
    body = '{"status": "PENDING", "type": "PAGE", "fromDate": "x", "toDate": "y", "message": "scheduled"}'
    world.sim.faults.add("answer", body=body, content_type="application/json", times=1)
    export = world.step(export)
    assert (export.status, export.running_since, export.running_seconds) == ("waiting", None, 0)
    assert world.until_status(export, Status.READY).attempts == 0


def pending(created_at: datetime | None) -> str:
    """Return what a waiting export answers, in words that do not tell why it waits."""
    return json.dumps(
        {"status": "PENDING", "createdDate": created_at and created_at.isoformat(), "message": "予約済みです。"}
    )


def test_another_export_where_one_was_running_counts_as_failed(make_world: MakeWorld) -> None:
    """The answer that says so is given once; it may get lost, or be worded in another way."""
    world = make_world(duration=1000.0)
    export = world.until_status(world.queue(), Status.PREPARING)
    assert export.upstream_created_at is not None
    body = pending(export.upstream_created_at + timedelta(minutes=20))
    world.sim.faults.add("answer", body=body, content_type="application/json", times=1)
    export = world.step(export)
    assert (export.status, export.attempts, export.running_since) == ("waiting", 1, None)
    assert world.codes(export)[-1] == "failed_upstream"
    assert world.until_status(export, Status.READY).attempts == 1


def test_another_export_at_another_address_is_no_failure(make_world: MakeWorld) -> None:
    world = make_world(duration=1000.0)
    export = world.until_status(world.queue(), Status.PREPARING)
    assert export.upstream_created_at is not None
    world.wait(60)
    Workspace.objects.update(address_since=timezone.now())
    body = pending(export.upstream_created_at + timedelta(minutes=20))
    world.sim.faults.add("answer", body=body, content_type="application/json", times=1)
    export = world.step(export)
    assert (export.status, export.attempts) == ("waiting", 0)


@pytest.mark.parametrize(("later", "unseen"), [(0, 0), (1200, 25 * 3600), (None, 0)])
def test_same_export_waiting_again_or_one_after_a_day_is_free(
    make_world: MakeWorld, later: int | None, unseen: int
) -> None:
    world = make_world(duration=1000.0)
    export = world.until_status(world.queue(), Status.PREPARING)
    assert export.upstream_created_at is not None
    world.wait(unseen)
    body = pending(None if later is None else export.upstream_created_at + timedelta(seconds=later + unseen))
    world.sim.faults.add("answer", body=body, content_type="application/json", times=1)
    export = world.step(export)
    assert (export.status, export.attempts) == ("waiting", 0)
