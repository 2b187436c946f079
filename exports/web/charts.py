"""Charts as plain geometry: the templates draw them as SVG, with a table of the same numbers behind each."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import dateformat
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from exports.web import times

HOURS_UP_TO = timedelta(days=3)
HOURS_AT_MOST = timedelta(days=32)
DAYS_UP_TO = timedelta(days=400)
MONTHS_UP_TO = timedelta(days=12_000)
STEP = 10  # of the drawing's own units from bar to bar
HEIGHT = 100


@dataclass(frozen=True)
class Bar:
    """One bar. `x`, `y`, `width` and `height` are in the drawing's own units; texts, as SVG takes no commas."""

    label: str
    number: int
    x: str
    y: str
    width: str
    height: str


@dataclass(frozen=True)
class Columns:
    """Upright bars side by side, such as rows per day."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    width: int
    first: str
    last: str
    peak: Bar
    total: int


@dataclass(frozen=True)
class Ranking:
    """Lying bars, the longest first, such as the pages seen most."""

    title: str
    bars: tuple[Bar, ...]
    is_exact: bool


def columns(title: str, unit: str, counts: Sequence[tuple[str, int]]) -> Columns | None:
    """Return upright bars for labelled numbers in order; None when there is nothing to draw."""
    most = max((number for _label, number in counts), default=0)
    if most <= 0:
        return None
    bars = tuple(_upright(place, label, number, most) for place, (label, number) in enumerate(counts))
    return Columns(
        title=title,
        unit=unit,
        bars=bars,
        width=STEP * len(bars),
        first=bars[0].label,
        last=bars[-1].label,
        peak=max(bars, key=lambda bar: bar.number),
        total=sum(bar.number for bar in bars),
    )


def _upright(place: int, label: str, number: int, most: int) -> Bar:
    # A single row among millions still shows.
    height = max(HEIGHT * number / most, 1.5) if number else 0
    return Bar(label, number, str(STEP * place + 1), f"{HEIGHT - height:.2f}", str(STEP - 2), f"{height:.2f}")


def ranking(title: str, counts: Iterable[tuple[str, int]], *, is_exact: bool) -> Ranking:
    """Return lying bars for labelled numbers, the greatest first."""
    pairs = list(counts)
    most = max(number for _label, number in pairs)
    bars = (
        Bar(label, number, "0", "0", f"{max(100 * number / most, 0.5):.2f}", "1")  # in percent of the greatest
        for label, number in pairs
    )
    return Ranking(title, tuple(bars), is_exact)


def over_time(quarters: Sequence[tuple[int, int]], zone: ZoneInfo, unit: str = "") -> Columns | None:
    """Return rows per hour, day, month or year; gaps stand as empty places.

    Args:
        quarters: start of a quarter of an hour (seconds since 1970) and rows, the earliest first.
        zone: whose days and hours are meant.
        unit: one of `units_for`; otherwise the one that suits the span.
    """
    if not quarters:
        return None
    first, last = _ends(quarters, zone)
    units = units_for(quarters, zone)
    step = next(step for step in _STEPS if step.unit == (unit if unit in units else units[0]))
    counts = dict.fromkeys(step.all_between(first, last), 0)
    for start, number in quarters:
        moment = step.floor(datetime.fromtimestamp(start, UTC).astimezone(zone))
        counts[moment] = counts.get(moment, 0) + number
    return columns(
        str(step.title), step.unit, [(step.label(moment), number) for moment, number in sorted(counts.items())]
    )


def units_for(quarters: Sequence[tuple[int, int]], zone: ZoneInfo) -> list[str]:
    """Return the units in which a span can be drawn, the one that suits it first."""
    if not quarters:
        return []
    first, last = _ends(quarters, zone)
    span = last - first
    possible = [step for step in _STEPS if span <= step.possible_up_to]
    suits = next(step for step in possible if span <= step.suits_up_to)
    return [suits.unit, *(step.unit for step in possible if step is not suits and step.unit in ("hour", "day"))]


def by_hour(quarters: Sequence[tuple[int, int]], zone: ZoneInfo) -> Columns | None:
    """Return rows by hour of the day on the clock of the place, all days together."""
    counts = dict.fromkeys(range(24), 0)
    for start, number in quarters:
        counts[datetime.fromtimestamp(start, UTC).astimezone(zone).hour] += number
    return columns(_("Rows by hour of the day"), "hour", [(f"{hour:02}:00", number) for hour, number in counts.items()])


def _ends(quarters: Sequence[tuple[int, int]], zone: ZoneInfo) -> tuple[datetime, datetime]:
    first, last = (datetime.fromtimestamp(quarters[place][0], UTC).astimezone(zone) for place in (0, -1))
    return first, last


@dataclass(frozen=True)
class _Step:
    """A unit of time, counted on the clock of the place: an hour that comes twice in autumn is one bar."""

    unit: str
    title: Promise
    floor: Callable[[datetime], datetime]
    next: Callable[[datetime], datetime]
    label: Callable[[datetime], str]
    suits_up_to: timedelta
    possible_up_to: timedelta

    def all_between(self, first: datetime, last: datetime) -> Iterable[datetime]:
        moment, end = self.floor(first), self.floor(last)
        while moment <= end:
            yield moment
            moment = self.next(moment)


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0, tzinfo=None, fold=0)


def _day(at: datetime) -> datetime:
    return _hour(at).replace(hour=0)


def _month(at: datetime) -> datetime:
    return _day(at).replace(day=1)


def _year(at: datetime) -> datetime:
    return _month(at).replace(month=1)


def _label_of_hour(at: datetime) -> str:
    return dateformat.format(at, pgettext("date format: minute", "j M Y, H:i"))


def _label_of_month(at: datetime) -> str:
    return dateformat.format(at, pgettext("date format: month", "M Y"))


_STEPS: tuple[_Step, ...] = (
    _Step(
        "hour",
        gettext_lazy("Rows per hour"),
        _hour,
        lambda at: at + timedelta(hours=1),
        _label_of_hour,
        suits_up_to=HOURS_UP_TO,
        possible_up_to=HOURS_AT_MOST,
    ),
    _Step(
        "day",
        gettext_lazy("Rows per day"),
        _day,
        lambda at: at + times.DAY,
        times.day,
        suits_up_to=DAYS_UP_TO,
        possible_up_to=DAYS_UP_TO,
    ),
    _Step(
        "month",
        gettext_lazy("Rows per month"),
        _month,
        lambda at: _month(at + timedelta(days=32)),
        _label_of_month,
        suits_up_to=MONTHS_UP_TO,
        possible_up_to=MONTHS_UP_TO,
    ),
    _Step(
        "year",
        gettext_lazy("Rows per year"),
        _year,
        lambda at: _year(at + timedelta(days=370)),
        lambda at: str(at.year),
        suits_up_to=timedelta.max,
        possible_up_to=timedelta.max,
    ),
)


def said(chart: Columns) -> str:
    """Return a chart in one sentence, for readers who can't see it."""
    return _("%(title)s from %(first)s to %(last)s; the most, %(number)s, at %(peak)s.") % {
        "title": chart.title,
        "first": chart.first,
        "last": chart.last,
        "number": chart.peak.number,
        "peak": chart.peak.label,
    }
