"""A manager moves an export to the front of its workspace's queue at home, with a reason that everybody reads."""

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Export, Role, Status, User
from exports.services import audit_log, events, home
from exports.services.audit_log import record_audit
from exports.services.refusals import WrongState
from exports.services.roles import require_role
from exports.services.texts import clean_line

REASON_MOST = 300


def may_be_bumped(export: Export) -> bool:
    """Tell whether it stands in the queue at home and was not moved before: what lies upstream has its order there."""
    return export.status == Status.QUEUED and not export.hold and export.bumped_at is None


def bump_export(*, user: User, export: Export, reason: str) -> Export:
    """Ask it next; those moved before stay before it.

    Raises:
        Forbidden: not a manager.
        Refused: no reason, or one that can't be kept.
        WrongState: it does not stand in the queue (any more), or was moved already.
    """
    require_role(user, export.workspace, Role.MANAGER)
    reason = clean_line(reason, field="reason", most=REASON_MOST, required=True)
    now = timezone.now()
    with transaction.atomic():
        standing = Export.objects.filter(pk=export.pk, status=Status.QUEUED, hold="", bumped_at__isnull=True)
        if not standing.update(bumped_at=now):
            raise WrongState("not_in_queue", _("It doesn’t wait in the queue (any more), or stands in front already."))
        export.bumped_at = now
        events.record_event(export, events.BUMPED, at=now, actor=user, reason=reason)
        record_audit(
            audit_log.EXPORT_BUMPED, actor=user, workspace=export.workspace, subject=str(export.pk), reason=reason
        )
    home.arrange_home(export.workspace_id)
    return export
