"""The last seven days in numbers, and what is kept: for a person's own workspaces, in a constant number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, F, IntegerField, Q, Sum, Value, When

from exports.models import DerivedFile, Export, Limits, Status, User, Whom, Workspace
from exports.services.key_texts import key_text
from exports.services.spread import lying_in, seen_by

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


def week_of(user: User, midnights: Sequence[datetime], *, is_spread: bool = False) -> list[Day]:
    """Return the numbers of each day (one query).

    Args:
        is_spread: the person sees many workspaces (services/spread.py).
        midnights: the starts of the days, in order, and the end of the last.
    """
    when = [When(created_at__lt=end, then=Value(place)) for place, end in enumerate(midnights[1:])]
    timed = Q(running_since__isnull=False, upstream_wait_seconds__isnull=False, upstream_work_seconds__isnull=False)
    rows = (
        seen_by(user, Export.objects.all(), is_spread=is_spread)
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


def kept_by(user: User, *, is_spread: bool = False) -> list[Kept]:
    """Return what is kept, the fullest workspaces first: by share of their limit, then by bytes (three queries).

    Args:
        is_spread: the person sees many workspaces (services/spread.py).
    """
    visible = Workspace.objects.visible_to(user).order_by()
    ready = seen_by(user, Export.objects.filter(status=Status.READY), is_spread=is_spread).order_by()
    made = DerivedFile.objects.filter(state=DerivedFile.State.READY, export__status=Status.READY)
    places = visible.values("pk")
    if is_spread:
        made = lying_in(made, places, by="export__workspace_id")
    else:
        made = made.filter(export__workspace__in=places)
    originals = ready.values_list(key_text("workspace")).annotate(Sum("bytes"))
    formats = made.order_by().values_list(key_text("export__workspace")).annotate(Sum("bytes"))
    bytes_of: dict[str, int] = {}
    for key, total in originals.union(formats, all=True):
        bytes_of[key] = bytes_of.get(key, 0) + (total or 0)
    limits = Limits.objects.filter(whom=Whom.TOGETHER, bytes_kept__isnull=False, workspace__in=places).order_by()
    most: dict[str, int] = dict(limits.values_list(key_text("workspace"), "bytes_kept"))
    fullest = sorted(
        {*bytes_of, *most},
        key=lambda key: (-(bytes_of.get(key, 0) / most[key]) if key in most else 0.0, -bytes_of.get(key, 0)),
    )[:PLACES]
    names: dict[str, str] = dict(
        Workspace.objects.filter(pk__in=fullest).order_by().values_list(key_text("pk"), "name")
    )
    return [Kept(names[key], bytes_of.get(key, 0), most.get(key)) for key in fullest if key in names]
