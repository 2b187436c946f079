"""The queue at home: who goes next, and how much lies upstream (design.md §3).

Upstream makes one after another what it finds at each look and can't recall anything, so the lane keeps
upstream what is expected to fill some 50 minutes, at least two, at most ``EXPORT_SUBMIT_AHEAD``; the rest stays
at home in a fair order.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from exports.models import ACTIVE, ASKED, AskedWindow, Export, Status
from exports.models.export import ExportQuerySet
from exports.services import doorbell, history, pace
from exports.services.past import Asking

FILL_SECONDS = 50 * 60.0
AT_LEAST = 2
RUNG_AT_ONCE = 10
AUDIT_LIMIT = timedelta(minutes=15)  # no active row may be due later than this


class Queued(NamedTuple):
    """What the fair order needs to know of a queued export."""

    pk: UUID
    workspace_id: UUID
    person_id: UUID
    created_at: datetime
    bumped_at: datetime | None


def fair_order(queued: Iterable[Queued], upstream_of: Counter[UUID]) -> list[Queued]:
    """Return the queued exports of one workspace in the order in which they will be asked.

    Bumped ones first; then round robin between people (what a person has upstream counts as turns had),
    within a turn by age.
    """
    turns = Counter(upstream_of)
    keyed: list[tuple[tuple[int, datetime | int, datetime, UUID], Queued]] = []
    for item in sorted(queued, key=lambda item: (item.created_at, item.pk)):
        if item.bumped_at is not None:
            keyed.append(((0, item.bumped_at, item.created_at, item.pk), item))
        else:
            turns[item.person_id] += 1
            keyed.append(((1, turns[item.person_id], item.created_at, item.pk), item))
    return [item for _key, item in sorted(keyed, key=lambda pair: pair[0])]


def home_orders(workspace_ids: Iterable[UUID]) -> dict[UUID, list[Queued]]:
    """Return each workspace's queued exports in fair order (one query)."""
    queued, upstream = _at_home(list(workspace_ids))
    return {pk: fair_order(items, upstream[pk]) for pk, items in queued.items()}


def next_places(workspace_id: UUID, person_id: UUID, count: int, now: datetime) -> list[int]:
    """Return the places (from 1) that a person's next ``count`` exports would take in the queue (one query)."""
    queued, upstream = _at_home([workspace_id])
    wanted = [Queued(uuid4(), workspace_id, person_id, now + timedelta(microseconds=n), None) for n in range(count)]
    order = fair_order([*queued[workspace_id], *wanted], upstream[workspace_id])
    return [place for place, item in enumerate(order, start=1) if item in wanted]


def _at_home(ids: list[UUID]) -> tuple[dict[UUID, list[Queued]], dict[UUID, Counter[UUID]]]:
    """Return what is queued, and how much of each person lies upstream, by workspace (one query)."""
    queued: dict[UUID, list[Queued]] = defaultdict(list)
    upstream: dict[UUID, Counter[UUID]] = defaultdict(Counter)
    rows = Export.objects.filter(workspace__in=ids, status__in=ACTIVE, due_at__isnull=False).order_by()
    columns = ("pk", "workspace_id", "requested_by_id", "created_at", "bumped_at", "status", "hold")
    for pk, workspace_id, person_id, created_at, bumped_at, status, hold in rows.values_list(*columns):
        if status != Status.QUEUED:
            upstream[workspace_id][person_id] += 1
        elif not hold:
            queued[workspace_id].append(Queued(pk, workspace_id, person_id, created_at, bumped_at))
    return queued, upstream


class Upstream(NamedTuple):
    """What the lane's load needs to know of an export that lies upstream."""

    asking: Asking
    begun_at: datetime | None


def _upstream_load(workspace_id: UUID, now: datetime) -> list[Upstream]:
    """Return what lies upstream: asked and active here, and abandoned keys while they may still be made."""
    patience = timedelta(seconds=2 * settings.EXPORT_POLL_MAX_SECONDS)
    active = list(Export.objects.filter(workspace=workspace_id, status__in=ASKED, due_at__isnull=False))
    abandoned = (
        AskedWindow.objects.filter(
            workspace=workspace_id, is_upstream=True, last_asked_at__gt=now - patience, export__isnull=False
        )
        .exclude(export__in=active)
        .exclude(export__status=Status.QUEUED)
        .select_related("export")
    )
    exports = active + [window.export for window in abandoned if window.export is not None]
    return [Upstream(history.asking_of(export), _begun_at(export)) for export in exports]


