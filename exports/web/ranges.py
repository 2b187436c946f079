"""From what people say ("last month", two days, two times) to the window that is sent.

Both ends are included and differ by milliseconds from their neighbours (analytics-cloud-api.md §1): a day is
00:00:00.000 to 23:59:59.999 in the workspace's zone, whether it has 23, 24 or 25 hours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.analytics_cloud.dates import YEARS
from exports.web import times

MILLISECOND = timedelta(milliseconds=1)
ONE = timedelta(days=1)
# analytics-cloud-api.md §3: refused upstream when now - fromDate exceeds it.
UPSTREAM_RETENTION = timedelta(days=13 * 30)


class RangeKind(models.TextChoices):
    """The ways to say which days are wanted."""

    YESTERDAY = "yesterday", gettext_lazy("Yesterday")
    LAST_7 = "last-7", gettext_lazy("Last 7 days")
    LAST_28 = "last-28", gettext_lazy("Last 28 days")
    LAST_90 = "last-90", gettext_lazy("Last 90 days")
    LAST_WEEK = "last-week", gettext_lazy("Last week")
    LAST_MONTH = "last-month", gettext_lazy("Last month")
    THIS_MONTH = "this-month", gettext_lazy("This month so far")
    YEAR_TO_DATE = "year-to-date", gettext_lazy("Year to date")
    DAYS = "days", gettext_lazy("Choose days")
    EXACT = "exact", gettext_lazy("Exact times")


@dataclass(frozen=True)
class Window:
    """A window with both ends included, in UTC."""

    start: datetime
    end: datetime

    @property
    def span(self) -> timedelta:
        """Its length: the last millisecond counts."""
        return self.end - self.start + MILLISECOND


class RangeRefused(Exception):
    """A range that can't be; ``field`` is the input, the text a sentence for people."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(field)
        self.field = field
        self.message = message


def start_of(day: date, zone: tzinfo) -> datetime:
    """Return the first instant of a local day, in UTC.

    Where clocks skip midnight the day starts at the jump; where midnight comes twice, at the first one.
    """
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def days_window(first: date, last: date, zone: tzinfo) -> Window:
    """Return the window of whole local days, both included.

    Raises:
        RangeRefused: the last day is before the first, or is no day in that zone.
    """
    if last < first:
        raise RangeRefused("last_day", _("The last day is before the first."))
    try:
        window = _near(Window(start_of(first, zone), start_of(last + ONE, zone) - MILLISECOND))
    except OverflowError:
        raise RangeRefused("last_day", _("That day is too far away.")) from None
    if window.end < window.start:
        raise RangeRefused("last_day", _("That day doesn’t exist in the workspace’s time zone."))
    return window


def exact_window(start: datetime, end: datetime, zone: tzinfo) -> Window:
    """Return the window between two times, both included, cut to milliseconds.

    A time that names its own offset means that; any other is wall-clock time of ``zone``. Where one comes twice
    (clocks set back), the start means the first and the end the second: nothing is lost.

    Raises:
        RangeRefused: the end is before the start.
    """
    try:
        first = _cut(start if start.tzinfo else start.replace(tzinfo=zone, fold=0)).astimezone(UTC)
        last = _cut(end if end.tzinfo else end.replace(tzinfo=zone, fold=1)).astimezone(UTC)
        window = _near(Window(first, last))
    except OverflowError:
        raise RangeRefused("exact_to", _("That time is too far away.")) from None
    if window.end < window.start:
        raise RangeRefused("exact_to", _("The end is before the beginning."))
    return window


def _near(window: Window) -> Window:
    """Return a window whose ends every time zone can show: others would break each page that names them.

    Raises:
        OverflowError: an end lies outside `YEARS`.
    """
    if window.start.year not in YEARS or window.end.year not in YEARS:
        raise OverflowError
    return window


def preset_window(kind: str, zone: tzinfo, now: datetime) -> Window:
    """Return the window that a preset means at ``now``.

    "So far" and "to date" end with the last full hour: the window stays the same for an hour, so that people
    who ask together share one export.

    Raises:
        RangeRefused: not one full hour of the period has passed yet.
    """
    today = timezone.localtime(now, zone).date()
    if kind in OPEN_PRESETS:
        start = start_of(OPEN_PRESETS[kind](today), zone)
        hour = timezone.localtime(now, zone).replace(minute=0, second=0, microsecond=0)
        end = hour.astimezone(UTC) - MILLISECOND
        if end < start:
            raise RangeRefused("range", _("This period has just begun: no full hour of it is over yet."))
        return Window(start, end)
    first, last = CLOSED_PRESETS[kind](today)
    return days_window(first, last, zone)


