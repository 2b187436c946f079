"""Stepping back from an export: a requester leaves, a manager ends it."""

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Export, Requester, Role, Status, User
from exports.services import audit_log, events, home, stored
from exports.services.refusals import Forbidden, WrongState
from exports.services.roles import require_role


def cancel_export(*, user: User, export: Export) -> Export:
    """Take the person's wish back; the export ends when nobody is left, or at once by a manager.

    Whose wish ended it keeps the seat: what was wanted is asked for again by "run again".
    Asking stops at once. What Analytics Cloud has begun can't be recalled there.

    Raises:
        Forbidden: neither a requester nor a manager.
        WrongState: it has ended already.
    """
    role = require_role(user, export.workspace, Role.MEMBER)
    if not export.is_active:  # said before "not yours"
        raise WrongState("already_ended", _("This export has ended already; there is nothing to cancel."))
    is_requester = Requester.objects.filter(export=export, user=user).exists()
    if not is_requester and role != Role.MANAGER:
        raise Forbidden("not_yours", _("Only those who asked for this export, or a manager, can cancel it."))
    with transaction.atomic():
        # The row first: from here on joins, steps and other cancels wait for us.
        if not Export.objects.filter(pk=export.pk).active().update(note=F("note")):
            raise WrongState("already_ended", _("This export has ended already; there is nothing to cancel."))
        export.refresh_from_db()
        if role != Role.MANAGER and Requester.objects.filter(export=export).exclude(user=user).exists():
            Requester.objects.filter(export=export, user=user).delete()
            events.record_event(export, events.LEFT, at=timezone.now(), actor=user)
            audit_log.record_audit(
                audit_log.EXPORT_LEFT, actor=user, workspace=export.workspace, subject=str(export.pk)
            )
            return export
        name = export.stored_name
        end_now(export)
        events.record_event(export, events.CANCELLED, at=timezone.now(), actor=user)
        audit_log.record_audit(
            audit_log.EXPORT_CANCELLED, actor=user, workspace=export.workspace, subject=str(export.pk)
        )
    stored.discard(name)
    home.arrange_home(export.workspace_id)
    return export


def end_now(export: Export, **values: Any) -> None:
    """Move an active export to cancelled, its row held by the caller's transaction."""
    ended = Export.objects.move(
        export,
        Status.CANCELLED,
        ended_at=timezone.now(),
        stored_name="",
        waiting_code="",
        waiting_since=None,
        waiting_until=None,
        estimated_ready_at=None,
        estimate_basis="",
        **values,
    )
    assert ended, "the row is ours for the length of the transaction"
