"""Which keys were asked of Analytics Cloud lately: it answers one key with one file for 24 h (design.md §3)."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import QuerySet

from exports.models import AskedWindow, Export

# analytics-cloud-api.md §3: kept 24 h after completion; an hour more to be sure.
UPSTREAM_KEEPS = timedelta(hours=25)


def note_asked(export: Export, now: datetime) -> None:
    """Remember that the export's key is being asked: before the question is sent."""
    assert export.asked_from is not None
    assert export.asked_to is not None
    AskedWindow.objects.update_or_create(
        workspace=export.workspace,
        data_type=export.data_type,
        asked_from=export.asked_from,
        asked_to=export.asked_to,
        defaults={"last_asked_at": now, "export": export, "is_upstream": True},
        create_defaults={
            "first_asked_at": now,
            "last_asked_at": now,
            "export": export,
            "is_upstream": True,
        },
    )


def note_fetched(export: Export) -> None:
    """Remember that the file of the export's key lies here: it no longer fills the lane."""
    _windows_of(export).update(is_upstream=False)


def _windows_of(export: Export) -> QuerySet[AskedWindow]:
    assert export.asked_from is not None
    assert export.asked_to is not None
    return AskedWindow.objects.filter(
        workspace=export.workspace_id,
        data_type=export.data_type,
        asked_from=export.asked_from,
        asked_to=export.asked_to,
    )


def was_asked_lately(workspace_id: UUID, data_type: str, start: datetime, end: datetime, now: datetime) -> bool:
    """Tell whether upstream may still answer this key with what it made for an earlier question."""
    return _asked_lately(workspace_id, data_type, start, end, now).exists()


def was_asked_too_early(export: Export, now: datetime) -> bool:
    """Tell whether upstream may still answer the export's question with a file made before its range had ended."""
    if export.range_to > now:
        return False
    lately = _asked_lately(export.workspace_id, export.data_type, export.range_from, export.range_to, now)
    return lately.filter(first_asked_at__lt=export.range_to).exists()


def _asked_lately(
    workspace_id: UUID, data_type: str, start: datetime, end: datetime, now: datetime
) -> QuerySet[AskedWindow]:
    return AskedWindow.objects.filter(
        workspace=workspace_id,
        data_type=data_type,
        asked_from=start,
        asked_to=end,
        last_asked_at__gt=now - UPSTREAM_KEEPS,
    )


def unused_start(export: Export, now: datetime) -> datetime:
    """Return ``from − k ms`` with the smallest k ≥ 0 not asked in the last 25 h: a superset, never a loss."""
    used = set(
        AskedWindow.objects.filter(
            workspace=export.workspace_id,
            data_type=export.data_type,
            asked_from__lte=export.range_from,
            asked_to=export.range_to,
            last_asked_at__gt=now - UPSTREAM_KEEPS,
        ).values_list("asked_from", flat=True)
    )
    start = export.range_from
    while start in used:
        start -= timedelta(milliseconds=1)
    return start
