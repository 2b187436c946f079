"""Who did what, for administrators: append-only, in the transaction of the deed itself.

One deed of a person is one entry. What the deed brought with it (a saved token that ends a pause) stands in its data.
"""

# ruff: noqa: S105 - the names of actions on tokens and passwords, no secrets

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from exports.models import AuditEntry, Membership, Role, User, Workspace

# Every action; the pages name them (exports/web/audit_words.py), and a test compares the two.
SIGNED_IN = "person.signed_in"
SIGN_IN_FAILED = "person.sign_in_failed"
SIGN_IN_LOCKED = "person.sign_in_locked"
SIGNED_OUT = "person.signed_out"
CONFIRMED = "person.confirmed"
PASSWORD_CHANGED = "person.password_changed"
PASSWORD_RESET = "person.password_reset"
SECOND_FACTOR_ADDED = "person.second_factor_added"
SECOND_FACTOR_REMOVED = "person.second_factor_removed"
SECOND_FACTOR_RENEWED = "person.second_factor_renewed"
SECOND_FACTOR_RENAMED = "person.second_factor_renamed"
SIGN_IN_LINKED = "person.sign_in_linked"
SIGN_IN_UNLINKED = "person.sign_in_unlinked"
SESSIONS_ENDED = "person.sessions_ended"
SETTINGS_CHANGED = "person.settings_changed"
API_TOKEN_MADE = "api_token.made"
API_TOKEN_REVOKED = "api_token.revoked"
WORKSPACE_CREATED = "workspace.created"
WORKSPACE_CHANGED = "workspace.changed"
WORKSPACE_PAUSED = "workspace.paused"
WORKSPACE_RESUMED = "workspace.resumed"
WORKSPACE_ARCHIVED = "workspace.archived"
WORKSPACE_UNARCHIVED = "workspace.unarchived"
WORKSPACE_DELETED = "workspace.deleted"
MEMBER_ADDED = "member.added"
MEMBER_CHANGED = "member.changed"
MEMBER_REMOVED = "member.removed"
INVITATION_SENT = "invitation.sent"
INVITATION_RESENT = "invitation.resent"
INVITATION_REVOKED = "invitation.revoked"
INVITATION_ACCEPTED = "invitation.accepted"
TOKEN_SET = "token.set"
TOKEN_FORGOTTEN = "token.forgotten"
TOKEN_TESTED = "token.tested"
TOKEN_KEYS_ROTATED = "token_keys.rotated"
EXPORT_QUEUED = "export.queued"
EXPORT_JOINED = "export.joined"
EXPORT_REUSED = "export.reused"
EXPORT_LEFT = "export.left"
EXPORT_CANCELLED = "export.cancelled"
EXPORT_EXTENDED = "export.extended"
EXPORT_PINNED = "export.pinned"
EXPORT_UNPINNED = "export.unpinned"
EXPORT_DOWNLOADED = "export.downloaded"
EXPORT_FILE_DELETED = "export.file_deleted"
EXPORT_TAKEN_OVER = "export.taken_over"
EXPORT_APPROVED = "export.approved"
EXPORT_DECLINED = "export.declined"
PRESET_SAVED = "preset.saved"
PRESET_DELETED = "preset.deleted"
VIEW_SAVED = "person.view_saved"
VIEW_DELETED = "person.view_deleted"
EXPORT_BUMPED = "export.bumped"
LIMITS_CHANGED = "limits.changed"
MASKING_CHANGED = "masking.changed"
RECORD_TAKEN = "record.taken"
ADMIN_ADDED = "admin.added"
ADMIN_CHANGED = "admin.changed"
ADMIN_DELETED = "admin.deleted"
ALL_ACTIONS = frozenset(
    value for name, value in list(globals().items()) if name.isupper() and isinstance(value, str) and "." in value
)

_address: ContextVar[str | None] = ContextVar("audit_address", default=None)


@contextmanager
def coming_from(address: str | None) -> Iterator[None]:
    """Note the network address of whoever acts meanwhile in this thread: each entry then carries it."""
    before = _address.set(address)
    try:
        yield
    finally:
        _address.reset(before)


def record_audit(
    action: str,
    *,
    actor: User | None,
    workspace: Workspace | None = None,
    subject: str = "",
    address: str | None = None,
    on_oneself: bool = False,
    **data: Any,
) -> AuditEntry:
    """Append one entry.

    Args:
        action: a dotted word such as `TOKEN_SET`.
        actor: the person; None for the engine and for the command line.
        workspace: the workspace concerned, if one.
        subject: what it was done to, in a few words (an e-mail address, a name); cut at 200 characters.
        address: the person's network address, where it isn't that of `coming_from`.
        on_oneself: a deed that everybody may do, such as signing in: no right of an administrator is behind it.
        data: JSON values (never a token, never upstream text).
    """
    return AuditEntry.objects.create(
        action=action,
        actor=actor,
        actor_email=actor.email if actor else "",
        as_site_administrator=actor is not None and not on_oneself and _acts_as_site_administrator(actor, workspace),
        workspace=workspace,
        workspace_name=workspace.name if workspace else "",
        subject=subject[:200],
        address=address or _address.get(),
        data=data,
    )


def _acts_as_site_administrator(actor: User, workspace: Workspace | None) -> bool:
    """True when the deed rests on being a site administrator: no manager's membership would have allowed it."""
    if not actor.is_superuser:
        return False
    if workspace is None:
        return True
    return not Membership.objects.filter(workspace=workspace, user=actor, role=Role.MANAGER).exists()
