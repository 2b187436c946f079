"""What managers are told about access tokens: before one expires, and when it is rejected."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from exports.models import Export, Mail, Workspace
from exports.services.mail_words import NAMED_MOST
from exports.services.mails import managers_of, post_mails

STAGES = (30, 7, 1)  # days before


def remind_of_tokens() -> None:
    """Write the reminders that are due, to each manager once for each stage. Safe at any time, and twice.

    A stage that had passed already when the token was saved is left out: who saved it has just seen the date.
    """
    now = timezone.now()
    for workspace, stage in _expiring(now):
        assert workspace.token_expires_at is not None
        key = (
            f"{Mail.Kind.TOKEN_EXPIRING}:{workspace.pk}:{workspace.token_fingerprint[:16]}"
            f":{workspace.token_expires_at:%Y%m%d%H%M}:{stage}"
        )
        managers = managers_of(workspace)
        told = set(
            Mail.objects.filter(key__in=[f"{key}:{user.pk}" for user in managers]).values_list("user", flat=True)
        )
        untold = [user for user in managers if user.pk not in told]
        if untold:
            post_mails(
                Mail.Kind.TOKEN_EXPIRING,
                key=key,
                to=untold,
                workspace=workspace,
                at=now,
                days=max(round((workspace.token_expires_at - now) / timedelta(days=1)), 1),
                expires_at=workspace.token_expires_at.isoformat(),
                **_what_stops(workspace),
            )


@dataclass(frozen=True)
class Expiry:
    """A token that expires soon or has expired: what the page says of it."""

    at: datetime
    has_passed: bool
    count: int


def expiry_of(workspace: Workspace) -> Expiry | None:
    """Return what a workspace's page says of its token's end; None while there is time, and without a token."""
    at, now = workspace.token_expires_at, timezone.now()
    if at is None or not workspace.has_token or at > now + timedelta(days=max(STAGES)):
        return None
    return Expiry(at, at <= now, Export.objects.filter(workspace=workspace).active().count())


def tell_of_rejection(workspace: Workspace, *, at: datetime) -> None:
    """Tell the managers that the token is rejected, once for each pause; within the transaction that pauses."""
    post_mails(
        Mail.Kind.TOKEN_REJECTED,
        key=f"{Mail.Kind.TOKEN_REJECTED}:{workspace.pk}:{at:%Y%m%d%H%M%S%f}",
        to=managers_of(workspace),
        workspace=workspace,
        at=at,
        since=at.isoformat(),
        **_what_stops(workspace),
    )


def _expiring(now: datetime) -> Iterator[tuple[Workspace, int]]:
    """Yield the workspaces whose token expires soon, with the stage they are in."""
    soon = Workspace.objects.filter(
        token_expires_at__gt=now, token_expires_at__lte=now + timedelta(days=max(STAGES)), archived_at__isnull=True
    ).exclude(token_sealed="")
    for workspace in soon.order_by("pk"):
        assert workspace.token_expires_at is not None
        assert workspace.token_set_at is not None
        stage = min(days for days in STAGES if workspace.token_expires_at <= now + timedelta(days=days))
        if workspace.token_set_at <= workspace.token_expires_at - timedelta(days=stage):
            yield workspace, stage


def _what_stops(workspace: Workspace) -> dict[str, Any]:
    active = Export.objects.filter(workspace=workspace).active().order_by("created_at")
    return {"count": active.count(), "exports": [str(export) for export in active[:NAMED_MOST]]}
