"""How long making a format takes: by its own progress, or by what was made here before."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils import timezone

from exports.models import DerivedFile

SAMPLE = 100
LEAST_SECONDS = 1.0


@dataclass(frozen=True)
class Made:
    """A format that was made: how many rows, in how many seconds."""

    rows: int
    seconds: float


def largest_made() -> dict[str, Made]:
    """Return, by format, the largest file among those made last (one query).

    Small files tell little: most of their time goes into starting the process.
    """
    rows = (
        DerivedFile.objects.filter(state=DerivedFile.State.READY, started_at__isnull=False, done_rows__gt=0)
        .order_by("-pk")
        .values_list("format", "done_rows", "started_at", "made_at")[:SAMPLE]
    )
    largest: dict[str, Made] = {}
    for name, done, started_at, made_at in rows:
        assert started_at is not None
        assert made_at is not None
        if name not in largest or done > largest[name].rows:
            largest[name] = Made(done, (made_at - started_at).total_seconds())
    return largest


def seconds_left(row: DerivedFile, rows: int | None, past: Mapping[str, Made]) -> int | None:
    """Return about how many seconds a format of so many rows still takes; None while nothing is known.

    Args:
        past: from `largest_made`.
    """
    if row.state != DerivedFile.State.WANTED or rows is None:
        return None
    spent = (timezone.now() - row.started_at).total_seconds() if row.started_at and row.leased_until else 0.0
    if row.done_rows and spent > 0:
        whole = spent * rows / row.done_rows
    elif row.format in past:
        whole = max(past[row.format].seconds * rows / past[row.format].rows, LEAST_SECONDS)
    else:
        return None
    return max(round(whole - spent), 1)
