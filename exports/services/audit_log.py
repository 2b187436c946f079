"""Who did what, for administrators: append-only, in the transaction of the deed itself."""

# ruff: noqa: S105 - the names of actions on tokens, no secrets

from typing import Any

from exports.models import AuditEntry, Membership, Role, User, Workspace

# Every action; the pages translate them, and a test compares the two.
WORKSPACE_CREATED = "workspace.created"
WORKSPACE_CHANGED = "workspace.changed"
WORKSPACE_PAUSED = "workspace.paused"
WORKSPACE_RESUMED = "workspace.resumed"
MEMBER_ADDED = "member.added"
MEMBER_CHANGED = "member.changed"
MEMBER_REMOVED = "member.removed"
TOKEN_SET = "token.set"
TOKEN_FORGOTTEN = "token.forgotten"
TOKEN_TESTED = "token.tested"
TOKEN_KEYS_ROTATED = "token_keys.rotated"
API_TOKEN_MADE = "api_token.made"
API_TOKEN_REVOKED = "api_token.revoked"


def record_audit(
    action: str,
    *,
    actor: User | None,
    workspace: Workspace | None = None,
    subject: str = "",
    address: str | None = None,
    **data: Any,
) -> AuditEntry:
    """Append one entry.

    Args:
        action: a dotted word such as `TOKEN_SET`.
        actor: the person; None for the engine and for the command line.
        workspace: the workspace concerned, if one.
        subject: what it was done to, in a few words (an e-mail address, a name); cut at 200 characters.
        address: the person's network address, where known.
        data: JSON values (never a token, never upstream text).
    """
    return AuditEntry.objects.create(
        action=action,
        actor=actor,
        actor_email=actor.email if actor else "",
        as_site_administrator=actor is not None and _acts_as_site_administrator(actor, workspace),
        workspace=workspace,
        workspace_name=workspace.name if workspace else "",
        subject=subject[:200],
        address=address,
        data=data,
    )


def _acts_as_site_administrator(actor: User, workspace: Workspace | None) -> bool:
    """True when the deed rests on being a site administrator: no manager's membership would have allowed it."""
    if not actor.is_superuser:
        return False
    if workspace is None:
        return True
    return not Membership.objects.filter(workspace=workspace, user=actor, role=Role.MANAGER).exists()
