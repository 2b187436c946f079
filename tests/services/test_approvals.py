"""Sensitive types wait for a manager, who approves or declines with a reason."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from exports.models import AuditEntry, Export, Status, User, Workspace
from exports.services import approvals, describe, home
from exports.services.advance import advance_export
from exports.services.cancel import cancel_export
from exports.services.limits import Allowed, set_limits
from exports.services.queue import Outcome, Queued, queue_export
from exports.services.refusals import Forbidden, Refused, WrongState
from tests.support.cast import ApiCaller, Cast, make_export

START = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def strict(cast: Cast) -> Cast:
    """Individuals need approval in Acme."""
    set_limits(
        actor=cast.alice,
        workspace=cast.acme,
        together=Allowed(approval_types=("individual", "identity")),
        each=Allowed(),
    )
    return cast


def ask(user: User, workspace: Workspace, data_type: str = "individual") -> Queued:
    return queue_export(
        user=user, workspace=workspace, data_type=data_type, range_from=START, range_to=START + timedelta(days=1)
    )


def test_member_s_question_of_such_a_type_waits_and_is_not_asked(strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    assert (export.status, export.hold) == (Status.QUEUED, "approval")
    waiting = describe.waiting_for(export)
    assert waiting is not None
    assert (waiting.code, waiting.until) == ("approval", None)
    assert "manager’s approval" in waiting.sentence
    Export.objects.update(due_at=timezone.now())
    assert advance_export(export.pk)
    export.refresh_from_db()
    assert (export.status, export.looks, export.waiting_code) == (Status.QUEUED, 0, "approval")
    assert export.due_at is not None
    assert timezone.now() < export.due_at < timezone.now() + timedelta(minutes=15)
    assert home.home_orders([strict.acme.pk]) == {}


def test_other_types_and_managers_need_none(strict: Cast) -> None:
    assert ask(strict.bob, strict.acme, "page").export.hold == ""
    assert ask(strict.alice, strict.acme).export.hold == ""
    assert ask(strict.ada, strict.acme, "identity").export.hold == ""


def test_approved_export_takes_its_place_at_once(strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    approvals.approve_export(user=strict.alice, export=export)
    export.refresh_from_db()
    assert (export.status, export.hold, export.waiting_code) == (Status.QUEUED, "", "turn")
    assert export.due_at is not None
    assert export.due_at <= timezone.now()
    assert [event.code for event in export.events.all()] == ["queued", "approved"]
    entry = AuditEntry.objects.get(action="export.approved")
    assert (entry.actor, entry.subject) == (strict.alice, str(export.pk))
    assert [item.pk for item in home.home_orders([strict.acme.pk])[strict.acme.pk]] == [export.pk]


def test_worker_that_looks_meanwhile_does_not_put_the_hold_back(strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    leased = timezone.now() + timedelta(seconds=90)
    Export.objects.update(fence=5, leased_until=leased, due_at=leased)
    approvals.approve_export(user=strict.alice, export=export)
    export.refresh_from_db()
    assert (export.fence, export.leased_until) == (6, None)


def test_declined_export_is_cancelled_and_says_why_to_everybody(strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    approvals.decline_export(user=strict.alice, export=export, reason=" 100% too much: ask for one day ")
    export.refresh_from_db()
    assert (export.status, export.due_at) == (Status.CANCELLED, None)
    last = describe.timeline(export)[-1]
    assert last.sentence == "Declined: 100% too much: ask for one day"
    assert last.actor == strict.alice
    problem = describe.problem_of(export)
    assert problem is not None
    assert "declined" in problem.message
    entry = AuditEntry.objects.get(action="export.declined")
    assert entry.data == {"reason": "100% too much: ask for one day"}


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "two\nlines"])
def test_decline_needs_a_reason_that_can_be_kept(reason: str, strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    with pytest.raises(Refused) as refused:
        approvals.decline_export(user=strict.alice, export=export, reason=reason)
    assert refused.value.field == "reason"
    export.refresh_from_db()
    assert export.hold == "approval"


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_decide(who: str, strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    with pytest.raises(Forbidden):
        approvals.approve_export(user=getattr(strict, who), export=export)
    with pytest.raises(Forbidden):
        approvals.decline_export(user=getattr(strict, who), export=export, reason="no")


def test_decision_comes_once(strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    stale = Export.objects.get(pk=export.pk)
    approvals.approve_export(user=strict.alice, export=export)
    for late in (stale, export):
        with pytest.raises(WrongState, match="not_held"):
            approvals.approve_export(user=strict.ada, export=late)
        with pytest.raises(WrongState, match="not_held"):
            approvals.decline_export(user=strict.ada, export=late, reason="no")
    assert AuditEntry.objects.filter(action__in=["export.approved", "export.declined"]).count() == 1


def test_running_export_waits_for_no_decision(strict: Cast) -> None:
    export = make_export(strict.acme, strict.bob, Status.WAITING)
    with pytest.raises(WrongState, match="not_held"):
        approvals.approve_export(user=strict.alice, export=export)


def test_requester_takes_the_wish_back_before_a_decision(strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    stale = Export.objects.get(pk=export.pk)
    cancel_export(user=strict.bob, export=export)
    with pytest.raises(WrongState, match="not_held"):
        approvals.approve_export(user=strict.alice, export=stale)
    assert not approvals.waiting_for(strict.alice).exists()


def test_manager_who_asks_the_same_approves_by_that(strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    joined = ask(strict.alice, strict.acme)
    assert joined.outcome is Outcome.JOINED
    export.refresh_from_db()
    assert export.hold == ""
    assert [event.code for event in export.events.all()] == ["queued", "joined", "approved"]


def test_member_who_joins_approves_nothing(strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    strict.acme.memberships.filter(user=strict.vera).update(role="member")
    ask(strict.vera, strict.acme)
    export.refresh_from_db()
    assert export.hold == "approval"


def test_queue_of_decisions_shows_each_manager_the_own_workspaces(strict: Cast) -> None:
    export = ask(strict.bob, strict.acme).export
    assert list(approvals.waiting_for(strict.alice)) == [export]
    assert list(approvals.waiting_for(strict.ada)) == [export]
    for other in (strict.bob, strict.vera, strict.charlie):
        assert not approvals.waiting_for(other).exists()


def test_api_shows_what_it_waits_for_and_why_it_was_declined(strict: Cast) -> None:
    caller = ApiCaller(strict.bob)
    question = {
        "workspace": str(strict.acme.pk),
        "type": "individual",
        "from": "2026-10-01T00:00:00Z",
        "to": "2026-10-02T00:00:00Z",
    }
    made = caller.post("exports", question)
    assert (made.status_code, made.json()["status"]) == (201, "queued")
    assert made.json()["waiting_for"]["code"] == "approval"
    assert made.json()["queue_position"] is None
    export = Export.objects.get()
    approvals.decline_export(user=strict.alice, export=export, reason="Not for this purpose.")
    read = caller.get(f"exports/{export.pk}").json()
    assert (read["status"], read["error"]["code"]) == ("cancelled", "declined")
    events = caller.get(f"exports/{export.pk}/events").json()["items"]
    assert events[-1]["message"] == "Declined: Not for this purpose."
