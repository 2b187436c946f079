"""When the exports of a workspace are looked at next: reads its lane, lets `plan` decide, writes the due times."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, CharField, DateTimeField, Field, Value, When
from django.utils import timezone

from exports.models import Export, Queue, Status, Workspace
from exports.services import history, pace, plan
from exports.services.past import Asking, Past, length_of
from exports.services.rhythm import Begun, Rhythm, learn_rhythm

# These two wait for upstream alone; whatever else a row waits for, its due time is not ours to change.
FOR_UPSTREAM = ("upstream_pending", "upstream_running")
# Their file was there already and was no good, or had no place: nothing to learn about the others.
MADE_ALREADY = ("retry", "storage_full", "storage_unreachable", "handed_back")
# Estimates that differ by less are the same to people.
ALIKE = timedelta(seconds=30)

_COLUMNS = (
    "pk",
    "status",
    "data_type",
    "range_from",
    "range_to",
    "submitted_at",
    "looked_at",
    "due_at",
    "leased_until",
    "waiting_code",
    "running_since",
    "upstream_wait_seconds",
    "upstream_created_at",
    "upstream_started_at",
    "estimated_ready_at",
    "estimate_basis",
)


@dataclass(frozen=True)
class Reading:
    """A workspace's lane as its rows tell, with what its past tells of such exports."""

    workspace_id: UUID
    lane: plan.Lane
    past: Past
    rows: dict[UUID, Any]  # those that wait for upstream alone and that nobody holds

    @property
    def rhythm(self) -> Rhythm:
        """Upstream's own time, as learned so far."""
        return self.lane.rhythm

    def with_sight(self, export: Export, *, looked_at: datetime, started_at: datetime | None) -> "Reading":
        """Return the lane with an export as it was just seen."""
        assert export.submitted_at is not None
        sight = plan.sight_of(
            export.pk,
            asked_at=export.submitted_at.timestamp(),
            looked_at=looked_at.timestamp(),
            started_at=started_at.timestamp() if started_at else None,
            asking=history.asking_of(export),
            before=self.past,
        )
        others = [other for other in self.lane.sights if other.key != export.pk]
        return replace(self, lane=replace(self.lane, sights=[*others, sight]))

    def next_looks(self, now: datetime) -> dict[UUID, datetime]:
        """Return when each export is due for its next look."""
        speed = pace.configured_pace()
        return {
            key: _moment(plan.due_at(look, now.timestamp(), speed))
            for key, look in plan.next_looks(self.lane, now.timestamp(), speed).items()
        }

    def is_spared(self, key: UUID, now: datetime) -> bool:
        """Tell whether another export's next look will tell of this one, too."""
        return plan.next_looks(self.lane, now.timestamp(), pace.configured_pace()).get(key) == plan.NEVER

    def estimate(self, key: UUID, now: datetime) -> dict[str, Any]:
        """Return the columns that tell people when the file is expected, and what that rests on."""
        found = plan.estimate(self.lane, key, now.timestamp())
        if found is None:
            return {"estimated_ready_at": None, "estimate_basis": ""}
        if found.ready_at is None:
            return {"estimated_ready_at": None, "estimate_basis": "longer_than_usual"}
        return {"estimated_ready_at": _moment(found.ready_at), "estimate_basis": f"history:{found.samples}"}


def read_lane(workspace: Workspace, *, also: Iterable[str] = ()) -> Reading:
    """Read what lies upstream for a workspace.

    Args:
        workspace: as it stands now; who left the lane last is read from it.
        also: types of data whose past is wanted besides those that lie upstream.
    """
    rows = list(
        Export.objects.filter(
            workspace=workspace.pk,
            status__in=(Status.WAITING, Status.PREPARING),
            due_at__isnull=False,
            looked_at__isnull=False,
            submitted_at__isnull=False,
        )
        .exclude(waiting_code__in=MADE_ALREADY)
        .order_by()
        .values_list(*_COLUMNS, named=True)
    )
    past = history.read_past(workspace.pk, {row.data_type for row in rows} | set(also))
    begun = [
        Begun(
            asked_at=row.submitted_at.timestamp(),
            created_at=row.upstream_created_at.timestamp() if row.upstream_created_at else None,
            started_at=row.upstream_started_at.timestamp() if row.upstream_started_at else None,
            busy_from=math.inf if (started := _started_at(row)) is None else started,
            busy_to=None,
        )
        for row in rows
    ]
    sights = [
        plan.sight_of(
            row.pk,
            asked_at=row.submitted_at.timestamp(),
            looked_at=row.looked_at.timestamp(),
            started_at=_started_at(row),
            asking=Asking(row.data_type, length_of(row.range_from, row.range_to)),
            before=past,
        )
        for row in rows
    ]
    left = Workspace.objects.filter(pk=workspace.pk).values_list("lane_left_after", "lane_left_by").first()
    departure = None
    if left is not None and left[0] is not None and left[1] is not None:
        departure = plan.Departure(after=left[0].timestamp(), by=left[1].timestamp())
    return Reading(
        workspace_id=workspace.pk,
        lane=plan.Lane(sights, departure, learn_rhythm(past.begun + begun)),
        past=past,
        rows={row.pk: row for row in rows if row.leased_until is None and row.waiting_code in FOR_UPSTREAM},
    )


