"""Personal API tokens: made once, shown once, kept as a digest."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import ApiToken, Scope, User, Workspace
from exports.models.access import PREFIX, digest, new_token
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.refusals import Forbidden, Refused
from exports.services.texts import clean_line

NAME_MOST = 100
TEXT_MOST = 200
USE_NOTED_EVERY = timedelta(minutes=1)


def make_api_token(
    *,
    user: User,
    name: str,
    scopes: Iterable[Scope | str] | None = None,
    expires_at: datetime | None = None,
    workspaces: Iterable[Workspace] | None = None,
    actor: User | None = None,
) -> tuple[ApiToken, str]:
    """Make a personal token.

    Args:
        user: whose; it never may more than the person.
        scopes: what it may; None means everything.
        expires_at: None means never.
        workspaces: where it may; None means wherever the person may.
        actor: who makes it; None means the person.

    Returns:
        The row, and the text that is shown this once.

    Raises:
        Refused: name, scope or expiry can't be accepted.
    """
    name = clean_line(name, field="name", most=NAME_MOST, required=True)
    wanted = _known_scopes(Scope if scopes is None else scopes)
    now = timezone.now()
    if expires_at is not None and expires_at <= now:
        raise Refused("expired_already", _("This date has passed already."), "expires_at")
    text = new_token()
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            digest=digest(text),
            last4=text[-4:],
            scopes=wanted,
            all_workspaces=workspaces is None,
            created_at=now,
            expires_at=expires_at,
        )
        if workspaces is not None:
            token.workspaces.set(workspaces)
        record_audit(
            audit_log.API_TOKEN_MADE,
            actor=actor or user,
            subject=name,
            person=user.email,
            scopes=wanted,
            expires_at=expires_at.isoformat() if expires_at else None,
        )
    return token, text


def revoke_api_token(*, actor: User, token: ApiToken) -> None:
    """End a token; its next request is answered 401. Doing it twice changes nothing.

    Raises:
        Forbidden: it is somebody else's, and the actor is no site administrator.
    """
    if token.user_id != actor.pk and not actor.is_superuser:
        raise Forbidden("not_yours", _("This token belongs to somebody else."))
    with transaction.atomic():
        ended = ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=timezone.now())
        if ended:
            record_audit(audit_log.API_TOKEN_REVOKED, actor=actor, subject=token.name, person=token.user.email)
    token.refresh_from_db()


def authenticate(text: str) -> ApiToken | None:
    """Return the usable token behind a Bearer value, with its person; None for anything else.

    The time of its last use is written at most once a minute.
    """
    if not text.startswith(PREFIX) or len(text) > TEXT_MOST or not text.isascii():
        return None
    token = ApiToken.objects.select_related("user").filter(digest=digest(text)).first()
    now = timezone.now()
    if token is None or not token.is_usable(now):
        return None
    stale = now - USE_NOTED_EVERY
    if token.last_used_at is None or token.last_used_at <= stale:
        unnoted = Q(last_used_at__isnull=True) | Q(last_used_at__lte=stale)
        ApiToken.objects.filter(unnoted, pk=token.pk).update(last_used_at=now)
        token.last_used_at = now
    return token


def workspaces_of(token: ApiToken) -> QuerySet[Workspace]:
    """Return what the token reaches: what its person sees, narrowed to the token's own list if it has one."""
    rows = Workspace.objects.visible_to(token.user)
    if token.all_workspaces:
        return rows
    return rows.filter(pk__in=token.workspaces.values("pk"))


def _known_scopes(scopes: Iterable[Scope | str]) -> list[str]:
    try:
        wanted = {Scope(scope) for scope in scopes}
    except ValueError:
        raise Refused("scope_unknown", _("A scope is one of read, download, queue, manage."), "scopes") from None
    if not wanted:
        raise Refused("scope_missing", _("Choose at least one thing that the token may do."), "scopes")
    return [scope.value for scope in Scope if scope in wanted]
