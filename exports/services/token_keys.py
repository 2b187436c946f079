"""Moves stored access tokens to the newest encryption key while everything runs (docs/operating.md)."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from exports.models import TokenUnreadable, Workspace
from exports.models.secrets import is_sealed_with_first_key, reseal
from exports.services import audit_log, crash_points

logger = logging.getLogger(__name__)

CHUNK = 200


@dataclass
class Rotation:
    """What a pass over all stored tokens found and did.

    Attributes:
        resealed: tokens that another key opened and that the first key opens now; without writing: that it would.
        done_before: tokens that the first key opened already.
        unreadable: names of the workspaces whose tokens no key opens; they are left as they are.
    """

    resealed: int = 0
    done_before: int = 0
    unreadable: list[str] = field(default_factory=list)


def rotate_token_keys(*, write: bool = True) -> Rotation:
    """Encrypt every stored token with the first of ``TOKEN_ENCRYPTION_KEYS``.

    Each token is one conditional UPDATE that names the text it replaces: a token saved meanwhile is never undone, and a
    pass that is killed loses nothing; the next one does the rest.

    Args:
        write: False only looks, for the question whether an old key may go.
    """
    found = Rotation()
    for workspace in _with_token():
        try:
            if not _bring_up_to_date(workspace, write=write):
                found.done_before += 1
                continue
        except TokenUnreadable:
            found.unreadable.append(workspace.name)
            continue
        found.resealed += 1
    found.unreadable.sort()
    if write and found.resealed:
        audit_log.record_audit(
            audit_log.TOKEN_KEYS_ROTATED, actor=None, resealed=found.resealed, unreadable=len(found.unreadable)
        )
    logger.info(
        "token_keys.rotated resealed=%s before=%s unreadable=%s",
        found.resealed,
        found.done_before,
        len(found.unreadable),
    )
    return found


def _with_token() -> Iterator[Workspace]:
    """Yield the workspaces that have a token, in short queries: no transaction spans the pass."""
    last = None
    while True:
        rows = Workspace.objects.exclude(token_sealed="").order_by("pk")
        if last is not None:
            rows = rows.filter(pk__gt=last)
        chunk = list(rows.only("pk", "name", "token_sealed")[:CHUNK])
        yield from chunk
        if len(chunk) < CHUNK:
            return
        last = chunk[-1].pk


def _bring_up_to_date(workspace: Workspace, *, write: bool) -> bool:
    """Reseal one token; False when the first key opens it already, or it is gone.

    Raises:
        TokenUnreadable: no key opens it.
    """
    sealed = workspace.token_sealed
    while sealed and not is_sealed_with_first_key(sealed):
        fresh = reseal(sealed)
        if not write or Workspace.objects.filter(pk=workspace.pk, token_sealed=sealed).update(token_sealed=fresh):
            crash_points.reached("token_resealed")
            return True
        # Somebody saved another token since we looked: perhaps a process that still has the old keys.
        sealed = Workspace.objects.filter(pk=workspace.pk).values_list("token_sealed", flat=True).first() or ""
    return False
