"""A workspace's access token: written, tried, forgotten, never read back to anybody (promise 5)."""

import re
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.models import PauseCode, Role, User, Workspace
from exports.models.secrets import fingerprint, seal
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.pauses import is_allowed, lock_workspace, pause_lane, resume_lane
from exports.services.refusals import Refused, WrongState
from exports.services.roles import require_role
from exports.services.token_test import TokenTest, Verdict, test_token, try_text
from exports.services.upstream import note_token_works

__all__ = [
    "TokenTest",
    "Verdict",
    "clean_token",
    "drop_token",
    "forget_token",
    "set_token",
    "set_tried_token",
    "store_token",
    "test_token",
]

TOKEN_MOST = 512
STRAY_BEARER = re.compile(r"(authorization\s*:\s*)?bearer(\s|[:=]|$)", re.IGNORECASE)
# The last four of a shorter one would be most of it.
SHOWS_LAST4_FROM = 8
TOKEN_FIELDS = (
    "token_sealed",
    "token_fingerprint",
    "token_last4",
    "token_set_at",
    "token_set_by",
    "token_expires_at",
    "token_never_expires",
    "token_worked_at",
)
USED_ELSEWHERE = gettext_lazy(
    "Another workspace uses this token already. A token belongs to one workspace: generate one for this workspace."
)


def clean_token(text: str) -> str:
    """Return a token as it goes on the wire.

    Raises:
        Refused: ``token_empty``, ``token_with_bearer``, ``token_characters`` or ``token_too_long``.
    """
    token = text.strip()
    if not token:
        raise Refused("token_empty", _("Paste the access token here."), "token")
    if STRAY_BEARER.match(token):
        raise Refused(
            "token_with_bearer", _("Paste the token alone, without the word “Bearer” in front of it."), "token"
        )
    if not all("!" <= char <= "~" for char in token):
        raise Refused(
            "token_characters",
            _("A token has only printable ASCII characters and no blanks. Copy it again from Analytics Cloud."),
            "token",
        )
    if len(token) > TOKEN_MOST:
        raise Refused("token_too_long", _("A token has at most %(most)d characters.") % {"most": TOKEN_MOST}, "token")
    return token


def set_token(
    *, actor: User, workspace: Workspace, token: str, expires_at: datetime | None = None, never_expires: bool = False
) -> Workspace:
    """Store a token and let the lane run again; saving the same one again resumes too.

    Args:
        token: clear text as typed or pasted.
        expires_at: when it ends, as chosen in Analytics Cloud; None when never or unknown.
        never_expires: it was made without an end; not the same as an end that nobody noted.

    Returns:
        The row as it stands now.

    Raises:
        Forbidden: not a manager.
        Refused: the text is no token, its expiry lies in the past, or another workspace uses it.
    """
    require_role(actor, workspace, Role.MANAGER)
    return store_token(
        actor=actor, workspace=workspace, token=token, expires_at=expires_at, never_expires=never_expires
    )


def set_tried_token(
    *,
    actor: User,
    workspace: Workspace,
    token: str,
    expires_at: datetime | None = None,
    never_expires: bool = False,
    anyway: bool = False,
) -> Workspace:
    """Do what `set_token` says after Analytics Cloud has accepted the token: for the page, where somebody waits.

    Args:
        anyway: store it also when nothing can be learnt about it just now; a rejected one never.

    Raises:
        Forbidden: not a manager.
        Refused: see `set_token`; ``token_rejected``; without ``anyway`` also ``token_untried``.
    """
    require_role(actor, workspace, Role.MANAGER)
    text = clean_token(token)
    _refuse_past(expires_at)
    if Workspace.objects.filter(token_fingerprint=fingerprint(text)).exclude(pk=workspace.pk).exists():
        raise Refused("token_used_elsewhere", USED_ELSEWHERE, "token")
    try:
        tried = try_text(workspace=workspace, token=text)
    except WrongState as busy:
        tried = None
        if not anyway:
            raise Refused("token_untried", busy.message, "token") from None
    if tried is not None and tried.verdict is Verdict.REJECTED:
        raise Refused("token_rejected", tried.message, "token")
    if tried is not None and tried.verdict is not Verdict.ACCEPTED and not anyway:
        raise Refused("token_untried", tried.message, "token")
    saved = set_token(actor=actor, workspace=workspace, token=text, expires_at=expires_at, never_expires=never_expires)
    if tried is not None and tried.verdict is Verdict.ACCEPTED:
        note_token_works(saved, timezone.now())
    return saved