def _started_at(row: Any) -> float | None:
    if row.status != Status.PREPARING:
        return None
    if row.upstream_wait_seconds is not None:
        return float(row.submitted_at.timestamp() + row.upstream_wait_seconds)
    return float((row.running_since or row.looked_at).timestamp())


def rearrange(reading: Reading, now: datetime, *, but: UUID | None = None) -> None:
    """Bring the lane in line with the plan: earlier looks where it wants them, and what people are told to expect.

    Rows that are due already stay so: their step finds out that they are spared.

    Args:
        but: the row whose own step this is.
    """
    slack = timedelta(seconds=pace.configured_pace().first / 10)
    looks = reading.next_looks(now)
    changes = {}
    for key, row in reading.rows.items():
        told = reading.estimate(key, now)
        due = min(looks[key], row.due_at) if looks[key] < row.due_at - slack else row.due_at
        if key != but and (due != row.due_at or not _is_told(row, told)):
            changes[key] = {"due_at": due, **told}
    _write(reading.workspace_id, changes)


def put_off(reading: Reading, now: datetime, *, but: UUID | None = None) -> None:
    """Move rows ahead that are due although another's look will tell: one UPDATE instead of a step for each."""
    looks = reading.next_looks(now)
    soon = now + timedelta(seconds=pace.configured_pace().first)
    changes = {
        key: {"due_at": looks[key], **reading.estimate(key, now)}
        for key, row in reading.rows.items()
        if key != but and row.due_at <= soon and looks[key] > max(row.due_at, now)
    }
    _write(reading.workspace_id, changes)


def _is_told(row: Any, told: dict[str, Any]) -> bool:
    before, after = row.estimated_ready_at, told["estimated_ready_at"]
    if before is None or after is None:
        return before is after and row.estimate_basis == told["estimate_basis"]
    return abs(after - before) < ALIKE and row.estimate_basis == told["estimate_basis"]


def _write(workspace_id: UUID, changes: dict[UUID, dict[str, Any]]) -> None:
    """Write rows of a lane in one UPDATE; a row that somebody has claimed meanwhile is his."""
    if not changes:
        return

    def column(name: str, field: Field) -> Case | None:
        if all(values[name] is None for values in changes.values()):
            return None  # PostgreSQL takes a CASE of nothing but NULL for a text
        return Case(*(When(pk=key, then=Value(values[name], field)) for key, values in changes.items()))

    Export.objects.filter(
        workspace=workspace_id, pk__in=changes, leased_until__isnull=True, waiting_code__in=FOR_UPSTREAM
    ).update_in_order(
        due_at=column("due_at", DateTimeField()),
        estimated_ready_at=column("estimated_ready_at", DateTimeField()),
        waiting_until=column("estimated_ready_at", DateTimeField()),
        estimate_basis=column("estimate_basis", CharField()),
        rung_at=None,
        queue=Queue.TRANSFER,  # any of them may be the file by the time it is asked
    )


def note_departure(export: Export, seen_at: datetime) -> None:
    """Remember that an export has left upstream's hands, and what that tells of the others.

    Args:
        export: as it stood before: its last look, its start.
        seen_at: when it was seen to have left.
    """
    if export.looked_at is None or export.waiting_code in MADE_ALREADY:
        return
    Workspace.objects.filter(pk=export.workspace_id).update(lane_left_after=export.looked_at, lane_left_by=seen_at)
    if export.running_since is None or export.submitted_at is None or export.upstream_wait_seconds is None:
        return
    started = export.submitted_at.timestamp() + export.upstream_wait_seconds
    speed = pace.configured_pace()
    carried = [
        sight.key
        for sight in read_lane(export.workspace).lane.sights
        if sight.started_at is None
        and sight.looked_at < export.looked_at.timestamp()
        and plan.is_carried(sight, started, speed)
    ]
    # While it was being made no other was: that is as good as a look at each of them.
    Export.objects.filter(
        pk__in=carried, status=Status.WAITING, looked_at__lt=export.looked_at, leased_until__isnull=True
    ).update_in_order(looked_at=export.looked_at)


def started_at(export: Export, reading: Reading, started: datetime | None, now: datetime) -> datetime:
    """Return when upstream began an export that is RUNNING, on our clock.

    Args:
        started: as upstream says, on its own clock.
    """
    assert export.submitted_at is not None
    if export.running_since is not None and export.upstream_wait_seconds is not None:
        return export.submitted_at + timedelta(seconds=export.upstream_wait_seconds)
    earliest = export.looked_at or export.submitted_at
    return _moment(
        reading.rhythm.on_our_clock(
            started.timestamp() if started else None, earliest=earliest.timestamp(), latest=now.timestamp()
        )
    )


def after_departure(export: Export) -> None:
    """One has left: have the others asked, as the plan says."""
    rearrange(read_lane(export.workspace), timezone.now())


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
