"""One lane per workspace: never two questions on the wire at once, nor two downloads (design.md §3).

Both turns are leases on the workspace's row, taken by compare-and-swap.
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, Q
from django.utils import timezone

from exports.models import ACTIVE, Export, Workspace

MARGIN_SECONDS = 2.0


def question_seconds() -> float:
    """Return after how long a question is given up."""
    return min(settings.EXPORT_STALL_SECONDS, settings.EXPORT_LEASE_SECONDS)


def take_question_lane(workspace_id: UUID) -> int | None:
    """Take the workspace's turn to ask one question; None while another holds it.

    The turn outlasts the question's own time limit, so a living holder never shares it.
    """
    now = timezone.now()
    free = Q(lane_until__isnull=True) | Q(lane_until__lte=now)
    workspace = Workspace.objects.filter(free, pk=workspace_id).only("lane_fence").first()
    if workspace is None:
        return None
    until = now + timedelta(seconds=question_seconds() + MARGIN_SECONDS)
    fence = workspace.lane_fence + 1
    taken = Workspace.objects.filter(free, pk=workspace_id, lane_fence=workspace.lane_fence).update(
        lane_until=until, lane_fence=fence
    )
    return fence if taken else None


def release_question_lane(workspace_id: UUID, fence: int) -> None:
    """Give the turn back, if it is still ours."""
    Workspace.objects.filter(pk=workspace_id, lane_fence=fence).update(lane_until=None)


def _transfer_free(export: Export, now: datetime) -> Q:
    return Q(transfer_until__isnull=True) | Q(transfer_until__lte=now) | Q(transfer_export=export.pk)


def is_transfer_lane_free(export: Export) -> bool:
    """Tell whether no other export of the workspace is being downloaded."""
    return Workspace.objects.filter(_transfer_free(export, timezone.now()), pk=export.workspace_id).exists()


def take_transfer_lane(export: Export) -> bool:
    """Take the workspace's one download; False while another export holds it."""
    now = timezone.now()
    until = now + timedelta(seconds=settings.EXPORT_LEASE_SECONDS)
    rows = Workspace.objects.filter(_transfer_free(export, now), pk=export.workspace_id)
    return bool(rows.update(transfer_until=until, transfer_export=export.pk))


def renew_transfer_lane(export: Export) -> None:
    """Keep the download's turn for another lease."""
    until = timezone.now() + timedelta(seconds=settings.EXPORT_LEASE_SECONDS)
    Workspace.objects.filter(pk=export.workspace_id, transfer_export=export.pk).update(transfer_until=until)


def release_transfer_lane(export: Export, fence: int) -> None:
    """Give the download's turn back, unless another worker has taken the same export over meanwhile.

    Args:
        fence: the one of the claim that took the turn.
    """
    ours = Export.objects.filter(Q(fence=fence) | ~Q(status__in=ACTIVE), pk=export.pk)
    Workspace.objects.filter(Exists(ours), pk=export.workspace_id, transfer_export=export.pk).update(
        transfer_until=None, transfer_export=None
    )
