"""A workspace's lane standing still, and running again."""

from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.analytics_cloud.origins import OriginRefused, normalize_base_url
from exports.models import Export, ExportEvent, PauseCode, Role, User, Workspace
from exports.models.export import ExportQuerySet
from exports.services import audit_log, events, home
from exports.services.audit_log import record_audit
from exports.services.refusals import WrongState
from exports.services.roles import require_role

PAUSED_PROBLEM = "paused"  # also written by the engine's own look (settle.py)


def lock_workspace(workspace: Workspace) -> Workspace:
    """Return the row afresh, held against other writers until the running transaction ends."""
    # Without the key: rows that point here (an audit entry, an asked window) are written beside it.
    return Workspace.objects.select_related("host").select_for_update(of=("self",), no_key=True).get(pk=workspace.pk)


def _running(workspace: Workspace) -> ExportQuerySet:
    """Return the active exports of a workspace, held in the one order: whatever is written next is among them.

    Those that a worker holds are left to it: it locks others before its own, and writes of itself what its next look
    tells (settle.py).
    """
    unheld = Export.objects.filter(workspace=workspace, leased_until__isnull=True).active()
    return Export.objects.filter(pk__in=unheld.lock_in_order())


def note_paused(running: ExportQuerySet, code: str, *, at: datetime, actor: User | None) -> None:
    """Say in the timeline of every active export, once per pause, that the workspace stands still."""
    told = running.exclude(last_problem=PAUSED_PROBLEM)
    _append(told, events.PAUSED, at=at, actor=actor, reason=code)
    told.update(last_problem=PAUSED_PROBLEM)


def note_resumed(running: ExportQuerySet, code: str, *, at: datetime, actor: User | None) -> None:
    """End in the timelines what `note_paused` or the engine's own look began."""
    stopped = running.filter(last_problem=PAUSED_PROBLEM)
    _append(stopped, events.RESUMED, at=at, actor=actor, reason=code)
    stopped.update(last_problem="")


def _append(exports: QuerySet[Export], code: str, *, at: datetime, actor: User | None, reason: str) -> None:
    keys = list(exports.order_by().values_list("pk", flat=True))
    ExportEvent.objects.bulk_create(
        [ExportEvent(export_id=key, code=code, at=at, actor=actor, data={"reason": reason}) for key in keys],
        batch_size=500,
    )


def pause_lane(workspace: Workspace, code: PauseCode, *, at: datetime, actor: User | None) -> None:
    """Let the lane stand still, and say so in the timeline of what runs.

    Args:
        workspace: locked by the caller's transaction.
    """
    workspace.paused_at, workspace.pause_code = at, code
    workspace.save(update_fields=["paused_at", "pause_code"])
    running = _running(workspace)
    note_paused(running, code, at=at, actor=actor)
    home.put_off(running, home.latest_due(None))


def pause_by_manager(*, actor: User, workspace: Workspace) -> Workspace:
    """Ask nothing more for this workspace until it is resumed.

    Returns:
        The row as it stands now.

    Raises:
        Forbidden: not a manager.
        WrongState: ``already_paused``.
    """
    require_role(actor, workspace, Role.MANAGER)
    now = timezone.now()
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        if workspace.is_paused:
            raise WrongState("already_paused", _("The workspace is paused already."))
        pause_lane(workspace, PauseCode.MANAGER, at=now, actor=actor)
        record_audit(audit_log.WORKSPACE_PAUSED, actor=actor, workspace=workspace, subject=PauseCode.MANAGER.value)
    return workspace


def resume_by_manager(*, actor: User, workspace: Workspace) -> Workspace:
    """Let the lane run again with the token that is stored.

    Returns:
        The row as it stands now.

    Raises:
        Forbidden: not a manager.
        WrongState: ``not_paused``; ``token_missing``: only giving a token resumes it.
    """
    require_role(actor, workspace, Role.MANAGER)
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        if not workspace.is_paused:
            raise WrongState("not_paused", _("The workspace is not paused."))
        if not workspace.has_token:
            raise WrongState("token_missing", _("The workspace needs an access token first."))
        was = resume_lane(workspace, actor=actor)
        record_audit(audit_log.WORKSPACE_RESUMED, actor=actor, workspace=workspace, subject=was)
    return workspace


def resume_allowed_addresses() -> None:
    """Let lanes run again whose address was not allowed and is now: the page says that it goes on by itself."""
    refused = Workspace.objects.filter(pause_code=PauseCode.BASE_URL_REFUSED, archived_at__isnull=True)
    for workspace in filter(is_allowed, refused):
        with transaction.atomic():
            workspace = lock_workspace(workspace)
            # Another address has taken the token away and paused for that.
            if workspace.pause_code == PauseCode.BASE_URL_REFUSED and workspace.has_token:
                was = resume_lane(workspace, actor=None)
                record_audit(audit_log.WORKSPACE_RESUMED, actor=None, workspace=workspace, subject=was)


def is_allowed(workspace: Workspace) -> bool:
    """Tell whether the workspace's token may be sent to its address (``ANALYTICS_CLOUD_ORIGINS``)."""
    try:
        normalize_base_url(workspace.base_url, settings.ANALYTICS_CLOUD_ORIGINS)
    except OriginRefused:
        return False
    return True


def resume_lane(workspace: Workspace, *, actor: User | None) -> str:
    """Clear the pause, make all active exports due now and ring; on a workspace that was not paused as well.

    Args:
        workspace: locked by the caller's transaction, with a token.

    Returns:
        Why it was paused, for the caller's entry on record; empty when it was not.
    """
    now = timezone.now()
    was = workspace.pause_code
    workspace.paused_at, workspace.pause_code, workspace.resumed_at = None, "", now
    workspace.save(update_fields=["paused_at", "pause_code", "resumed_at"])
    running = _running(workspace)
    if was:
        note_resumed(running, was, at=now, actor=actor)
    home.wake(running)
    return was
