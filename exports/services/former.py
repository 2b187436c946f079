"""Exports of people who have left: they stay, say so, and a manager can take them over."""

from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import ACTIVE, Export, Membership, Requester, Role, Status, User
from exports.services import audit_log, events
from exports.services.audit_log import record_audit
from exports.services.refusals import WrongState
from exports.services.roles import require_role


def with_belonging(rows: QuerySet[Export]) -> QuerySet[Any]:
    """Have each export know whether who queued it still belongs to its workspace (within the same query)."""
    membership = Membership.objects.filter(workspace=OuterRef("workspace"), user=OuterRef("requested_by"))
    return rows.annotate(requester_belongs=Exists(membership))


def has_left(export: Export) -> bool:
    """Tell whether who queued an export can no longer see it: taken out, gone, or switched off.

    Args:
        export: from `with_belonging`, its requester loaded; otherwise asked for with a query.
    """
    requester = export.requested_by
    if not requester.is_active:
        return True
    if requester.is_superuser:
        return False
    belongs: bool | None = getattr(export, "requester_belongs", None)
    if belongs is None:
        belongs = Membership.objects.filter(workspace=export.workspace_id, user=requester).exists()
    return not belongs


def name_of(export: Export) -> str:
    """Return who queued an export, as people read it."""
    if has_left(export):
        return _("%(person)s (former member)") % {"person": export.requested_by}
    return str(export.requested_by)


def may_be_taken_over(export: Export) -> bool:
    """Tell whether there is something to take over: it runs or has a file, and nobody here asked for it first."""
    return export.status in (*ACTIVE, Status.READY) and has_left(export)


def take_over(*, user: User, export: Export) -> Export:
    """Make a manager the requester of an export whose own has left.

    Raises:
        Forbidden: not a manager.
        WrongState: who queued it is still here; or it neither runs nor has a file.
    """
    require_role(user, export.workspace, Role.MANAGER)
    before = export.requested_by
    now = timezone.now()
    with transaction.atomic():
        # The row first, as with joining and cancelling; the status and the requester as they are now.
        held = Export.objects.filter(pk=export.pk, requested_by=before, status__in=[*ACTIVE, Status.READY])
        if not (has_left(export) and held.update(requested_by=user)):
            raise WrongState(
                "not_left", _("There is nothing to take over: who asked for it is still here, or it ended.")
            )
        Requester.objects.filter(export=export, user=before).delete()
        Requester.objects.get_or_create(export=export, user=user, defaults={"joined_at": now})
        events.record_event(export, events.TAKEN_OVER, at=now, actor=user, person=str(before))
        record_audit(
            audit_log.EXPORT_TAKEN_OVER,
            actor=user,
            workspace=export.workspace,
            subject=str(export.pk),
            person=before.email,
        )
    export.requested_by = user
    return export
