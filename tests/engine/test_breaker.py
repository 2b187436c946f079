"""The breaker of a host: who asks while it fails, when, and that one success wakes everybody."""

from datetime import datetime, timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from exports.analytics_cloud.replies import Unavailable
from exports.analytics_cloud.simulator import Simulator
from exports.models import Export, Membership, Role, Status, UpstreamHost
from exports.services import advance, breaker, claims, describe, invariants, settle
from exports.services.workspaces import create_workspace
from tests.engine.conftest import MakeWorld
from tests.engine.world import World, in_threads

GLOBEX_TOKEN = "globex-token-of-the-tests-0123456789abcdefghijklmnopq"
FIRST, MOST = 15.0, 300.0


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """Two workspaces may live on the host."""
    return make_world(tokens={"acme": "acme-token-of-the-tests-0123456789abcdefghijklmnopqrst", "globex": GLOBEX_TOKEN})


def host() -> UpstreamHost:
    """Return the host's row."""
    return UpstreamHost.objects.order_by("pk")[0]


def pass_time(world: World, seconds: float) -> None:
    """Do whatever is due in the next so many seconds."""
    end = timezone.now() + timedelta(seconds=seconds)
    while True:
        due = Export.objects.active().order_by("due_at").first()
        if due is None or due.due_at is None or due.due_at > end:
            break
        world.wait_until(due.due_at)
        advance.advance_export(due.pk)
    world.wait_until(end)


def moments(world: World) -> list[datetime]:
    """Return when each question reached upstream."""
    return [entry.asked for entry in world.questions]


def test_outage_lets_one_question_at_a_time_through_with_growing_waits(world: World) -> None:
    globex = world.workspace("Globex", GLOBEX_TOKEN, member=world.bob)
    exports = [world.queue() for _ in range(4)] + [world.queue(workspace=globex) for _ in range(4)]
    fault = world.sim.faults.add("unavailable")
    began = timezone.now()
    pass_time(world, 3600)
    exports += [world.queue(), world.queue(workspace=globex)]  # new ones, due at once: they must wait like the others
    pass_time(world, 3600)
    asked = moments(world)
    gaps = [(later - earlier).total_seconds() for earlier, later in zip(asked, asked[1:], strict=False)]
    assert gaps[0] >= FIRST * 0.9
    for gap, usual in zip(gaps, (15, 30, 60, 120, 240), strict=False):
        assert 0.9 * usual - 1 <= gap <= 1.1 * usual + FIRST * 1.2
    assert min(gaps[5:]) >= 0.9 * MOST - 1
    assert max(gaps) <= MOST + FIRST * 1.2
    assert len(asked) <= 7200 / (MOST * 0.9) + 6
    for export in exports:
        export = world.see(export)
        assert (export.status, export.attempts) == (Status.QUEUED, 0)
        waiting = describe.waiting_for(export)
        assert waiting is not None
        assert (waiting.code, waiting.since) == ("upstream_unavailable", host().failing_since)
    assert host().failing_since is not None
    assert host().failing_since - began < timedelta(minutes=1)  # type: ignore[operator]

    world.sim.faults.remove(fault)
    pass_time(world, MOST + 30)
    assert (host().failures, host().not_before) == (0, None)
    assert all(export.status == Status.READY for export in world.run(*exports))


def test_one_success_wakes_everybody_on_the_host(world: World) -> None:
    globex = world.workspace("Globex", GLOBEX_TOKEN, member=world.bob)
    exports = [world.queue(), world.queue(), world.queue(workspace=globex)]
    world.sim.faults.add("unavailable", times=1, retry_after=3600)
    for export in exports:
        world.step(export)
    assert all(world.see(export).due_at > timezone.now() + timedelta(minutes=10) for export in exports)  # type: ignore[operator]
    world.wait_until(host().not_before)
    world.step(exports[2])
    for export in exports[:2]:
        export = world.see(export)
        assert export.due_at <= timezone.now()  # type: ignore[operator]
        assert export.waiting_until is None
        waiting = describe.waiting_for(export)
        assert waiting is not None
        assert waiting.until is None