def _last_days(count: int) -> Callable[[date], tuple[date, date]]:
    return lambda today: (today - count * ONE, today - ONE)


def _last_week(today: date) -> tuple[date, date]:
    monday = today - today.weekday() * ONE
    return monday - 7 * ONE, monday - ONE


def _last_month(today: date) -> tuple[date, date]:
    last = today.replace(day=1) - ONE
    return last.replace(day=1), last


CLOSED_PRESETS: dict[str, Callable[[date], tuple[date, date]]] = {
    RangeKind.YESTERDAY: _last_days(1),
    RangeKind.LAST_7: _last_days(7),
    RangeKind.LAST_28: _last_days(28),
    RangeKind.LAST_90: _last_days(90),
    RangeKind.LAST_WEEK: _last_week,
    RangeKind.LAST_MONTH: _last_month,
}
OPEN_PRESETS: dict[str, Callable[[date], date]] = {
    RangeKind.THIS_MONTH: lambda today: today.replace(day=1),
    RangeKind.YEAR_TO_DATE: lambda today: today.replace(month=1, day=1),
}


def is_outside_retention(start: datetime, now: datetime) -> bool:
    """Tell whether Analytics Cloud, with its usual 13 × 30 days, would refuse a window that starts so long ago."""
    return now - start > UPSTREAM_RETENTION


def clock_change_note(window: Window, zone: tzinfo) -> str:
    """Return a sentence when the clocks change inside the window, else an empty text."""
    before = timezone.localtime(window.start, zone).utcoffset()
    after = timezone.localtime(window.end, zone).utcoffset()
    changes = _changes(window, zone)
    if not changes:
        return ""
    if len(changes) == 1:
        day, hours = changes[0]
        return _("The clocks change on %(day)s: that day has %(hours)s hours, and all of them are included.") % {
            "day": times.day(day),
            "hours": f"{hours:g}",
        }
    if before == after:
        return _("The clocks change twice in between and end as they began; every hour is included once.")
    return _("The clocks change more than once in between; every hour is included once.")


def _changes(window: Window, zone: tzinfo) -> list[tuple[datetime, float]]:
    """Return the local days in the window that have not 24 hours, with their length; at most three are looked for."""
    found: list[tuple[datetime, float]] = []
    day = timezone.localtime(window.start, zone).date()
    last = timezone.localtime(window.end, zone).date()
    while day <= last and len(found) < 3:
        # A month without a change is skipped whole: a window may span many years.
        leap = min(last + ONE, day + 28 * ONE)
        if start_of(leap, zone) - start_of(day, zone) == leap - day:
            day = leap
            continue
        begins, ends = start_of(day, zone), start_of(day + ONE, zone)
        if ends - begins != ONE:
            found.append((timezone.localtime(begins, zone), (ends - begins) / timedelta(hours=1)))
        day += ONE
    return found


def shifted_by_one_period(window: Window, zone: tzinfo) -> Window:
    """Return the window that follows: the next month after a whole month, else the same span right after it."""
    first, last = (timezone.localtime(at, zone) for at in (window.start, window.end))
    if not times.covers_whole_days(window.start, window.end, zone):
        return Window(window.end + MILLISECOND, window.end + window.span)
    begin, end = first.date(), last.date()
    if begin.day == 1 and (end + ONE).day == 1:
        months = (end.year - begin.year) * 12 + end.month - begin.month + 1
        after = end + ONE
        month = after.month - 1 + months
        return days_window(after, date(after.year + month // 12, month % 12 + 1, 1) - ONE, zone)
    return days_window(end + ONE, end + (end - begin) + ONE, zone)


def wall_clock(at: datetime) -> str:
    """Return a local time as an input for exact times holds it: ``2026-10-01T00:00:00.000``."""
    return at.replace(tzinfo=None).isoformat(timespec="milliseconds")


def _cut(at: datetime) -> datetime:
    return at.replace(microsecond=at.microsecond // 1000 * 1000)
