"""Exports of sensitive types wait for a manager: approved they take their place in the queue, declined they end."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Export, Mail, Role, Status, User, Workspace
from exports.services import audit_log, cancel, doorbell, events, home
from exports.services.audit_log import record_audit
from exports.services.former import with_belonging
from exports.services.mails import managers_of, post_mails
from exports.services.refusals import WrongState
from exports.services.roles import require_role
from exports.services.texts import clean_line

APPROVAL = "approval"  # the hold of an export, and what it waits for (words.WAITS)
REASON_MOST = 300


def waiting_for(user: User) -> QuerySet[Export]:
    """Return the exports that wait for the person's decision, the oldest first."""
    mine = Workspace.objects.where_role(user, Role.MANAGER)
    rows = Export.objects.filter(status=Status.QUEUED, hold=APPROVAL, workspace__in=mine.order_by().values("pk"))
    rows = rows.filter(due_at__isnull=False).select_related("workspace__host", "requested_by")
    return with_belonging(rows).order_by("created_at")


def approve_export(*, user: User, export: Export) -> Export:
    """Let a held export take its place in the queue.

    Raises:
        Forbidden: not a manager.
        WrongState: it waits for no approval (any more).
    """
    require_role(user, export.workspace, Role.MANAGER)
    with transaction.atomic():
        if not release(export, actor=user, at=timezone.now()):
            raise _not_held()
        record_audit(audit_log.EXPORT_APPROVED, actor=user, workspace=export.workspace, subject=str(export.pk))
    home.arrange_home(export.workspace_id)
    return export


def release(export: Export, *, actor: User, at: datetime) -> bool:
    """Take the hold off, within the caller's transaction; False when there is none (any more).

    Also when a manager asks the same question: what a manager wants needs no approval.
    """
    if export.status != Status.QUEUED or export.hold != APPROVAL:
        return False
    released = Export.objects.filter(hold=APPROVAL).move(
        export,
        Status.QUEUED,
        hold="",
        due_at=at,
        leased_until=None,
        rung_at=None,
        waiting_code="turn",
        waiting_since=at,
        waiting_until=None,
    )
    if released:
        events.record_event(export, events.APPROVED, at=at, actor=actor)
        _tell_requesters(Mail.Kind.APPROVED, export, actor=actor, at=at)
        doorbell.ring(export.pk, export.queue)
    return released


def decline_export(*, user: User, export: Export, reason: str) -> Export:
    """End a held export; the reason stands in its timeline and on record.

    Raises:
        Forbidden: not a manager.
        Refused: no reason, or one that can't be kept.
        WrongState: it waits for no approval (any more).
    """
    require_role(user, export.workspace, Role.MANAGER)
    reason = clean_line(reason, field="reason", most=REASON_MOST, required=True)
    with transaction.atomic():
        # The row first, as in `cancel`.
        held = Export.objects.filter(pk=export.pk, status=Status.QUEUED, hold=APPROVAL)
        if not held.update(note=F("note")):
            raise _not_held()
        export.refresh_from_db()
        now = timezone.now()
        cancel.end_now(export, error_code="declined")
        events.record_event(export, events.DECLINED, at=now, actor=user, reason=reason)
        _tell_requesters(Mail.Kind.DECLINED, export, actor=user, at=now, reason=reason)
        record_audit(
            audit_log.EXPORT_DECLINED, actor=user, workspace=export.workspace, subject=str(export.pk), reason=reason
        )
    home.arrange_home(export.workspace_id)
    return export


def tell_managers(export: Export, *, at: datetime) -> None:
    """Tell the managers that something waits for them: one mail in an hour for each, however much is asked."""
    post_mails(
        Mail.Kind.APPROVAL_ASKED,
        key=f"{Mail.Kind.APPROVAL_ASKED}:{export.workspace_id}:{at:%Y%m%d%H}",
        to=managers_of(export.workspace),
        workspace=export.workspace,
        at=at,
        **_of(export, export.requested_by),
    )


def _tell_requesters(kind: Mail.Kind, export: Export, *, actor: User, at: datetime, **data: Any) -> None:
    post_mails(
        kind,
        key=f"{kind}:{export.pk}",
        # Not those who have left: they are told nothing of the workspace any more.
        to=User.objects.filter(exports=export, memberships__workspace=export.workspace).exclude(pk=actor.pk),
        workspace=export.workspace,
        at=at,
        **_of(export, actor),
        **data,
    )


def _of(export: Export, person: User) -> dict[str, Any]:
    return {"person": str(person), "type": export.data_type, "name": export.name, "export": str(export.pk)}


def _not_held() -> WrongState:
    return WrongState("not_held", _("This export doesn’t wait for an approval (any more)."))
