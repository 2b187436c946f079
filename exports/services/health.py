"""Signs of life of workers and clock, and what their absence means for people."""

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
    """Whether work goes on. ``problems`` are (code, sentence for people)."""

    problems: list[tuple[str, str]]
    silent_since: datetime | None = None

    @property
    def ok(self) -> bool:
        """True when clock and workers are alive."""
        return not self.problems

    @property
    def has_workers(self) -> bool:
        """True when somebody does the exports."""
        return all(code != "no_worker" for code, _sentence in self.problems)


def beat(name: str, *, queues: str, at: datetime) -> None:
    """Leave a sign of life."""
    Heartbeat.objects.update_or_create(name=name, defaults={"queues": queues, "at": at})


def forget(name: str) -> None:
    """Take a sign of life away: the worker ended in good order."""
    Heartbeat.objects.filter(name=name).delete()


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
    last_worker: datetime | None = None
    last_tick: datetime | None = None
    for sign in beats:
        if sign.name == Heartbeat.TICK:
            last_tick = sign.at
            continue
        seen = min(sign.at, now)
        last_worker = max(last_worker or seen, seen)
        if abs(now - sign.at) <= SILENT:  # one from the future was left before the clock was set back
            served.update(sign.queues.split(","))
    missing = {queue.value for queue in Queue} - served
    if missing:
        problems.append(
            (
                "no_worker",
                _("No worker is running. Exports stay queued, and go on by themselves as soon as one starts."),
            )
        )
    if "convert" not in served and not missing:
        problems.append(
            ("no_convert_worker", _("No worker makes other formats right now. Original files are not affected."))
        )
    patience = max(SILENT, timedelta(seconds=3 * settings.EXPORT_TICK_SECONDS + 15))
    if last_tick is None or abs(now - last_tick) > patience:
        problems.append(
            ("no_beat", _("The clock (beat) is not running. Waiting exports may be looked at late until it starts."))
        )
    return Health(problems, silent_since=last_worker if missing else None)
