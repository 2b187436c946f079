"""The last seven days in small charts: every value ready, so that templates only place it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

from django.utils import dateformat, timezone
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from exports.models import User
from exports.services.week import Day, Kept, kept_by, week_of
from exports.templatetags.portal import count, duration, size
from exports.web import times
from exports.web.charts import Bar, columns

DAYS = 7


@dataclass(frozen=True)
class Week:
    """One number a day: bars, and the same in words for a table. No bars when there is nothing to draw."""

    title: str
    heading: str
    total: str
    bars: tuple[Bar, ...]
    days: tuple[tuple[str, str], ...]
    said: str


@dataclass(frozen=True)
class KeptBar:
    """What is kept for a workspace. ``share`` is in percent of its limit, or of the largest one without a limit."""

    workspace: str
    shown: str
    most: str
    share: str
    is_full: bool


def midnights() -> list[datetime]:
    """Return the starts of the last seven days in the person's zone, today's last, and the end of today."""
    zone = timezone.get_current_timezone()
    today = timezone.localdate()
    return [datetime.combine(today + timedelta(days=place), time(), tzinfo=zone) for place in range(1 - DAYS, 2)]


def weeks_of(user: User, *, is_spread: bool) -> list[Week]:
    """Return the charts of the week (one query)."""
    days = week_of(user, midnights(), is_spread=is_spread)
    timed = sum(day.timed for day in days)
    usual = sum(day.seconds for day in days) / timed if timed else None
    return [
        _week(_("Exports asked for"), _("Exports"), days, lambda day: day.exports, count),
        _week(_("Rows"), _("Rows"), days, lambda day: day.rows, count),
        _week(
            _("Average time at Analytics Cloud"),
            _("Time"),
            days,
            lambda day: round(day.seconds / day.timed) if day.timed else 0,
            lambda seconds: duration(seconds) if seconds else _("none"),
            total="" if usual is None else duration(round(usual)),
        ),
    ]


def _week(
    title: str,
    heading: str,
    days: Sequence[Day],
    number: Callable[[Day], int],
    shown: Callable[[int], str],
    total: str | None = None,
) -> Week:
    labels = [_label(day.starts_at) for day in days]
    numbers = [number(day) for day in days]
    chart = columns(title, "day", list(zip(labels, numbers, strict=True)))
    total = shown(sum(numbers)) if total is None else total
    said = _("%(title)s in the last seven days: none.") % {"title": title}
    if chart is not None:
        said = _("%(title)s in the last seven days: %(total)s; the most, %(number)s, on %(day)s.") % {
            "title": title,
            "total": total,
            "number": shown(chart.peak.number),
            "day": chart.peak.label,
        }
    table = tuple((label, shown(value)) for label, value in zip(labels, numbers, strict=True))
    return Week(title, heading, total, chart.bars if chart else (), table, said)


def _label(at: datetime) -> str:
    return dateformat.format(at, pgettext("date format: weekday and day", "D j M"))


def kept_bars(user: User, *, is_spread: bool) -> list[KeptBar]:
    """Return what is kept against the limits (three queries)."""
    kept = kept_by(user, is_spread=is_spread)
    largest = max((one.bytes for one in kept if one.most is None), default=0)
    return [_kept_bar(one, largest) for one in kept]


def _kept_bar(one: Kept, largest: int) -> KeptBar:
    whole = one.most if one.most is not None else largest
    share = min(100 * one.bytes / whole, 100.0) if whole else 0.0
    is_full = one.most is not None and one.bytes >= one.most
    return KeptBar(one.workspace, size(one.bytes), "" if one.most is None else size(one.most), f"{share:.2f}", is_full)


def span() -> str:
    """Return the seven days in words."""
    first, *_between, end = midnights()
    return times.window(first, end - times.MILLISECOND, timezone.get_current_timezone())
