"""The end of a file: expiry, deletion, loss. One UPDATE clears the name, then the bytes go (design.md §5)."""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.analytics_cloud.dates import format_instant
from exports.files.storage import StorageUnreachable
from exports.models import DerivedFile, Download, Export, Requester, Role, Status, User
from exports.services import audit_log, events, limits, stored
from exports.services.claims import lease_time
from exports.services.refusals import Forbidden, WrongState
from exports.services.roles import require_role

logger = logging.getLogger(__name__)

BATCH = 500


def expire_due() -> int:
    """Expire every file whose time has come; returns how many. Safe to run twice, and from several workers."""
    now = timezone.now()
    count = 0
    for export in Export.objects.filter(status=Status.READY, expires_at__lte=now).order_by("expires_at")[:BATCH]:
        # Whoever extended it in between has changed expires_at: the guard sees the row as it is now.
        count += _remove_file(export, Status.EXPIRED, events.EXPIRED, guard={"expires_at__lte": now})
    return count


def delete_file_now(*, user: User, export: Export) -> Export:
    """Remove a ready file before its time; the record stays.

    Raises:
        Forbidden: neither who asked for it nor a manager.
        WrongState: there is no file.
    """
    _require_owner(user, export)
    if not _remove_file(export, Status.EXPIRED, events.DELETED, actor=user, guard={}):
        raise WrongState("no_file", _("There is no file to delete."))
    return export


def remove_file(export: Export) -> None:
    """Remove a ready file with its workspace; nothing when it is gone already."""
    _remove_file(export, Status.EXPIRED, events.DELETED, guard={})


def mark_file_lost(export: Export) -> bool:
    """A ready file is missing or is not what was stored: say so, never offer it again."""
    return _remove_file(export, Status.FAILED, events.FILE_LOST, guard={}, error_code="file_lost")


def latest_moment(export: Export) -> datetime | None:
    """Return until when a file can be kept at most: the workspace's limit, counted from when it was ready."""
    return export.ready_at and export.ready_at + timedelta(hours=export.workspace.longest_kept_hours)


def can_be_extended(export: Export) -> bool:
    """Tell whether there is a file whose end can still be moved."""
    latest = latest_moment(export)
    return (
        export.status == Status.READY
        and export.pinned_at is None
        and export.expires_at is not None
        and latest is not None
        and export.expires_at < latest
    )


def extend_export(*, user: User, export: Export) -> Export:
    """Keep a ready file for another span of its workspace's hours: a member once, a manager freely.

    Nobody beyond the workspace's limit.

    Raises:
        Forbidden: a member who has extended it already, or does not own it.
        WrongState: there is no file, or it is kept as long as can be.
    """
    role = _require_owner(user, export)
    if role != Role.MANAGER and export.extended:
        raise Forbidden("extended_already", _("It was extended once already. A manager can extend it further."))
    now = timezone.now()
    if export.status == Status.READY and not can_be_extended(export):
        raise WrongState("kept_longest", _("It is kept as long as this workspace allows already."))
    until = max(export.expires_at or now, now) + timedelta(hours=limits.kept_hours(export))
    until = min(until, latest_moment(export) or until)
    _move_end(export, user, until, events.EXTENDED, audit_log.EXPORT_EXTENDED, extended=export.extended + 1)
    return export


def pin_file(*, user: User, export: Export) -> Export:
    """Keep a ready file as long as its workspace allows, until somebody unpins it.

    The end moves to that moment, so that a pinned file too has one that its page shows (docs/decisions/).

    Raises:
        Forbidden: not a manager.
        WrongState: there is no file, or it is pinned already.
    """
    require_role(user, export.workspace, Role.MANAGER)
    if export.pinned_at is not None:
        raise WrongState("pinned_already", _("It is pinned already."))
    now = timezone.now()
    until = max(export.expires_at or now, latest_moment(export) or now)
    _move_end(export, user, until, events.PINNED, audit_log.EXPORT_PINNED, pinned_at=now)
    return export


