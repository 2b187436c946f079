"""A rejected token is a state of the workspace: nothing fails for it, nothing is charged, hardly anything is asked."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import connection
from django.utils import timezone

from exports.models import AuditEntry, Export, PauseCode, Status, Workspace
from exports.services import advance, claims, describe, health, pauses, settle, tokens, upstream
from tests.engine.conftest import MakeWorld
from tests.engine.world import TOKEN, Worker, World, all_in, in_threads, work_until

NEW = "acme-token-that-is-new-0123456789abcdefghijklmnopqrstu"


def calls(world: World) -> int:
    """Return how many requests reached upstream, probes included."""
    return len(world.sim.log)


def acme(world: World) -> Workspace:
    """Return the workspace as it stands now."""
    return Workspace.objects.select_related("host").get(pk=world.acme.pk)


@pytest.mark.parametrize("how", ["401", "403", "500_empty", "blank"])
def test_rejection_pauses_the_workspace_after_at_most_two_calls(make_world: MakeWorld, how: str) -> None:
    world = make_world(rejection=how)
    exports = [world.queue() for _ in range(8)]
    world.sim.replace_token("acme", NEW)
    for export in exports:
        world.step(export)
    world.wait(7 * 3600)
    for export in exports:
        export = world.step(export)
        assert (export.status, export.attempts, export.waiting_code) == ("queued", 0, "workspace_paused")
        assert world.codes(export).count("paused") == 1
        waiting = describe.waiting_for(export)
        assert waiting is not None
        assert (waiting.code, waiting.since) == ("token_rejected", acme(world).paused_at)
    assert calls(world) <= 2
    assert acme(world).pause_code == PauseCode.TOKEN_REJECTED
    assert AuditEntry.objects.filter(action="workspace.paused").count() == 1


@pytest.mark.parametrize("how", ["401", "blank"])
def test_many_workers_make_at_most_two_calls(make_world: MakeWorld, how: str) -> None:
    world = make_world(rejection=how)
    exports = [world.queue() for _ in range(8)]
    world.sim.replace_token("acme", NEW)
    work_until(
        lambda: not Export.objects.exclude(waiting_code="workspace_paused").filter(due_at__lte=timezone.now()).exists(),
        workers=["poll"] * 4,
    )
    assert calls(world) <= 2
    assert Export.objects.filter(due_at__lte=timezone.now() + timedelta(minutes=10)).count() == 0
    assert len(exports) == 8


@pytest.mark.parametrize("fault", ["reject_403", "unavailable"])
def test_nobody_asks_between_an_answer_and_what_it_means_for_all(world: World, fault: str) -> None:
    """Before each query by which one worker writes an answer down another one tries to ask."""
    export, other = world.queue(), world.queue()
    world.sim.faults.add(fault)
    tried: list[bool] = []

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        # Within a transaction nobody else may write on SQLite; and they see nothing of it anyway.
        if world.questions and not connection.in_atomic_block:
            tried.extend(in_threads(lambda: advance.advance_export(other.pk)))
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        advance.advance_export(export.pk)
    assert tried
    assert len(world.questions) == 1


def test_saving_a_token_resumes_at_once(world: World) -> None:
    exports = [world.until_status(world.queue(), Status.WAITING), world.queue()]
    world.sim.replace_token("acme", NEW)
    for export in exports:
        world.step(export)
    world.wait(60)
    for export in exports:
        assert world.see(export).due_at > timezone.now() + timedelta(minutes=10)  # type: ignore[operator]
    tokens.set_token(actor=world.alice, workspace=acme(world), token=NEW)
    now = timezone.now()
    assert not acme(world).is_paused
    for export in exports:
        assert world.see(export).due_at <= now  # type: ignore[operator]
        assert "resumed" in world.codes(export)
    for export in world.run(*exports):
        assert (export.status, export.attempts) == (Status.READY, 0)


def test_saving_the_same_token_again_resumes_too(world: World) -> None:
    export = world.queue()
    world.sim.faults.add("reject_403", times=1)
    world.step(export)
    tokens.set_token(actor=world.alice, workspace=acme(world), token=TOKEN)
    assert world.run(export)[0].status == Status.READY


def test_token_saved_while_the_old_one_is_rejected_is_not_paused(make_world: MakeWorld) -> None:
    world = make_world(rejection="403")
    export = world.queue()
    world.sim.replace_token("acme", NEW)
    world.sim.faults.add("drip_headers", pause=0.02)
    before = acme(world)
    # The worker asked with the old token; before the answer is written down somebody saves the new one.
    tokens.set_token(actor=world.alice, workspace=before, token=NEW)
    assert not upstream.pause_workspace(before, PauseCode.TOKEN_REJECTED)
    assert not acme(world).is_paused
    assert export.status == Status.QUEUED


def test_export_asked_with_the_old_token_goes_on_at_once_with_the_new_one(world: World) -> None:
    export = world.queue()
    slow = world.sim.faults.add("answer", status=403, times=1)
    lame = world.sim.faults.add("drip_headers", pause=0.02)
    step = Worker(lambda: world.step(export))
    work_until(lambda: slow.hits > 0, workers=())
    tokens.set_token(actor=world.alice, workspace=acme(world), token=NEW)
    world.sim.replace_token("acme", NEW)
    step.join()
    world.sim.faults.remove(lame)
    export = world.see(export)
    assert not acme(world).is_paused
    assert export.due_at is not None
    assert export.due_at <= timezone.now()
    assert "paused" not in world.codes(export)
    assert world.step(export).status == Status.WAITING


def test_resumption_that_meets_a_pausing_worker_leaves_nothing_put_off(world: World) -> None:
    """The worker saw the pause, then somebody resumed, then the worker writes."""
    exports = [world.queue() for _ in range(3)]
    pauses.pause_by_manager(actor=world.alice, workspace=acme(world))
    world.wait_until(world.see(exports[0]).due_at)

    claim = claims.claim_export(exports[0].pk)
    assert claim is not None
    assert claim.export.workspace.is_paused
    pauses.resume_by_manager(actor=world.alice, workspace=acme(world))
    settle.pause(claim)
    for export in exports:
        assert world.see(export).due_at <= timezone.now()  # type: ignore[operator]


def test_waiting_words_of_each_pause(world: World, settings: LazySettings) -> None:
    export = world.queue()
    for code in PauseCode:
        Workspace.objects.filter(pk=world.acme.pk).update(paused_at=timezone.now(), pause_code=code)
        waiting = describe.waiting_for(world.see(export), health.Health([]))
        assert waiting is not None
        assert waiting.code == code
        assert str(waiting.sentence)
    Workspace.objects.filter(pk=world.acme.pk).update(paused_at=None, pause_code="")


def test_token_that_no_key_opens_pauses_without_a_call(world: World, settings: LazySettings) -> None:
    export = world.queue()
    keys = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = ["b3RoZXJfa2V5X290aGVyX2tleV9vdGhlcl9rZXlfMTI="]
    export = world.step(export)
    assert (acme(world).pause_code, calls(world)) == (PauseCode.TOKEN_UNREADABLE, 0)
    assert (export.status, export.waiting_code, export.looks) == ("queued", "workspace_paused", 0)
    settings.TOKEN_ENCRYPTION_KEYS = keys
    pauses.resume_by_manager(actor=world.alice, workspace=acme(world))
    assert world.step(export).status == Status.WAITING


def test_address_that_is_no_longer_listed_pauses_without_a_call(world: World, settings: LazySettings) -> None:
    export = world.queue()
    settings.ANALYTICS_CLOUD_ORIGINS = ["https://analytics.liferay.com"]
    export = world.step(export)
    assert (acme(world).pause_code, calls(world)) == (PauseCode.BASE_URL_REFUSED, 0)
    assert export.waiting_code == "workspace_paused"
    pauses.resume_allowed_addresses()
    assert acme(world).pause_code == PauseCode.BASE_URL_REFUSED

    settings.ANALYTICS_CLOUD_ORIGINS = [world.sim.base_url]
    pauses.resume_allowed_addresses()
    assert not acme(world).is_paused
    assert world.step(export).status == Status.WAITING
    entry = AuditEntry.objects.filter(action="workspace.resumed").get()
    assert (entry.actor, entry.subject) == (None, PauseCode.BASE_URL_REFUSED)


def test_address_that_is_listed_again_does_not_end_another_pause(world: World) -> None:
    pauses.pause_by_manager(actor=world.alice, workspace=acme(world))
    pauses.resume_allowed_addresses()
    assert acme(world).pause_code == PauseCode.MANAGER


def test_pause_of_a_manager_stops_all_questions_and_lets_a_download_end(world: World) -> None:
    waiting = world.queue()
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(500)
    world.sim.faults.add("drip", files_only=True, pause=0.02, size=400)
    step = Worker(lambda: world.step(export))
    work_until(lambda: all_in([export], Status.DOWNLOADING), workers=())
    pauses.pause_by_manager(actor=world.alice, workspace=acme(world))
    now = describe.waiting_for(world.see(export))
    assert now is not None
    assert now.code in ("download", "checking")
    assert step.join().status == Status.READY
    asked = calls(world)
    world.step(waiting)
    assert calls(world) == asked


def test_token_that_works_is_noted_at_most_every_half_minute(world: World) -> None:
    world.step(world.queue())
    first = acme(world).token_worked_at
    world.step(world.queue())
    assert acme(world).token_worked_at == first
    world.wait(60)
    world.step(world.queue())
    assert acme(world).token_worked_at > first  # type: ignore[operator]


def test_blank_answer_with_a_good_token_is_a_fault_of_the_way(world: World) -> None:
    export = world.queue()
    world.sim.faults.add("blank", times=1)
    export = world.step(export)
    assert (export.last_problem, export.attempts) == ("way_blank", 0)
    assert not acme(world).is_paused


def test_page_that_echoes_the_token_leaves_no_trace_of_it(
    make_world: MakeWorld, caplog: pytest.LogCaptureFixture
) -> None:
    world = make_world(rejection="500_html")
    export = world.queue()
    world.sim.replace_token("acme", NEW)
    export = world.step(export)
    assert export.last_problem == "way_html"
    assert TOKEN not in caplog.text
    assert not any(TOKEN in str(event.data) for event in export.events.all())
