"""Exports of people who have left."""

import pytest
from django.db import connection
from django.utils import timezone

from exports.models import AuditEntry, Export, Membership, Requester, Status
from exports.services import former
from exports.services.advance import advance_export
from exports.services.approvals import decline_export
from exports.services.former import has_left, may_be_taken_over, name_of, take_over
from exports.services.listing import Filters, exports_for, list_exports
from exports.services.mails import send_due
from exports.services.members import remove_member
from exports.services.refusals import Forbidden, WrongState
from tests.support.cast import Cast, make_export


@pytest.fixture
def left(cast: Cast) -> Export:
    """A queued export of Bob's, who was taken out since."""
    export = make_export(cast.acme, cast.bob, Status.QUEUED)
    remove_member(actor=cast.alice, workspace=cast.acme, user=cast.bob)
    return export


def test_removal_keeps_queued_exports_and_they_go_on(cast: Cast, left: Export) -> None:
    left.refresh_from_db()
    assert left.status == Status.QUEUED
    assert has_left(left)
    assert name_of(left) == "Bob (former member)"
    Export.objects.update(due_at=timezone.now())
    assert advance_export(left.pk)  # looked at like any other


def test_members_and_site_administrators_have_not_left(cast: Cast) -> None:
    assert not has_left(make_export(cast.acme, cast.bob))
    by_ada = make_export(cast.acme, cast.ada)
    assert not has_left(by_ada)
    cast.ada.is_active = False
    cast.ada.save()
    assert has_left(Export.objects.get(pk=by_ada.pk))


def test_list_knows_it_without_a_query_for_each(cast: Cast, left: Export) -> None:
    make_export(cast.acme, cast.alice)
    page = list_exports(user=cast.alice, filters=Filters())
    before = len(connection.queries_log)
    assert [name_of(export) for export in page.items] == ["Alice", "Bob (former member)"]
    assert len(connection.queries_log) == before


def test_manager_becomes_the_requester(cast: Cast, left: Export) -> None:
    take_over(user=cast.alice, export=left)
    left.refresh_from_db()
    assert left.requested_by == cast.alice
    assert [seat.user for seat in Requester.objects.filter(export=left)] == [cast.alice]
    event = left.events.get()
    assert (event.code, event.actor, event.data) == ("taken_over", cast.alice, {"person": "Bob"})
    entry = AuditEntry.objects.get(action="export.taken_over")
    assert (entry.actor, entry.subject, entry.data) == (cast.alice, str(left.pk), {"person": "bob@example.com"})
    with pytest.raises(WrongState, match="not_left"):
        take_over(user=cast.ada, export=left)


def test_manager_who_had_joined_keeps_one_seat(cast: Cast, left: Export) -> None:
    Requester.objects.create(export=left, user=cast.alice)
    take_over(user=cast.alice, export=left)
    assert Requester.objects.get(export=left).user == cast.alice


def test_two_managers_at_once_one_takes_it(cast: Cast, left: Export) -> None:
    late = Export.objects.get(pk=left.pk)
    take_over(user=cast.alice, export=left)
    with pytest.raises(WrongState, match="not_left"):
        take_over(user=cast.ada, export=late)


def test_export_of_somebody_who_is_here_is_not_taken(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    with pytest.raises(WrongState, match="not_left"):
        take_over(user=cast.alice, export=export)


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED, Status.EXPIRED])
def test_ended_export_is_not_taken(status: Status, cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, status)
    Membership.objects.filter(user=cast.bob).delete()
    assert not may_be_taken_over(export)
    with pytest.raises(WrongState, match="not_left"):
        take_over(user=cast.alice, export=export)


@pytest.mark.parametrize("who", ["vera", "charlie", "bob"])
def test_only_managers_take_over(who: str, cast: Cast, left: Export) -> None:
    with pytest.raises(Forbidden):
        take_over(user=getattr(cast, who), export=left)


def test_person_who_left_sees_and_is_told_nothing_more(cast: Cast, mailoutbox: list[object]) -> None:
    held = make_export(cast.acme, cast.bob, Status.QUEUED, hold="approval")
    remove_member(actor=cast.alice, workspace=cast.acme, user=cast.bob)
    assert not exports_for(cast.bob).exists()
    decline_export(user=cast.alice, export=Export.objects.get(pk=held.pk), reason="No.")
    send_due()
    assert mailoutbox == []
    assert former.has_left(Export.objects.get(pk=held.pk))
