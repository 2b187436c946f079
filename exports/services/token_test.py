"""Tries a workspace's token with the probe that makes no export (analytics-cloud-api.md §2)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.analytics_cloud.client import AnalyticsCloudClient
from exports.analytics_cloud.replies import Accepted, ProbeReply, TokenRejected, Unavailable, Unintelligible
from exports.models import PauseCode, Role, User, Workspace
from exports.models.secrets import AccessToken
from exports.services import audit_log, breaker, lanes, upstream
from exports.services.audit_log import record_audit
from exports.services.refusals import WrongState
from exports.services.roles import require_role

PROBE_SECONDS = 10.0
TURN_SECONDS = 10.0
LOOK_EVERY_SECONDS = 0.1


class Verdict(StrEnum):
    """What Analytics Cloud says about the token."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    UNAVAILABLE = "unavailable"
    UNINTELLIGIBLE = "unintelligible"


SENTENCES: dict[Verdict, Promise] = {
    Verdict.ACCEPTED: gettext_lazy("Analytics Cloud accepts the token."),
    Verdict.REJECTED: gettext_lazy(
        "Analytics Cloud rejects the token. Generate a new one in the workspace’s settings there and save it here."
    ),
    Verdict.UNAVAILABLE: gettext_lazy(
        "Analytics Cloud can’t be reached right now, so nothing is known about the token. Try again in a few minutes."
    ),
    Verdict.UNINTELLIGIBLE: gettext_lazy(
        "The address answers, but not like Analytics Cloud. Check the workspace’s address."
    ),
}


@dataclass(frozen=True)
class TokenTest:
    """The outcome of one try."""

    verdict: Verdict

    @property
    def message(self) -> str:
        """The sentence for people."""
        return str(SENTENCES[self.verdict])


def test_token(*, actor: User, workspace: Workspace, wait_seconds: float = TURN_SECONDS) -> TokenTest:  # noqa: PT028 - a service, no test
    """Ask Analytics Cloud whether it accepts the stored token; a rejection pauses the workspace.

    The probe takes the lane's turn like any question (design.md §3), and waits for it at most ``wait_seconds``.

    Raises:
        Forbidden: not a manager.
        WrongState: no token, an unreadable one, an address not listed, or the lane stays busy.
    """
    require_role(actor, workspace, Role.MANAGER)
    workspace = Workspace.objects.select_related("host").get(pk=workspace.pk)
    try:
        client = upstream.make_client(workspace)
    except upstream.CannotAsk as cannot:
        raise WrongState(
            str(cannot.code.value), _("The token can’t be tried: %(why)s.") % {"why": cannot.code.label}
        ) from None
    asked_at = timezone.now()
    verdict = _ask(workspace, client, wait_seconds)
    if verdict is None:
        return TokenTest(Verdict.UNAVAILABLE)
    if verdict is Verdict.ACCEPTED:
        upstream.note_token_works(workspace, asked_at)
    elif verdict is Verdict.REJECTED:
        upstream.pause_workspace(workspace, PauseCode.TOKEN_REJECTED)
    record_audit(audit_log.TOKEN_TESTED, actor=actor, workspace=workspace, subject=verdict.value)
    return TokenTest(verdict)


def try_text(*, workspace: Workspace, token: str, wait_seconds: float = TURN_SECONDS) -> TokenTest:
    """Ask Analytics Cloud about a token that isn't stored yet; changes nothing of the workspace.

    Args:
        token: clear text, as `tokens.clean_token` returned it. Who may ask is the caller's to check.

    Raises:
        WrongState: the address is not listed, or the lane stays busy.
    """
    workspace = Workspace.objects.select_related("host").get(pk=workspace.pk)
    try:
        client = upstream.make_client(workspace, AccessToken(token))
    except upstream.CannotAsk as cannot:
        raise WrongState(
            str(cannot.code.value), _("The token can’t be tried: %(why)s.") % {"why": cannot.code.label}
        ) from None
    return TokenTest(_ask(workspace, client, wait_seconds) or Verdict.UNAVAILABLE)


def _ask(workspace: Workspace, client: AnalyticsCloudClient, wait_seconds: float) -> Verdict | None:
    """Return what the probe says; None when the host's breaker forbids to ask."""
    with client, _turn(workspace, wait_seconds):
        if not breaker.take_turn(workspace.host):
            return None
        asked_at = timezone.now()
        reply = client.probe(give_up_after=min(PROBE_SECONDS, lanes.question_seconds()))
    if isinstance(reply, Unavailable) and reply.opens_breaker:
        breaker.note_fault(workspace.host, asked_at=asked_at, reason=reply.reason, retry_after=reply.retry_after)
    elif isinstance(reply, Unavailable):
        breaker.end_trial(workspace.host)
    else:
        breaker.note_success(workspace.host)
    return _verdict(reply)


# pytest would take an imported function of this name for a test.
test_token.__test__ = False  # type: ignore[attr-defined]


def _verdict(reply: ProbeReply) -> Verdict:
    match reply:
        case Accepted():
            return Verdict.ACCEPTED
        case TokenRejected():
            return Verdict.REJECTED
        case Unavailable():
            return Verdict.UNAVAILABLE
        case Unintelligible():
            return Verdict.UNINTELLIGIBLE


@contextmanager
def _turn(workspace: Workspace, wait_seconds: float) -> Iterator[None]:
    until = time.monotonic() + wait_seconds
    while (fence := lanes.take_question_lane(workspace.pk)) is None:
        if time.monotonic() >= until:
            raise WrongState("lane_busy", _("A question to Analytics Cloud is under way. Try again in a moment."))
        time.sleep(LOOK_EVERY_SECONDS)
    try:
        yield
    finally:
        lanes.release_question_lane(workspace.pk, fence)
