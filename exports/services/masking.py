"""Masked columns: chosen roles get files and previews in which named columns read ``***``."""

from collections.abc import Sequence
from dataclasses import replace

from django.db import transaction
from django.utils.translation import gettext as _

from exports.files.column_order import COLUMNS
from exports.models import Role, User, Workspace
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.pauses import lock_workspace
from exports.services.refusals import Refused
from exports.services.roles import require_role
from exports.services.texts import clean_line
from exports.services.variants import Variant

COLUMNS_MOST = 100
NAME_MOST = 200
# Managers set it, so it can't bind them.
ROLES = (Role.VIEWER, Role.MEMBER)


def mask_for(user: User, workspace: Workspace) -> tuple[str, ...]:
    """Return the columns a person sees only masked here; none for most people (a query where anything is masked)."""
    if not (workspace.masked_columns and workspace.masked_roles):
        return ()
    role = workspace.role_of(user)
    # Somebody without a role has no business here; whoever asks anyway gets no more than the least.
    masked = role is None or role.value in workspace.masked_roles
    return tuple(workspace.masked_columns) if masked else ()


def as_seen_by(user: User, workspace: Workspace, variant: Variant) -> Variant:
    """Return the variant that this person gets when asking for one."""
    return replace(variant, mask=mask_for(user, workspace))


def unknown_columns(workspace: Workspace) -> list[str]:
    """Return the masked columns that no type is documented to have: a slip of the pen would leave data in clear.

    Analytics Cloud may add columns without notice (analytics-cloud-api.md §4), so they are no mistake for certain.
    """
    known = {name.lower() for names in COLUMNS.values() for name in names}
    return [name for name in workspace.masked_columns if name.lower().split(".")[0] not in known]


def set_masking(*, actor: User, workspace: Workspace, columns: Sequence[str], roles: Sequence[str]) -> None:
    """Set which columns are masked for which roles; it counts from the next request on.

    Raises:
        Forbidden: not a manager.
        Refused: ``role_unknown``; a name that can't be one, or too many.
    """
    require_role(actor, workspace, Role.MANAGER)
    if not set(roles) <= {role.value for role in ROLES}:
        raise Refused("role_unknown", _("Columns can be masked for viewers and members."), "masked_roles")
    names: dict[str, str] = {}
    for column in columns:
        name = clean_line(column, field="masked_columns", most=NAME_MOST)
        if name:
            names.setdefault(name.lower(), name)
    if len(names) > COLUMNS_MOST:
        raise Refused(
            "too_many_columns", _("At most %(n)d columns can be masked.") % {"n": COLUMNS_MOST}, "masked_columns"
        )
    wanted = list(names.values()), [role.value for role in ROLES if role.value in roles]
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        if (workspace.masked_columns, workspace.masked_roles) == wanted:
            return
        workspace.masked_columns, workspace.masked_roles = wanted
        workspace.save(update_fields=["masked_columns", "masked_roles"])
        record_audit(
            audit_log.MASKING_CHANGED,
            actor=actor,
            workspace=workspace,
            subject=workspace.name,
            columns=wanted[0],
            roles=wanted[1],
        )