def _begun_at(export: Export) -> datetime | None:
    if export.running_since is None or export.submitted_at is None or export.upstream_wait_seconds is None:
        return None
    return export.submitted_at + timedelta(seconds=export.upstream_wait_seconds)


def allowed_now(workspace_id: UUID, now: datetime) -> set[UUID]:
    """Return which of the queued exports may be asked now."""
    order = home_orders([workspace_id]).get(workspace_id, [])
    if not order:
        return set()
    load = _upstream_load(workspace_id, now)
    # No more than these can go, whatever they take.
    next_ones = Export.objects.filter(pk__in=[item.pk for item in order[: settings.EXPORT_SUBMIT_AHEAD]])
    asking = {export.pk: history.asking_of(export) for export in next_ones}
    kinds = {item.asking.data_type for item in load} | {item.data_type for item in asking.values()}
    past = history.read_past(workspace_id, kinds)
    return fill_lane(
        load=[
            pace.seconds_left(
                past.expected_work(item.asking), (now - item.begun_at).total_seconds() if item.begun_at else None
            )
            for item in load
        ],
        queue=[item.pk for item in order if item.pk in asking],
        seconds_of=lambda pk: pace.seconds_left(past.expected_work(asking[pk]), None),
        most=settings.EXPORT_SUBMIT_AHEAD,
    )


def fill_lane(
    *,
    load: Sequence[float | None],
    queue: Iterable[UUID],
    seconds_of: Callable[[UUID], float | None],
    most: int,
) -> set[UUID]:
    """Return which of ``queue`` (in order) go upstream beside ``load``.

    Args:
        load: seconds upstream will still work (None: unknown) on each export that lies there already.
        queue: keys in fair order.
        seconds_of: usual seconds of a queued one, asked for only when it matters.
        most: never more than this many upstream.
    """
    allowed = set()
    count = len(load)
    # Unknown durations fill nothing: all up to `most` go while nothing is known (design.md §3).
    filled = sum(seconds or 0.0 for seconds in load)
    for key in queue:
        if count >= most or (count >= AT_LEAST and filled >= FILL_SECONDS):
            break
        allowed.add(key)
        count += 1
        filled += seconds_of(key) or 0.0
    return allowed


def arrange_home(workspace_id: UUID) -> None:
    """Wake the queued exports whose turn it is, and put the others off: one pass for the whole lane."""
    now = timezone.now()
    allowed = allowed_now(workspace_id, now)
    # What waits for anything but its turn (a back-off, room on the disk) goes on waiting for it.
    queued = Export.objects.filter(
        workspace=workspace_id, status=Status.QUEUED, waiting_code="turn", leased_until__isnull=True
    )
    if allowed:
        late = queued.filter(pk__in=allowed, due_at__gt=now)
        for pk in list(late.values_list("pk", flat=True)):
            if queued.filter(pk=pk).update(due_at=now, rung_at=None):
                doorbell.ring(pk, "poll")
    wait = pace.configured_pace().most
    queued.exclude(pk__in=allowed).filter(due_at__lte=now).update_in_order(
        due_at=now + timedelta(seconds=wait), rung_at=None
    )


def put_off(exports: ExportQuerySet, until: datetime, *, and_those_due_at: datetime | None = None) -> None:
    """Move all unheld active rows among ``exports`` ahead (pause, breaker), never beyond the audit's limit.

    Args:
        and_those_due_at: rows due at exactly this moment are moved as well, be it back.
    """
    capped = latest_due(until)
    moved = Q(due_at__lt=capped)
    if and_those_due_at is not None:
        moved |= Q(due_at=and_those_due_at)
    unheld = exports.filter(moved, status__in=ACTIVE, leased_until__isnull=True)
    unheld.update_in_order(due_at=capped, rung_at=None)


def latest_due(until: datetime | None) -> datetime:
    """Return ``until``, or the latest moment an active row may be due at when that is earlier or ``until`` is None."""
    limit = timezone.now() + AUDIT_LIMIT - timedelta(seconds=5)
    return limit if until is None else min(until, limit)


def wake(exports: ExportQuerySet) -> None:
    """Make every unheld active row among ``exports`` due now (resumed, unblocked) and ring for the first ones."""
    waiting = exports.filter(status__in=ACTIVE, leased_until__isnull=True)
    waiting.update_in_order(due_at=timezone.now(), rung_at=None, faults=0)
    for pk, queue in waiting.order_by("created_at").values_list("pk", "queue")[:RUNG_AT_ONCE]:
        doorbell.ring(pk, queue)
