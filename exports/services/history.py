"""What earlier exports of a workspace tell about the next: reads them from the table for `exports.services.past`."""

from collections.abc import Iterable
from datetime import datetime
from statistics import median
from uuid import UUID

from django.db.models import QuerySet

from exports.models import Export
from exports.services.past import ENOUGH, Asking, Done, Past, Sample, Usual, length_of
from exports.services.rhythm import Begun

LOOKED_AT = 40
FEW = 0.2


def asking_of(export: Export) -> Asking:
    """Return what makes other exports comparable to this one."""
    return Asking(export.data_type, length_of(export.range_from, export.range_to))


def read_past(workspace_id: UUID, data_types: Iterable[str], *, but: UUID | None = None) -> Past:
    """Return the latest stored exports of these types (one short query for each)."""
    done: list[Done] = []
    for data_type in sorted(set(data_types)):
        rows = _stored(workspace_id, data_type).exclude(pk=but) if but else _stored(workspace_id, data_type)
        done += [_done(*row) for row in rows.values_list(*_COLUMNS)[:LOOKED_AT]]
    return Past(done)


_COLUMNS = (
    "data_type",
    "range_from",
    "range_to",
    "rows",
    "submitted_at",
    "looked_at",
    "ready_at",
    "upstream_wait_seconds",
    "upstream_work_seconds",
    "upstream_created_at",
    "upstream_started_at",
)


def _stored(workspace_id: UUID, data_type: str) -> QuerySet[Export]:
    return Export.objects.filter(workspace=workspace_id, data_type=data_type, ready_at__isnull=False).order_by(
        "-ready_at"
    )


def _done(
    data_type: str,
    start: datetime,
    end: datetime,
    rows: int | None,
    submitted: datetime | None,
    looked: datetime | None,
    ready: datetime,
    waited: float | None,
    worked: float | None,
    created: datetime | None,
    started: datetime | None,
) -> Done:
    work = begun = None
    if submitted is not None and worked is not None and waited is not None and looked is not None:
        # Seen not ready at the last look: so long it took at least.
        least = (looked - submitted).total_seconds() - waited
        work = Sample(least=min(max(least, 0.0), worked), most=worked)
        begun = Begun(
            asked_at=submitted.timestamp(),
            created_at=created.timestamp() if created else None,
            started_at=started.timestamp() if started else None,
            busy_from=submitted.timestamp() + waited,
            busy_to=submitted.timestamp() + waited + worked,
        )
    total = (ready - submitted).total_seconds() if submitted else None
    return Done(data_type, length_of(start, end), rows, total, work, begun)


def usual_total(export: Export) -> Usual | None:
    """Return what such exports took from first question to stored file; None when too little is known."""
    return read_past(export.workspace_id, [export.data_type], but=export.pk).usual_total(asking_of(export))


def has_few_rows(export: Export, rows: int) -> bool:
    """Tell whether ``rows`` is far below comparable exports: rows left out upstream leave no other sign."""
    asking = asking_of(export)
    past = read_past(export.workspace_id, [export.data_type], but=export.pk)
    others = [item.rows / item.length for item in past.like(asking) if item.rows is not None]
    return len(others) >= ENOUGH and rows / asking.length < FEW * median(others)
