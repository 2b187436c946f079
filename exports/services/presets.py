"""Presets: filled forms that people keep for the next time, for themselves or for their workspace."""

from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from exports.models import Preset, Role, User, Workspace
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.refusals import Forbidden, Refused
from exports.services.roles import require_role
from exports.services.texts import clean_line

NAME_LENGTH = 80
MOST = 50


def presets_for(user: User) -> QuerySet[Preset]:
    """Return the presets a person may use: of workspaces in which they may ask, their own and the shared ones."""
    places = Workspace.objects.where_role(user, Role.MEMBER).filter(archived_at__isnull=True).order_by()
    rows = Preset.objects.filter(Q(is_shared=True) | Q(user=user), workspace__in=places.values("pk"))
    return rows.select_related("workspace", "user")


def presets_with_rights(user: User) -> list[tuple[Preset, bool]]:
    """Return the presets a person may use, each with whether the person may delete it (two queries)."""
    managed = set(Workspace.objects.where_role(user, Role.MANAGER).order_by().values_list("pk", flat=True))
    return [(preset, preset.user_id == user.pk or preset.workspace_id in managed) for preset in presets_for(user)]


def preset_for(user: User, pk: UUID) -> Preset | None:
    """Return a preset the person may use; None for an unknown or a foreign one."""
    return presets_for(user).filter(pk=pk).first()


def save_preset(
    *, user: User, workspace: Workspace, name: str, question: dict[str, Any], is_shared: bool = False
) -> Preset:
    """Keep a filled form under a name.

    Args:
        question: the form's inputs as typed, JSON values; the workspace is told apart.
        is_shared: for everybody who may ask in the workspace.

    Raises:
        Forbidden: the person is a viewer or a stranger here.
        Refused: no name, one that can't be kept, one that is taken, or more than `MOST` presets of the person's own or
            of the workspace's (``preset_name``).
    """
    require_role(user, workspace, Role.MEMBER)
    name = clean_line(name, field="preset_name", most=NAME_LENGTH, required=True)
    kept = Preset.objects.filter(workspace=workspace, is_shared=is_shared)
    if not is_shared:
        kept = kept.filter(user=user)
    if kept.count() >= MOST:
        raise Refused(
            "too_many_presets",
            _("There are %(most)d presets already. Delete one first.") % {"most": MOST},
            "preset_name",
        )
    try:
        with transaction.atomic():
            preset = Preset.objects.create(
                workspace=workspace, user=user, name=name, question=question, is_shared=is_shared
            )
            record_audit(audit_log.PRESET_SAVED, actor=user, workspace=workspace, subject=name, shared=is_shared)
    except IntegrityError:
        raise Refused(
            "name_taken",
            _("There is a preset of this name already: choose another, or delete that one."),
            "preset_name",
        ) from None
    return preset


def delete_preset(*, user: User, preset: Preset) -> None:
    """Delete a preset. Exports asked with it are not touched.

    Raises:
        Forbidden: somebody else's, and the person is no manager.
    """
    role = require_role(user, preset.workspace, Role.MEMBER)
    if preset.user_id != user.pk and not (preset.is_shared and role is Role.MANAGER):
        raise Forbidden("not_yours", _("Only who saved this preset, or a manager, can delete it."))
    with transaction.atomic():
        if Preset.objects.filter(pk=preset.pk).delete()[0]:
            record_audit(
                audit_log.PRESET_DELETED,
                actor=user,
                workspace=preset.workspace,
                subject=preset.name,
                shared=preset.is_shared,
            )
