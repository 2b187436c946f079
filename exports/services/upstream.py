"""From a workspace's row to the door of Analytics Cloud, and back: the client, the pause, the proof of life."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from exports.analytics_cloud.client import AnalyticsCloudClient
from exports.analytics_cloud.origins import OriginRefused
from exports.models import Export, PauseCode, TokenUnreadable, Workspace
from exports.models.secrets import AccessToken
from exports.services import audit_log, home, reminders

PROVED_EVERY = timedelta(seconds=30)


class CannotAsk(Exception):
    """The workspace can't be asked for as it stands; ``code`` is the pause it needs."""

    def __init__(self, code: PauseCode) -> None:
        super().__init__(code)
        self.code = code


def make_client(workspace: Workspace, token: AccessToken | None = None) -> AnalyticsCloudClient:
    """Return a client that sends the workspace's token to its own origin and nowhere else.

    Args:
        token: one that is to be tried before it is stored; None for the stored one.

    Raises:
        CannotAsk: no token, a token no key opens, or an origin that ``ANALYTICS_CLOUD_ORIGINS`` does not list.
    """
    if token is None and not workspace.has_token:
        raise CannotAsk(PauseCode.TOKEN_MISSING)
    try:
        token = token or workspace.read_token()
    except TokenUnreadable:
        raise CannotAsk(PauseCode.TOKEN_UNREADABLE) from None
    try:
        return AnalyticsCloudClient(
            base_url=workspace.base_url,
            token=token.reveal(),
            allowed_origins=settings.ANALYTICS_CLOUD_ORIGINS,
        )
    except OriginRefused:
        raise CannotAsk(PauseCode.BASE_URL_REFUSED) from None


def pause_workspace(workspace: Workspace, code: PauseCode) -> bool:
    """Stop the lane, unless somebody saved another token since ``workspace`` was read.

    Returns:
        True when this call paused it: one banner, one audit entry, however many questions met the rejection.
    """
    now = timezone.now()
    unchanged = Workspace.objects.filter(
        pk=workspace.pk, token_set_at=workspace.token_set_at, paused_at__isnull=True, host=workspace.host_id
    )
    with transaction.atomic():
        paused = bool(unchanged.update(paused_at=now, pause_code=code))
        if paused:
            # Within the transaction: a resumption that follows wakes them again.
            home.put_off(Export.objects.filter(workspace=workspace), home.latest_due(None))
            audit_log.record_audit(audit_log.WORKSPACE_PAUSED, actor=None, workspace=workspace, subject=str(code))
            if code == PauseCode.TOKEN_REJECTED:
                reminders.tell_of_rejection(workspace, at=now)
    if paused:
        workspace.paused_at, workspace.pause_code = now, code
    return paused


def note_token_works(workspace: Workspace, now: datetime) -> None:
    """Write down that the token was accepted (at most every half minute)."""
    stale = Q(token_worked_at__isnull=True) | Q(token_worked_at__lt=now - PROVED_EVERY)
    Workspace.objects.filter(stale, pk=workspace.pk, token_set_at=workspace.token_set_at).update(token_worked_at=now)
