"""Times in words: localised, always with their zone, short where the eye runs down a list."""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache

from django.utils import dateformat, timezone
from django.utils.translation import get_language, ngettext, npgettext, pgettext
from django.utils.translation import gettext as _

DAY = timedelta(days=1)
MILLISECOND = timedelta(milliseconds=1)
NO_BREAK = "\N{NO-BREAK SPACE}"
KEPT = 4_000  # windows in words: a list shows the same ones at each look


def zone_name(at: datetime) -> str:
    """Return the zone's usual letters at that time (``JST``), or ``UTC+05:45`` where it has none."""
    name = at.tzname() or ""
    if name.isalpha():
        return name
    minutes = int((at.utcoffset() or timedelta()).total_seconds() // 60)
    sign = "-" if minutes < 0 else "+"
    return f"UTC{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def day(at: datetime) -> str:
    """Return a day, such as ``3 Nov 2026``."""
    return dateformat.format(at, pgettext("date format: day", "j M Y"))


def moment(at: datetime, zone: tzinfo | None = None) -> str:
    """Return day, minute and zone, such as ``3 Nov 2026, 14:05 JST``; in the current zone unless given one."""
    local = _local(at, zone)
    return dateformat.format(local, pgettext("date format: minute", "j M Y, H:i")) + " " + zone_name(local)


def exact(at: datetime, zone: tzinfo | None = None) -> str:
    """Return day, millisecond and zone, such as ``3 Nov 2026 14:05:00.000 JST``."""
    local = _local(at, zone)
    text = dateformat.format(local, pgettext("date format: second", "j M Y H:i:s"))
    return f"{text}.{local.microsecond // 1000:03} {zone_name(local)}"


def _local(at: datetime, zone: tzinfo | None) -> datetime:
    """Return the moment in a zone; a row's date at the very ends of the calendar, which has no time there, in UTC."""
    try:
        return timezone.localtime(at, zone)
    except OverflowError:
        return at.astimezone(UTC)


def utc_text(at: datetime) -> str:
    """Return what is sent to Analytics Cloud: ``2026-10-01T00:00:00.000Z``."""
    return timezone.localtime(at, timezone.get_fixed_timezone(0)).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{at.microsecond // 1000:03}Z"
    )


def covers_whole_days(start: datetime, end: datetime, zone: tzinfo) -> bool:
    """Tell whether a window (both ends included) runs from a local midnight to the last millisecond of a day."""
    first, after = timezone.localtime(start, zone), timezone.localtime(end + MILLISECOND, zone)
    return all(at.replace(tzinfo=None).time() == datetime.min.time() for at in (first, after))


@lru_cache(KEPT)
def zone_of_days(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return the zone's letters for a window of whole days, or no text: exact times say their zone themselves."""
    return zone_name(timezone.localtime(end, zone)) if covers_whole_days(start, end, zone) else ""


def window(start: datetime, end: datetime, zone: tzinfo) -> str:
    """Return a window for people: days where it covers whole local days, else times, no finer than they are."""
    return _window(start, end, zone, get_language())


@lru_cache(KEPT)
def _window(start: datetime, end: datetime, zone: tzinfo, _language: str | None) -> str:
    if not covers_whole_days(start, end, zone):
        return _span_of_times(timezone.localtime(start, zone), timezone.localtime(end, zone))
    first, last = timezone.localtime(start, zone), timezone.localtime(end, zone)
    if first.date() == last.date():
        return day(first)
    if (first.year, first.month) == (last.year, last.month):
        return pgettext("from one day to another of the same month", "%(first)s–%(last)s") % {
            "first": dateformat.format(first, pgettext("date format: first day of a span in one month", "j")),
            "last": dateformat.format(last, pgettext("date format: last day of a span in one month", "j M Y")),
        }
    if first.year == last.year:
        return _span(
            dateformat.format(first, pgettext("date format: first day of a span in one year", "j M")),
            dateformat.format(last, pgettext("date format: last day of a span in one year", "j M Y")),
        )
    return _span(day(first), day(last))


def _span_of_times(first: datetime, last: datetime) -> str:
    """Return two times with what they share said once: the day at the start, the zone at the end."""
    ending = f"{_clock(last)} {zone_name(last)}"
    if first.date() != last.date():
        ending = f"{_day_and_clock(last)} {zone_name(last)}"
    # The clock may have been put back in between: 02:30 CEST – 02:30 CET.
    beginning = _day_and_clock(first) + ("" if zone_name(first) == zone_name(last) else f" {zone_name(first)}")
    # A line breaks between the two, not in one of them.
    return _span(beginning.replace(" ", NO_BREAK), ending.replace(" ", NO_BREAK))


def _day_and_clock(at: datetime) -> str:
    return pgettext("day and time of day", "%(day)s, %(time)s") % {"day": day(at), "time": _clock(at)}


def _clock(at: datetime) -> str:
    """Return the time of day with seconds and milliseconds only where there are any."""
    if at.microsecond:
        return f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _span(first: str, last: str) -> str:
    return pgettext("from one time to another", "%(first)s – %(last)s") % {"first": first, "last": last}


def ago(at: datetime, now: datetime) -> str:
    """Return how long ago, in the largest sensible unit; older than a week: the day."""
    passed = now - at
    if passed < timedelta(minutes=1):
        return _("just now")
    if passed < timedelta(hours=1):
        return _("%(n)s min ago") % {"n": passed // timedelta(minutes=1)}
    if passed < DAY:
        return _("%(n)s h ago") % {"n": passed // timedelta(hours=1)}
    if passed < 8 * DAY:
        return _("%(n)s d ago") % {"n": passed // DAY}
    return day(timezone.localtime(at))


def left(until: datetime, now: datetime) -> str:
    """Return how much time is left, to the minute below two days; fits behind "in" and before "left"."""
    rest = until - now
    if rest <= timedelta():
        return _("a moment")
    if rest < timedelta(minutes=1):
        return _("less than 1 min")
    hours, minutes = divmod(int(rest / timedelta(minutes=1)), 60)
    if hours == 0:
        return _("%(n)s min") % {"n": minutes}
    if hours < 48:
        return _("%(h)s h %(m)s min") % {"h": hours, "m": minutes}
    return _("%(n)s d") % {"n": hours // 24}


def length(span: timedelta) -> str:
    """Return a duration in words, exact to the second below a minute, else in its two largest units."""
    seconds = int(span.total_seconds())
    days, seconds = divmod(seconds, 86400)
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = []
    if days:
        parts.append(ngettext("%(n)s day", "%(n)s days", days) % {"n": days})
    if hours:
        parts.append(_("%(n)s h") % {"n": hours})
    if minutes:
        parts.append(_("%(n)s min") % {"n": minutes})
    if seconds or not parts:
        parts.append(_("%(n)s s") % {"n": seconds})
    if days and span == timedelta(days=days):
        return npgettext("nothing but days", "%(n)s day", "%(n)s days", days) % {"n": days}
    return " ".join(parts[:2])
