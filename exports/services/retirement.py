"""The end of a workspace: archived it takes no new exports, deleted it leaves nothing but its record."""

import logging

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Export, Role, Status, User, Workspace
from exports.services import audit_log, cancel, events, expire, stored
from exports.services.audit_log import record_audit
from exports.services.pauses import lock_workspace
from exports.services.refusals import Refused, WrongState
from exports.services.roles import require_role, require_site_administrator

logger = logging.getLogger(__name__)

BATCH = 500


def archive_workspace(*, actor: User, workspace: Workspace) -> Workspace:
    """Take no new exports; what runs goes on, files and records stay.

    Raises:
        Forbidden: not a manager.
        WrongState: ``archived_already``.
    """
    require_role(actor, workspace, Role.MANAGER)
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        if workspace.archived_at is not None:
            raise WrongState("archived_already", _("The workspace is archived already."))
        workspace.archived_at = timezone.now()
        workspace.save(update_fields=["archived_at"])
        record_audit(audit_log.WORKSPACE_ARCHIVED, actor=actor, workspace=workspace, subject=workspace.name)
    return workspace


def unarchive_workspace(*, actor: User, workspace: Workspace) -> Workspace:
    """Take exports again.

    Raises:
        Forbidden: not a manager.
        WrongState: ``not_archived``.
    """
    require_role(actor, workspace, Role.MANAGER)
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        if workspace.archived_at is None:
            raise WrongState("not_archived", _("The workspace is not archived."))
        workspace.archived_at = None
        workspace.save(update_fields=["archived_at"])
        record_audit(audit_log.WORKSPACE_UNARCHIVED, actor=actor, workspace=workspace, subject=workspace.name)
    return workspace


def delete_workspace(*, actor: User, workspace: Workspace, typed_name: str) -> None:
    """Delete a workspace with its token, members, exports and files. The record of deeds and the timelines stay.

    Files go first, rows after them: a deletion that was interrupted leaves no file behind, and is simply done again.

    Args:
        typed_name: the workspace's name as somebody typed it to confirm.

    Raises:
        Forbidden: not a site administrator.
        Refused: ``name_differs``.
    """
    require_site_administrator(actor)
    if typed_name.strip() != workspace.name:
        raise Refused(
            "name_differs",
            _("Type the name exactly as it is: %(name)s. Nothing was deleted.") % {"name": workspace.name},
            "name",
        )
    key = str(workspace.pk)
    Workspace.objects.filter(pk=workspace.pk, archived_at__isnull=True).update(archived_at=timezone.now())
    count = 0
    while True:
        _end_running(workspace, actor)
        _remove_files(workspace)
        count += _delete_exports(workspace)
        with transaction.atomic():
            workspace = lock_workspace(workspace)
            if not Export.objects.filter(workspace=workspace).exists():
                record_audit(
                    audit_log.WORKSPACE_DELETED,
                    actor=actor,
                    workspace=workspace,
                    subject=workspace.name,
                    key=key,
                    exports=count,
                )
                workspace.delete()
                break
    logger.info("workspace.deleted %s exports=%s", key, count)


def _end_running(workspace: Workspace, actor: User) -> None:
    for pk in list(Export.objects.filter(workspace=workspace).active().values_list("pk", flat=True)):
        with transaction.atomic():
            if not Export.objects.filter(pk=pk).active().update(note=F("note")):  # ended meanwhile
                continue
            export = Export.objects.get(pk=pk)
            name = export.stored_name
            cancel.end_now(export)
            events.record_event(export, events.CANCELLED, at=timezone.now(), actor=actor)
        stored.discard(name)


def _remove_files(workspace: Workspace) -> None:
    for export in Export.objects.filter(workspace=workspace, status=Status.READY):
        expire.remove_file(export)


def _delete_exports(workspace: Workspace) -> int:
    """Delete the rows of all ended exports without a file, in short transactions; return how many."""
    count = 0
    ended = Export.objects.filter(workspace=workspace, stored_name="", due_at__isnull=True).order_by()
    while keys := list(ended.values_list("pk", flat=True)[:BATCH]):
        Export.objects.filter(pk__in=keys).delete()
        count += len(keys)
    return count
