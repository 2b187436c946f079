"""A manager moves an export to the front of the queue at home, and says why."""

import pytest

from exports.models import AuditEntry, Export, Status
from exports.services import bump, describe
from exports.services.refusals import Forbidden, Refused, WrongState
from tests.support.cast import Cast, make_export


def places(*exports: Export) -> list[int | None]:
    found = describe.queue_positions(list(Export.objects.all()))
    return [found.get(export.pk) for export in exports]


def test_bumped_export_stands_first_and_its_reason_in_timeline_and_record(cast: Cast) -> None:
    exports = [make_export(cast.acme, cast.bob) for _ in range(3)]
    bump.bump_export(user=cast.alice, export=exports[2], reason=" 100% of the board waits ")
    assert places(*exports) == [2, 3, 1]
    last = describe.timeline(exports[2])[-1]
    assert (last.code, last.sentence, last.actor) == (
        "bumped",
        "Moved to the front of the queue: 100% of the board waits",
        cast.alice,
    )
    entry = AuditEntry.objects.get(action="export.bumped")
    assert (entry.actor, entry.workspace, entry.subject) == (cast.alice, cast.acme, str(exports[2].pk))
    assert entry.data == {"reason": "100% of the board waits"}


def test_those_moved_before_stay_before_it(cast: Cast) -> None:
    exports = [make_export(cast.acme, cast.bob) for _ in range(3)]
    bump.bump_export(user=cast.alice, export=exports[2], reason="first")
    bump.bump_export(user=cast.ada, export=exports[1], reason="second")
    assert places(*exports) == [3, 2, 1]


def test_bumped_export_is_asked_next_while_nothing_else_changes(cast: Cast) -> None:
    export, other = make_export(cast.acme, cast.bob), make_export(cast.globex, cast.charlie)
    before = Export.objects.filter(pk=other.pk).values().get()
    bump.bump_export(user=cast.alice, export=export, reason="now")
    export.refresh_from_db()
    assert (export.status, export.attempts, export.fence) == (Status.QUEUED, 0, 0)
    assert Export.objects.filter(pk=other.pk).values().get() == before


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301, "two\nlines", "turned\u202ered"])
def test_reason_that_cannot_be_kept_is_refused(reason: str, cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    with pytest.raises(Refused) as refused:
        bump.bump_export(user=cast.alice, export=export, reason=reason)
    assert refused.value.field == "reason"
    assert not Export.objects.filter(bumped_at__isnull=False).exists()


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_bump(who: str, cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    with pytest.raises(Forbidden):
        bump.bump_export(user=getattr(cast, who), export=export, reason="me first")
    assert not Export.objects.filter(bumped_at__isnull=False).exists()


@pytest.mark.parametrize("status", [status for status in Status if status not in (Status.QUEUED, Status.READY)])
def test_what_left_the_queue_is_not_bumped(status: Status, cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, status)
    assert not bump.may_be_bumped(export)
    with pytest.raises(WrongState, match="not_in_queue"):
        bump.bump_export(user=cast.alice, export=export, reason="now")
    assert not AuditEntry.objects.filter(action="export.bumped").exists()


def test_held_or_moved_already_is_not_bumped(cast: Cast) -> None:
    held, moved = make_export(cast.acme, cast.bob, hold="approval"), make_export(cast.acme, cast.bob)
    stale = Export.objects.get(pk=moved.pk)
    bump.bump_export(user=cast.alice, export=moved, reason="now")
    for export in (held, stale, moved):
        with pytest.raises(WrongState, match="not_in_queue"):
            bump.bump_export(user=cast.alice, export=export, reason="now")
    assert AuditEntry.objects.filter(action="export.bumped").count() == 1