@pytest.mark.parametrize("as_date", [False, True], ids=["seconds", "date"])
@pytest.mark.parametrize("kind", ["too_many", "unavailable"])
def test_retry_after_is_obeyed_while_the_next_look_stays_near(world: World, kind: str, as_date: bool) -> None:
    export = world.queue()
    hours = 2
    world.sim.faults.add(kind, times=1, retry_after=hours * 3600, as_date=as_date)
    began = timezone.now()
    export = world.step(export)
    assert export.waiting_until is not None
    assert abs(export.waiting_until - began - timedelta(hours=hours)) < timedelta(seconds=10)
    while len(world.questions) == 1:
        assert export.due_at is not None
        assert export.due_at - timezone.now() <= timedelta(minutes=15)
        assert not list(invariants.find_violations())
        export = world.step(export)
    assert moments(world)[1] - moments(world)[0] >= timedelta(hours=hours) - timedelta(seconds=5)
    assert (export.status, export.attempts) == (Status.WAITING, 0)


def test_retry_after_of_days_counts_as_six_hours(world: World) -> None:
    export = world.queue()
    world.sim.faults.add("unavailable", times=1, retry_after=5 * 24 * 3600)
    world.step(export)
    while len(world.questions) == 1:
        world.step(export)
    gap = moments(world)[1] - moments(world)[0]
    assert timedelta(hours=5.9) < gap < timedelta(hours=6.1)


def test_retry_after_on_a_page_is_obeyed_too(world: World) -> None:
    export = world.queue()
    world.sim.faults.add(
        "answer",
        status=200,
        body="<html>later</html>",
        headers={"Retry-After": "1800"},
        content_type="text/html",
        times=1,
    )
    world.step(export)
    while len(world.questions) == 1:
        world.step(export)
    assert moments(world)[1] - moments(world)[0] >= timedelta(minutes=30) - timedelta(seconds=5)


@pytest.mark.parametrize("kind", ["html", "blank", "odd_status"])
def test_other_faults_leave_the_host_open(world: World, kind: str) -> None:
    one, other = world.queue(), world.queue()
    world.sim.faults.add(kind, times=1)
    world.step(one)
    assert host().failures == 0
    assert world.step(other).status == Status.WAITING


def test_time_out_of_a_question_leaves_the_host_open(world: World, settings: LazySettings) -> None:
    settings.EXPORT_STALL_SECONDS = 0.3
    export = world.queue()
    world.sim.faults.add("silence", times=1)
    export = world.step(export)
    assert (export.last_problem, export.attempts, host().failures) == ("way_timeout", 0, 0)


def test_nothing_listening_opens_the_breaker(world: World, settings: LazySettings) -> None:
    export = world.queue()
    UpstreamHost.objects.update(origin="http://127.0.0.1:1")
    settings.ANALYTICS_CLOUD_ORIGINS = [world.sim.base_url, "http://127.0.0.1:1"]
    export = world.step(export)
    assert (export.last_problem, host().failures, host().reason) == ("way_connection", 1, "connection")
    UpstreamHost.objects.update(origin=world.sim.base_url)
    assert world.run(export)[0].status == Status.READY


def test_questions_that_fail_together_count_once(world: World) -> None:
    asked = timezone.now()
    row = host()
    world.wait(1)
    until = breaker.note_fault(row, asked_at=asked, reason="http_5xx", retry_after=None)
    again = breaker.note_fault(host(), asked_at=asked, reason="http_5xx", retry_after=None)
    assert (host().failures, again) == (1, until)
    later = breaker.note_fault(host(), asked_at=asked, reason="http_429", retry_after=600)
    assert (host().failures, host().not_before) == (1, later)
    assert later > until


def test_only_one_of_many_workers_takes_the_trial(world: World) -> None:
    breaker.note_fault(host(), asked_at=timezone.now() - timedelta(seconds=1), reason="http_5xx", retry_after=None)
    assert not breaker.take_turn(host())
    world.wait_until(host().not_before)
    rows = [host() for _ in range(8)]
    taken = in_threads(*(lambda row=row: breaker.take_turn(row) for row in rows))  # type: ignore[misc]
    assert sorted(taken) == [False] * 7 + [True]


def test_worker_that_comes_second_to_the_trial_waits_a_little(world: World) -> None:
    export = world.queue()
    breaker.note_fault(host(), asked_at=timezone.now(), reason="http_5xx", retry_after=None)
    world.wait_until(host().not_before)
    world.wait_until(world.see(export).due_at)
    claim = claims.claim_export(export.pk)
    assert claim is not None
    assert breaker.take_turn(host())  # between the look and the turn
    assert not advance._may_ask(claim)
    export = world.see(export)
    assert (export.waiting_code, export.attempts) == ("upstream_unavailable", 0)
    assert export.due_at is not None
    assert export.due_at - timezone.now() <= timedelta(seconds=FIRST)
    assert world.sim.log == []


