"""What earlier exports of a workspace tell about the next: how long, how many rows."""

from datetime import datetime, timedelta
from statistics import median, quantiles

from django.db.models import QuerySet

from exports.models import Export
from exports.services.pace import Expectation

ENOUGH = 5
LOOKED_AT = 40
COMPARABLE = 2.0  # ranges up to twice as long or half as long
FEW = 0.2


def _comparable(export: Export) -> QuerySet[Export]:
    return (
        Export.objects.filter(workspace=export.workspace_id, data_type=export.data_type, ready_at__isnull=False)
        .exclude(pk=export.pk)
        .order_by("-ready_at")
    )


def _length(start: datetime, end: datetime) -> float:
    return max((end - start).total_seconds(), 60.0)


def _is_comparable(length: float, other: float) -> bool:
    return length / COMPARABLE <= other <= length * COMPARABLE


def expected_work(export: Export) -> Expectation | None:
    """Return how long upstream worked on comparable exports, or None with fewer than `ENOUGH` of them."""
    length = _length(export.range_from, export.range_to)
    rows = _comparable(export).filter(upstream_work_seconds__isnull=False)
    worked = [
        seconds
        for seconds, start, end in rows.values_list("upstream_work_seconds", "range_from", "range_to")[:LOOKED_AT]
        if seconds is not None and _is_comparable(length, _length(start, end))
    ]
    return expectation_of(worked)


def expectation_of(worked: list[float]) -> Expectation | None:
    """Return the spread of the given durations (seconds), or None with fewer than `ENOUGH` of them."""
    if len(worked) < ENOUGH:
        return None
    tenths = quantiles(worked, n=10, method="inclusive")
    return Expectation(early=tenths[0], usual=median(worked), late=tenths[8], samples=len(worked))


def expected_total(export: Export) -> tuple[timedelta, int] | None:
    """Return the usual time from first question to stored file, and the sample size; None when unknown."""
    length = _length(export.range_from, export.range_to)
    rows = _comparable(export).filter(submitted_at__isnull=False)
    totals = [
        (ready - submitted).total_seconds()
        for ready, submitted, start, end in rows.values_list("ready_at", "submitted_at", "range_from", "range_to")[
            :LOOKED_AT
        ]
        if ready is not None and submitted is not None and _is_comparable(length, _length(start, end))
    ]
    if len(totals) < ENOUGH:
        return None
    return timedelta(seconds=median(totals)), len(totals)


def has_few_rows(export: Export, rows: int) -> bool:
    """Tell whether ``rows`` is far below comparable exports: rows left out upstream leave no other sign."""
    length = _length(export.range_from, export.range_to)
    others = [
        count / _length(start, end)
        for count, start, end in _comparable(export).values_list("rows", "range_from", "range_to")[:LOOKED_AT]
        if count is not None and _is_comparable(length, _length(start, end))
    ]
    return len(others) >= ENOUGH and rows / length < FEW * median(others)
