"""A look into a file: first rows, columns, charts; every value ready, so that templates only place it."""

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from exports.files.profile_document import Column, Profile
from exports.web.charts import Columns, Ranking, over_time, ranking

BARS = 10
_SITE = re.compile(r"https?://([^/?#\s]+)(?=[/?#]|\Z)")
SHOWN_AT_ONCE = 3
TABLE_CELL_MOST = 120
CHARTS_MOST = 8

TABS: dict[str, Promise] = {
    "rows": pgettext_lazy("a tab: the rows themselves", "Rows"),
    "columns": _("Columns"),
    "charts": _("Charts"),
}

KINDS: dict[str, Promise] = {
    "text": _("text"),
    "whole": _("whole number"),
    "number": _("number"),
    "moment": _("date"),
    "empty": _("empty"),
}

# Which columns are worth a chart, the most telling first.
CHARTED: dict[str, Promise] = {
    "eventId": _("Event names"),
    "canonicalUrl": _("Pages"),
    "title": _("Page titles"),
    "deviceType": _("Devices"),
    "country": _("Countries"),
    "browserName": _("Browsers"),
    "platformName": _("Systems"),
    "assetTitle": _("Assets"),
    "segmentId": _("Segments"),
    "status": _("Statuses"),
    "type": _("Types"),
    "jobTitle": _("Job titles"),
    "languageId": _("Languages"),
    "city": _("Cities"),
}


@dataclass(frozen=True)
class Cell:
    """One cell; `is_cut`: there is more of it in the file."""

    name: str
    text: str
    is_null: bool
    is_cut: bool


@dataclass(frozen=True)
class Row:
    """One of the first rows; `number` counts from 1."""

    number: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class ColumnView:
    """What is known of one column."""

    name: str
    kind: str
    filled: int
    percent: int
    bar: str
    distinct: int
    distinct_is_exact: bool
    least: str
    greatest: str
    top: tuple[tuple[str, int], ...]
    more: tuple[tuple[str, int], ...]
    top_is_exact: bool
    all_differ: bool


def table_of(profile: Profile, search: str) -> tuple[list[str], list[Row]]:
    """Return names and first rows, narrowed to the columns whose name holds ``search``; long cells cut for a table."""
    places = [place for place, name in enumerate(profile.names) if search.lower() in name.lower()]
    rows = [_row(profile, number, places, TABLE_CELL_MOST) for number in range(1, len(profile.first) + 1)]
    return [profile.names[place] for place in places], rows


def whole_row(profile: Profile, number: int, search: str) -> Row | None:
    """Return one of the first rows with its cells as long as they are kept; None when there is no such row."""
    if not 1 <= number <= len(profile.first):
        return None
    places = [place for place, name in enumerate(profile.names) if search.lower() in name.lower()]
    return _row(profile, number, places, None)


def _row(profile: Profile, number: int, places: list[int], most: int | None) -> Row:
    cut = {column for row, column in profile.cut if row == number - 1}
    cells = []
    for place in places:
        text = profile.first[number - 1][place]
        shown = (text or "")[:most]
        cells.append(Cell(profile.names[place], shown, text is None, place in cut or shown != (text or "")))
    return Row(number, tuple(cells))


def columns_of(profile: Profile, search: str) -> list[ColumnView]:
    """Return what is known of each counted column whose name holds ``search``."""
    return [_column(one, profile.rows) for one in profile.columns if search.lower() in one.name.lower()]


def _column(column: Column, rows: int) -> ColumnView:
    share = 100 * column.filled / rows if rows else 0.0
    all_differ = bool(column.top) and column.top[0][1] == 1
    top = () if all_differ else tuple(column.top)
    return ColumnView(
        name=column.name,
        kind=str(KINDS[column.kind]),
        filled=column.filled,
        # Neither 0 nor 100 is said of a column that is not quite so.
        percent=round(share) if share in (0.0, 100.0) else min(max(round(share), 1), 99),
        bar=f"{share:.2f}",
        distinct=column.distinct,
        distinct_is_exact=column.distinct_is_exact,
        least=column.least or "",
        greatest=column.greatest or "",
        top=top[:SHOWN_AT_ONCE],
        more=top[SHOWN_AT_ONCE:],
        top_is_exact=column.top_is_exact,
        all_differ=all_differ,
    )


def _ranking(title: str, column: Column) -> Ranking:
    """Return one ranking; pages of one site are told apart by their paths."""
    top = column.top[:BARS]
    site = _site_of([text for text, _number in top])
    if site:
        title = f"{title} · {site}"
        top = [(text.split(site, 1)[1] or "/", number) for text, number in top]
    return ranking(title, top, is_exact=column.top_is_exact)


def _site_of(texts: list[str]) -> str:
    found = {match[1] if (match := _SITE.match(text)) else "" for text in texts}
    return found.pop() if len(found) == 1 else ""


# How to draw the rows over time, where there is a choice.
UNITS: dict[str, Promise] = {"hour": _("Per hour"), "day": _("Per day"), "month": _("Per month"), "year": _("Per year")}


def charts_of(profile: Profile, zone: ZoneInfo, unit: str = "") -> tuple[Columns | None, list[Ranking]]:
    """Return the rows over time in that zone, and the rankings worth a chart."""
    known = {column.name: column for column in profile.columns}
    rankings = [
        _ranking(str(title), known[name])
        for name, title in CHARTED.items()
        if name in known and known[name].distinct > 1 and known[name].top[0][1] > 1
    ]
    return over_time(profile.quarters, zone, unit), rankings[:CHARTS_MOST]