def test_trial_that_fails_leaves_nobody_waiting_for_its_end(world: World) -> None:
    """During the trial others are put off to its end; when it ends sooner, so does their wait."""
    trial, other = world.queue(), world.queue()
    world.sim.faults.add("unavailable", times=2)
    world.step(trial)
    world.wait_until(host().not_before)
    row = host()
    assert breaker.take_turn(row)
    world.step(other)
    assert world.see(trial).due_at > timezone.now() + timedelta(seconds=60)  # type: ignore[operator]
    breaker.note_fault(row, asked_at=timezone.now(), reason="http_5xx", retry_after=None)
    for export in (trial, other):
        assert world.see(export).due_at <= timezone.now() + timedelta(seconds=2 * FIRST * 1.1)  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["html", "odd_status"])
def test_trial_that_tells_nothing_gives_the_turn_back(world: World, kind: str) -> None:
    one, other = world.queue(), world.queue()
    world.sim.faults.add("unavailable", times=1)
    world.step(one)
    world.sim.faults.add(kind, times=1)
    world.step(one)
    assert host().failures == 1
    assert host().not_before is not None
    assert host().not_before - timezone.now() <= timedelta(seconds=FIRST * 1.1)
    world.run(one, other)
    assert host().failures == 0


def test_trial_that_cannot_be_asked_gives_the_turn_back(world: World, settings: LazySettings) -> None:
    export = world.queue()
    world.sim.faults.add("unavailable", times=1)
    world.step(export)
    settings.TOKEN_ENCRYPTION_KEYS = ["b3RoZXJfa2V5X290aGVyX2tleV9vdGhlcl9rZXlfMTI="]
    world.step(export)
    assert host().not_before - timezone.now() <= timedelta(seconds=FIRST * 1.1)  # type: ignore[operator]
    world.unsound = True  # the audit rightly says that no key opens the token


def test_end_of_a_trial_that_was_none_changes_nothing(world: World) -> None:
    breaker.end_trial(host())
    assert host().not_before is None
    breaker.note_fault(host(), asked_at=timezone.now(), reason="http_5xx", retry_after=None)
    before = host().not_before
    stale = host()
    stale.not_before = timezone.now()
    breaker.end_trial(stale)
    assert host().not_before == before


def test_recovery_that_meets_a_waiting_worker_leaves_nothing_put_off(world: World) -> None:
    """The worker saw the breaker open, then another one's question went well, then the worker writes."""
    exports = [world.queue() for _ in range(3)]
    breaker.note_fault(host(), asked_at=timezone.now(), reason="http_5xx", retry_after=3600)
    world.wait(900)
    claim = claims.claim_export(exports[0].pk)
    assert claim is not None
    breaker.note_success(host())
    advance._wait_for_host(claim)
    for export in exports:
        assert world.see(export).due_at <= timezone.now()  # type: ignore[operator]


def test_fault_counts_for_the_host_though_the_row_is_lost(world: World) -> None:
    export = world.queue()
    claim = claims.claim_export(export.pk)
    assert claim is not None
    Export.objects.filter(pk=export.pk).update(fence=99)
    with pytest.raises(claims.LeaseLost):
        settle.settle_reply(claim, Unavailable("http_5xx", None, True), asked_at=timezone.now())
    assert host().failures == 1
    Export.objects.filter(pk=export.pk).update(leased_until=None)


def test_reply_outside_the_closed_set_is_a_defect_that_shows(world: World) -> None:
    claim = claims.claim_export(world.queue().pk)
    assert claim is not None
    with pytest.raises(TypeError, match="no row for object"):
        settle.settle_reply(claim, object(), asked_at=timezone.now())  # type: ignore[arg-type]
    claim.let_go(due_at=timezone.now())


def test_good_answer_on_a_healthy_host_writes_nothing(world: World) -> None:
    row = host()
    breaker.note_success(row)
    assert host().recovered_at is None


def test_workspaces_of_another_host_are_not_held_back(world: World, settings: LazySettings) -> None:
    with Simulator(rhythm=300.0, duration=1.0, rows=5, tokens={"globex": GLOBEX_TOKEN}) as elsewhere:
        settings.ANALYTICS_CLOUD_ORIGINS = [world.sim.base_url, elsewhere.base_url]
        globex = create_workspace(actor=None, name="Globex", base_url=elsewhere.base_url, token=GLOBEX_TOKEN)
        Membership.objects.create(workspace=globex, user=world.bob, role=Role.MEMBER)
        world.sim.faults.add("unavailable")
        held, free = world.queue(), world.queue(workspace=globex)
        world.step(held)
        assert world.run(free)[0].status == Status.READY
        assert world.see(held).status == Status.QUEUED
