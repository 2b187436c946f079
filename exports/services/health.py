"""Signs of life of workers and clock, and what their absence means for people."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import Heartbeat
from exports.models.export import Queue

BEAT_SECONDS = 5.0
SILENT = timedelta(seconds=30)
FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True)
class Health:
    """Whether work goes on.

    Attributes:
        problems: (code, sentence for people).
        unserved: the queues of exports that no worker serves.
        silent_since: since when, as far as known: since the first of them was left.
    """

    problems: list[tuple[str, str]]
    unserved: frozenset[str] = frozenset()
    silent_since: datetime | None = None

    @property
    def ok(self) -> bool:
        """True when clock and workers are alive."""
        return not self.problems


def beat(name: str, *, queues: str, at: datetime) -> None:
    """Leave a sign of life."""
    Heartbeat.objects.update_or_create(name=name, defaults={"queues": queues, "at": at, "has_left": False})


def leave(name: str) -> None:
    """Turn a sign of life into one of leaving: the worker ended in good order, and pages say since when it is away."""
    Heartbeat.objects.filter(name=name).update(at=timezone.now(), has_left=True)


def forget_silent() -> None:
    """Delete the signs of workers not heard of for a day."""
    Heartbeat.objects.exclude(name=Heartbeat.TICK).filter(at__lt=timezone.now() - FORGOTTEN).delete()


def state() -> Health:
    """Return the health of clock and workers (one query)."""
    try:
        beats = list(Heartbeat.objects.all())
    except DatabaseError:
        return Health([("database", _("The database does not answer."))])
    now = timezone.now()
    problems = []
    served: set[str] = set()
    last_seen: dict[str, datetime] = {}
    last_tick: datetime | None = None
    for sign in beats:
        if sign.name == Heartbeat.TICK:
            last_tick = sign.at
            continue
        queues, seen = sign.queues.split(","), min(sign.at, now)
        last_seen |= {queue: max(last_seen.get(queue, seen), seen) for queue in queues}
        if abs(now - sign.at) <= SILENT and not sign.has_left:  # one from the future: the clock was set back since
            served.update(queues)
    unserved = frozenset(queue.value for queue in Queue) - served
    if unserved:
        problems.append(("no_worker", _nobody(unserved)))
    if "convert" not in served and not unserved:
        problems.append(
            ("no_convert_worker", _("No worker makes other formats right now. Original files are not affected."))
        )
    patience = max(SILENT, timedelta(seconds=3 * settings.EXPORT_TICK_SECONDS + 15))
    if last_tick is None or abs(now - last_tick) > patience:
        problems.append(
            ("no_beat", _("The clock (beat) is not running. Waiting exports may be looked at late until it starts."))
        )
    since = min((last_seen[queue] for queue in unserved if queue in last_seen), default=None)
    return Health(problems, unserved=unserved, silent_since=since)


def _nobody(unserved: Collection[str]) -> str:
    if len(unserved) == len(Queue):
        return _("No worker is running. Exports stay queued, and go on by themselves as soon as one starts.")
    if Queue.POLL in unserved:
        return _("No worker asks Analytics Cloud. Exports go on by themselves as soon as one does.")
    return _("No worker fetches files. Exports wait for one, and go on by themselves as soon as one starts.")
