"""Stepping back from an export: a requester leaves, a manager ends it."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Export, Requester, Role, Status, User
from exports.services import audit_log, events, home, stored
from exports.services.refusals import Forbidden, WrongState
from exports.services.roles import require_role


def cancel_export(*, user: User, export: Export) -> Export:
    """Take the person's wish back; the export ends when nobody is left, or at once by a manager.

    Asking stops at once. What Analytics Cloud has begun can't be recalled there.

    Raises:
        Forbidden: neither a requester nor a manager.
        WrongState: it has ended already.
    """
    role = require_role(user, export.workspace, Role.MEMBER)
    if not export.is_active:  # said before "not yours": who cancelled it is no requester any more
        raise WrongState("already_ended", _("This export has ended already; there is nothing to cancel."))
    is_requester = Requester.objects.filter(export=export, user=user).exists()
    if not is_requester and role != Role.MANAGER:
        raise Forbidden("not_yours", _("Only those who asked for this export, or a manager, can cancel it."))
    with transaction.atomic():
        # The row first, so that a join and a cancel take turns.
        if not Export.objects.filter(pk=export.pk).active().update(note=export.note):
            raise WrongState("already_ended", _("This export has ended already; there is nothing to cancel."))
        Requester.objects.filter(export=export, user=user).delete()
        if role != Role.MANAGER and Requester.objects.filter(export=export).exists():
            events.record_event(export, events.LEFT, at=timezone.now(), actor=user)
            audit_log.record_audit("export.left", actor=user, workspace=export.workspace, subject=str(export.pk))
            return export
    return _end(export, user)


def _end(export: Export, user: User) -> Export:
    now = timezone.now()
    for _attempt in range(20):  # a step may move the row between our look and our write; each try sees it anew
        export.refresh_from_db()
        if not export.is_active:
            raise WrongState("already_ended", _("This export has ended already; there is nothing to cancel."))
        name = export.stored_name
        with transaction.atomic():
            moved = Export.objects.move(
                export,
                Status.CANCELLED,
                ended_at=now,
                stored_name="",
                waiting_code="",
                waiting_since=None,
                waiting_until=None,
                estimated_ready_at=None,
                estimate_basis="",
            )
            if moved:
                events.record_event(export, events.CANCELLED, at=now, actor=user)
                audit_log.record_audit(
                    "export.cancelled", actor=user, workspace=export.workspace, subject=str(export.pk)
                )
        if moved:
            if name:
                stored.storage().remove(name)
            home.arrange_home(export.workspace_id)
            return export
    raise WrongState("busy", _("This export is changing too quickly right now. Please try again."))