def unpin_file(*, user: User, export: Export) -> Export:
    """Let a pinned file go again, after the workspace's usual hours from now.

    Raises:
        Forbidden: not a manager.
        WrongState: there is no file, or it isn't pinned.
    """
    require_role(user, export.workspace, Role.MANAGER)
    if export.pinned_at is None:
        raise WrongState("not_pinned", _("It isn’t pinned."))
    usual = timezone.now() + timedelta(hours=limits.kept_hours(export))
    until = min(export.expires_at or usual, usual)
    _move_end(export, user, until, events.UNPINNED, audit_log.EXPORT_UNPINNED, pinned_at=None)
    return export


def _move_end(export: Export, user: User, until: datetime, event: str, action: str, **values: Any) -> None:
    """Write another end of a file that is still there and whose end is the one last read.

    Raises:
        WrongState: it is gone, or somebody else has moved its end meanwhile.
    """
    now = timezone.now()
    with transaction.atomic():
        rows = Export.objects.filter(
            pk=export.pk,
            status=Status.READY,
            expires_at=export.expires_at,
            expires_at__gt=now,
            pinned_at=export.pinned_at,
        )
        if not rows.update(expires_at=until, **values):
            raise WrongState("no_file", _("There is no file to extend any more."))
        for name, value in {"expires_at": until, **values}.items():
            setattr(export, name, value)
        events.record_event(export, event, at=now, actor=user, until=format_instant(until))
        audit_log.record_audit(action, actor=user, workspace=export.workspace, subject=str(export.pk))


def reap_files() -> int:
    """Delete what no row names and what is older than two leases; returns how many files went.

    Of a store that is away only what lies on this machine: the rest goes when it answers.
    """
    limit = timezone.now() - 2 * lease_time()
    old: set[str] = set()
    try:
        for found in stored.storage().names():
            if found.modified_at < limit:
                old.add(found.name)
    except StorageUnreachable as fault:
        logger.warning("storage.unreachable %s", fault)
    if not old:
        return 0
    # Asked after the listing: a name claimed since then is too young to be in it.
    named = named_files()
    nameless = {name for name in old if name.removesuffix(stored.SOURCE) not in named}
    gone = 0
    for name in nameless:
        if stored.discard(name):
            gone += 1
            logger.info("file.reaped %s", name)
    return gone


def named_files() -> set[str]:
    """Return every stored name that a row mentions."""
    names = set(Export.objects.exclude(stored_name="").values_list("stored_name", flat=True))
    return names | set(DerivedFile.objects.exclude(stored_name="").values_list("stored_name", flat=True))


def _require_owner(user: User, export: Export) -> Role:
    role = require_role(user, export.workspace, Role.MEMBER)
    if role != Role.MANAGER and not Requester.objects.filter(export=export, user=user).exists():
        raise Forbidden("not_yours", _("Only those who asked for this export, or a manager, can do this."))
    return role


def _remove_file(
    export: Export, to: Status, event: str, *, guard: dict[str, Any], actor: User | None = None, **values: Any
) -> bool:
    if export.status != Status.READY:
        return False
    now = timezone.now()
    with transaction.atomic():
        names = list(
            DerivedFile.objects.filter(export=export).exclude(stored_name="").values_list("stored_name", flat=True)
        )
        names.append(export.stored_name)
        if event == events.DELETED:  # the moment that the page showed is no more
            values["expires_at"] = min(export.expires_at or now, now)
        if not Export.objects.filter(**guard).move(export, to, stored_name="", ended_at=now, pinned_at=None, **values):
            return False
        DerivedFile.objects.filter(export=export).delete()
        events.record_event(
            export, event, at=now, actor=actor, downloads=Download.objects.filter(export=export).count()
        )
        if actor is not None:
            audit_log.record_audit(
                audit_log.EXPORT_FILE_DELETED, actor=actor, workspace=export.workspace, subject=str(export.pk)
            )
    stored.discard(*names)
    logger.info("export.file_removed %s %s", export.pk, to)
    return True