def _refuse_past(expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= timezone.now():
        raise Refused("token_expired", _("This date has passed already: the token no longer works."), "expires_at")


def store_token(
    *,
    actor: User | None,
    workspace: Workspace,
    token: str,
    expires_at: datetime | None = None,
    never_expires: bool = False,
    has_own_entry: bool = True,
) -> Workspace:
    """Do what `set_token` says without asking who may: for that and for making a workspace.

    Args:
        has_own_entry: False when the caller's entry on record tells of the token.

    Raises:
        Refused: see `set_token`.
    """
    token = clean_token(token)
    now = timezone.now()
    _refuse_past(expires_at)
    print_of_it = fingerprint(token)
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        replaced = bool(workspace.token_sealed) and workspace.token_fingerprint != print_of_it
        workspace.token_sealed = seal(token)
        workspace.token_last4 = token[-4:] if len(token) >= SHOWS_LAST4_FROM else ""
        workspace.token_set_at = now
        workspace.token_set_by = actor
        workspace.token_expires_at = expires_at
        workspace.token_never_expires = never_expires and expires_at is None
        if workspace.token_fingerprint != print_of_it:
            workspace.token_fingerprint = print_of_it
            workspace.token_worked_at = None
        try:
            with transaction.atomic():
                workspace.save(update_fields=TOKEN_FIELDS)
        except IntegrityError:
            raise Refused("token_used_elsewhere", USED_ELSEWHERE, "token") from None
        resumed = ""
        if workspace.pause_code != PauseCode.MANAGER:
            resumed = _resume_unless_address_refused(workspace, actor, now)
        if has_own_entry:
            more: dict[str, Any] = {"resumed": resumed} if resumed else {}
            if workspace.token_never_expires:
                more["never_expires"] = True
            record_audit(
                audit_log.TOKEN_SET,
                actor=actor,
                workspace=workspace,
                subject=workspace.name,
                replaced=replaced,
                expires_at=expires_at.isoformat() if expires_at else None,
                **more,
            )
    return workspace


def _resume_unless_address_refused(workspace: Workspace, actor: User | None, now: datetime) -> str:
    """Resume; a workspace whose address is no longer listed stays paused for that, whatever its token.

    Returns:
        Which pause it ended, if one.
    """
    if is_allowed(workspace):
        return resume_lane(workspace, actor=actor)
    if workspace.pause_code != PauseCode.BASE_URL_REFUSED:
        workspace.paused_at, workspace.pause_code = now, PauseCode.BASE_URL_REFUSED
        workspace.save(update_fields=["paused_at", "pause_code"])
    return ""


def forget_token(*, actor: User, workspace: Workspace) -> Workspace:
    """Delete the token and pause the workspace until there is another.

    Returns:
        The row as it stands now.

    Raises:
        Forbidden: not a manager.
    """
    require_role(actor, workspace, Role.MANAGER)
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        if workspace.has_token:
            drop_token(workspace, actor=actor)
            record_audit(audit_log.TOKEN_FORGOTTEN, actor=actor, workspace=workspace, subject=workspace.name)
    return workspace


def drop_token(workspace: Workspace, *, actor: User) -> None:
    """Delete the token and pause: for `forget_token` and for a change of address, which put it on record.

    Args:
        workspace: locked by the caller's transaction.
    """
    workspace.token_sealed = workspace.token_fingerprint = workspace.token_last4 = ""
    workspace.token_set_at = workspace.token_set_by = None
    workspace.token_expires_at = workspace.token_worked_at = None
    workspace.token_never_expires = False
    if workspace.pause_code != PauseCode.MANAGER:  # first: without a token it must not run for a moment
        pause_lane(workspace, PauseCode.TOKEN_MISSING, at=timezone.now(), actor=actor)
    workspace.save(update_fields=TOKEN_FIELDS)
