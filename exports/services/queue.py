"""Asking for an export: a new row, a seat in one that runs, or a file that is there already (design.md §3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, NamedTuple

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import ACTIVE, DataType, Export, Requester, Role, Status, User, Workspace
from exports.services import approvals, audit_log, doorbell, events, history, limits, wishes
from exports.services.refusals import Refused, TooMany, WrongState
from exports.services.roles import require_role
from exports.services.texts import clean_line, clean_paragraph
from exports.services.wishes import Asker

TRIES = 5
NAME_LENGTH = 120
NOTE_LENGTH = 2000


class Outcome(StrEnum):
    """What became of a question."""

    MADE = "made"
    JOINED = "joined"
    REUSED = "reused"


@dataclass(frozen=True)
class Queued:
    """The export that answers a question, and whether it is new."""

    export: Export
    outcome: Outcome


class Equal(NamedTuple):
    """What already answers a question: an export that runs, or a file that is ready."""

    active: Export | None
    ready: Export | None


def look_for_equal(workspace: Workspace, data_type: str, range_from: datetime, range_to: datetime) -> Equal:
    """Return the active export and the ready, unexpired file for exactly this question, if any."""
    return look_for_equals(workspace, [data_type], range_from, range_to)[data_type]


def look_for_equals(
    workspace: Workspace, data_types: Iterable[str], range_from: datetime, range_to: datetime
) -> dict[str, Equal]:
    """Return what answers the question for each type (one query).

    A file that was asked for before the range had ended answers until the range ends, and no longer.
    """
    types = list(data_types)
    kept = Q(status=Status.READY, expires_at__gt=timezone.now())
    if workspace.address_since is not None:  # a file of the address before answers another question
        kept &= Q(submitted_at__gte=workspace.address_since)
    if range_to <= timezone.now():  # a file asked for earlier lacks the end of the range, which has come since
        kept &= Q(submitted_at__gte=_to_ms(range_to))
    same = Export.objects.filter(
        Q(status__in=ACTIVE) | kept,
        workspace=workspace,
        data_type__in=types,
        range_from=_to_ms(range_from),
        range_to=_to_ms(range_to),
    )
    active: dict[str, Export] = {}
    ready: dict[str, Export] = {}
    for export in same.order_by("ready_at"):
        (active if export.is_active else ready)[export.data_type] = export  # of files the newest
    return {kind: Equal(active.get(kind), ready.get(kind)) for kind in types}


def queue_export(
    *,
    user: User,
    workspace: Workspace,
    data_type: str,
    range_from: datetime,
    range_to: datetime,
    name: str = "",
    note: str = "",
    fresh: bool = False,
    formats: Iterable[str] = (),
) -> Queued:
    """Queue an export, join an equal one that runs, or reuse an equal file.

    Args:
        range_from: first moment wanted, inclusive; cut to milliseconds (analytics-cloud-api.md §1).
        range_to: last moment wanted, inclusive.
        fresh: do not reuse a file, and ask upstream for a window it has not answered lately.
        formats: made of the file as soon as it is ready, names of `MADE`.

    Raises:
        Forbidden: the person is a viewer or a stranger here.
        Refused: unknown type or format, from after to, a name or note that can't be kept, or a type or range that the
            limits of the workspace don't allow.
        TooMany: a count of the limits is reached. Joining and reusing charge nothing.
        WrongState: the workspace is archived.
    """
    role = require_role(user, workspace, Role.MEMBER)
    if workspace.archived_at is not None:
        raise WrongState("workspace_archived", _("This workspace is archived: it takes no new exports."), "workspace")
    if data_type not in DataType.values:
        raise Refused("unknown_type", _("Choose one of the data types."), "type")
    start, end = _to_ms(range_from), _to_ms(range_to)
    if start > end:
        raise Refused("range_order", _("The end lies before the beginning."), "to")
    wanted = Export(
        workspace=workspace,
        data_type=data_type,
        range_from=start,
        range_to=end,
        name=clean_line(name, field="name", most=NAME_LENGTH),
        note=clean_paragraph(note, field="note", most=NOTE_LENGTH),
        fresh=fresh,
        requested_by=user,
    )
    return _ask(wanted, Asker(user, role, wishes.checked_formats(formats)))


def run_again(*, user: User, export: Export) -> Queued:
    """Ask the same question afresh: a new export that copies the request, or a seat in an equal one that runs.

    Raises:
        Forbidden: the person is a viewer or a stranger here.
        Refused: the limits of the workspace don't allow its type or range (any more).
        TooMany: a count of the limits is reached.
        WrongState: the workspace is archived.
    """
    role = require_role(user, export.workspace, Role.MEMBER)
    if export.workspace.archived_at is not None:
        raise WrongState("workspace_archived", _("This workspace is archived: it takes no new exports."), "workspace")
    wanted = Export(
        workspace=export.workspace,
        data_type=export.data_type,
        range_from=export.range_from,
        range_to=export.range_to,
        name=export.name,
        note=export.note,
        fresh=True,
        requested_by=user,
        run_again_of=export,
    )
    return _ask(wanted, Asker(user, role, wishes.formats_wanted(export, user)))


def _ask(wanted: Export, asker: Asker) -> Queued:
    rules = limits.rules_of(asker.user, wanted.workspace)
    limits.refuse_question(rules, wanted.workspace, wanted.data_type, wanted.range_from, wanted.range_to)
    if limits.needs_approval(rules, wanted.data_type, asker.role):
        wanted.hold = approvals.APPROVAL
    return _make_or_join(wanted, asker)


def _make_or_join(wanted: Export, asker: Asker) -> Queued:
    for _attempt in range(TRIES):
        equal = look_for_equal(wanted.workspace, wanted.data_type, wanted.range_from, wanted.range_to)
        if equal.active is not None:
            if _join(equal.active, asker):
                return Queued(equal.active, Outcome.JOINED)
            continue
        if equal.ready is not None and not wanted.fresh:
            if _reuse(equal.ready, asker):
                return Queued(equal.ready, Outcome.REUSED)
            continue
        try:
            return Queued(_make(wanted, asker), Outcome.MADE)
        except IntegrityError:
            # Somebody queued the same question between our look and our insert: join theirs.
            wanted.pk = Export._meta.pk.get_default()
            wanted._state.adding = True
        except TooMany:
            # While we waited for our turn to be counted somebody may have asked the same: joining charges nothing.
            equal = look_for_equal(wanted.workspace, wanted.data_type, wanted.range_from, wanted.range_to)
            if equal.active is None and (equal.ready is None or wanted.fresh):
                raise
    raise WrongState("busy", _("This question changes hands too quickly right now. Please try again."))


def _make(wanted: Export, asker: Asker) -> Export:
    now = timezone.now()
    user = asker.user
    wanted.created_at = wanted.due_at = now
    wanted.waiting_code = wanted.hold or "turn"
    wanted.waiting_since = now
    if usual := history.usual_total(wanted):
        wanted.usual_least_seconds, wanted.usual_most_seconds = usual.least, usual.most
    with transaction.atomic():
        limits.refuse_beyond(user, wanted.workspace, limits.rules_of(user, wanted.workspace, lock=True))
        wanted.save(force_insert=True)
        Requester.objects.create(export=wanted, user=user, joined_at=now, formats=list(asker.formats))
        events.record_event(wanted, events.QUEUED, at=now, actor=user)
        if wanted.hold:
            approvals.tell_managers(wanted, at=now)
        if wanted.run_again_of is not None:
            events.record_event(wanted.run_again_of, events.RAN_AGAIN, at=now, actor=user, export=str(wanted.pk))
        span: dict[str, Any] = {"from": wanted.range_from.isoformat(), "to": wanted.range_to.isoformat()}
        audit_log.record_audit(
            audit_log.EXPORT_QUEUED,
            actor=user,
            workspace=wanted.workspace,
            subject=str(wanted.pk),
            type=wanted.data_type,
            **span,
        )
        doorbell.ring(wanted.pk, wanted.queue)
    return wanted


def _join(export: Export, asker: Asker) -> bool:
    """Take a seat; False when the export ended meanwhile (the lock on the row decides)."""
    now = timezone.now()
    with transaction.atomic():
        # Touching the row keeps a concurrent cancel from ending it between our look and our seat.
        if not Export.objects.filter(pk=export.pk).active().update(note=F("note")):
            return False
        _take_seat(export, asker, events.JOINED, audit_log.EXPORT_JOINED, at=now)
        if export.hold and asker.role is Role.MANAGER:
            approvals.release(export, actor=asker.user, at=now)
    return True


def _reuse(export: Export, asker: Asker) -> bool:
    now = timezone.now()
    with transaction.atomic():
        ready = Export.objects.filter(pk=export.pk, status=Status.READY, expires_at__gt=now)
        if not ready.update(note=F("note")):
            return False
        _take_seat(export, asker, events.REUSED, audit_log.EXPORT_REUSED, at=now)
        if asker.formats:
            wishes.grant(export, to=asker.user)
    return True


def _take_seat(export: Export, asker: Asker, event: str, deed: str, *, at: datetime) -> None:
    if wishes.take_seat(export, asker, at=at):
        events.record_event(export, event, at=at, actor=asker.user)
        audit_log.record_audit(deed, actor=asker.user, workspace=export.workspace, subject=str(export.pk))


def _to_ms(moment: datetime) -> datetime:
    return moment - timedelta(microseconds=moment.microsecond % 1000)
