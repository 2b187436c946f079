"""The last seven days in numbers, and what is kept: for a person's own workspaces, in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, F, IntegerField, Q, Sum, Value, When

from exports.models import DerivedFile, Export, Limits, Status, User, Whom, Workspace

PLACES = 6


@dataclass(frozen=True)
class Day:
    """What was asked for on one day, and what came of it.

    ``seconds`` is the time at Analytics Cloud of those ``timed`` exports that were seen being made.
    """

    starts_at: datetime
    exports: int
    rows: int
    seconds: float
    timed: int


@dataclass(frozen=True)
class Kept:
    """Bytes of files that lie in the store for a workspace, made formats included; ``most`` is its limit."""

    workspace: str
    bytes: int
    most: int | None


def week_of(user: User, midnights: Sequence[datetime]) -> list[Day]:
    """Return the numbers of each day (one query).

    Args:
        midnights: the starts of the days, in order, and the end of the last.
    """
    when = [When(created_at__lt=end, then=Value(place)) for place, end in enumerate(midnights[1:])]
    timed = Q(running_since__isnull=False, upstream_wait_seconds__isnull=False, upstream_work_seconds__isnull=False)
    rows = (
        Export.objects.visible_to(user)
        .filter(created_at__gte=midnights[0], created_at__lt=midnights[-1])
        .annotate(day=Case(*when, output_field=IntegerField()))
        .order_by()
        .values("day")
        .annotate(
            made=Count("pk"),
            sum_rows=Sum("rows"),
            seconds=Sum(F("upstream_wait_seconds") + F("upstream_work_seconds"), filter=timed),
            timed=Count("pk", filter=timed),
        )
    )
    days = [Day(start, 0, 0, 0.0, 0) for start in midnights[:-1]]
    for row in rows:
        start = days[row["day"]].starts_at
        days[row["day"]] = Day(start, row["made"], row["sum_rows"] or 0, row["seconds"] or 0.0, row["timed"])
    return days


def kept_by(user: User) -> list[Kept]:
    """Return what is kept, the fullest workspaces first: by share of their limit, then by bytes (four queries)."""
    ready = Export.objects.visible_to(user).filter(status=Status.READY).order_by()
    bytes_of: dict[Any, int] = {
        row["workspace"]: row["sum"] or 0 for row in ready.values("workspace").annotate(sum=Sum("bytes"))
    }
    made = DerivedFile.objects.filter(state=DerivedFile.State.READY, export__in=ready.values("pk"))
    for row in made.values("export__workspace").annotate(sum=Sum("bytes")).order_by():
        bytes_of[row["export__workspace"]] += row["sum"] or 0
    visible = Workspace.objects.visible_to(user).order_by()
    most: dict[Any, int] = dict(
        Limits.objects.filter(whom=Whom.TOGETHER, bytes_kept__isnull=False, workspace__in=visible.values("pk"))
        .order_by()
        .values_list("workspace", "bytes_kept")  # type: ignore[arg-type] # the query leaves out what is null
    )
    fullest = sorted(
        {*bytes_of, *most},
        key=lambda key: (-(bytes_of.get(key, 0) / most[key]) if key in most else 0.0, -bytes_of.get(key, 0)),
    )[:PLACES]
    names = dict(Workspace.objects.filter(pk__in=fullest).order_by().values_list("pk", "name"))
    return [Kept(names[key], bytes_of.get(key, 0), most.get(key)) for key in fullest if key in names]
