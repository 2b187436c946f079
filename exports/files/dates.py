"""The span of the dates seen in rows.

Timestamps arrive as `2023-03-01 12:01:44.345 UTC` with 0 to 6 fraction digits or as ISO 8601
(analytics-cloud-api.md §4). Text that is no date is ignored: a row is never refused for it.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_LONGEST_DATE: Final = 64
_DATE: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[ Tt](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?"
    r"(?: ?(?:(UTC|GMT|[Zz])|([+-])(\d\d):?(\d\d)))?)?",
    re.ASCII,
)


def parse_date(text: str) -> datetime | None:
    """The moment `text` names, in UTC, or None. Without a zone it is taken as UTC, as all of upstream's are."""
    if len(text) > _LONGEST_DATE or not (found := _DATE.fullmatch(text)):
        return None
    year, month, day, hour, minute, second, fraction, _, sign, zone_hours, zone_minutes = found.groups()
    zone: timezone = UTC
    if sign:
        offset = timedelta(hours=int(zone_hours), minutes=int(zone_minutes))
        if offset >= timedelta(days=1):
            return None
        zone = timezone(-offset if sign == "-" else offset)
    try:
        return datetime(
            int(year),
            int(month),
            int(day),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            int((fraction or "0")[:6].ljust(6, "0")),
            tzinfo=zone,
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class DateSpan:
    """First and last date of all that were added; both None while none was."""

    def __init__(self) -> None:
        self.first: datetime | None = None
        self.last: datetime | None = None

    def add(self, texts: Sequence[str]) -> None:
        """Take in the dates of many rows, in any order."""
        if not texts:
            return
        ends = _ends_as_text(texts)
        moments = ends if ends else [moment for text in texts if (moment := parse_date(text))]
        if not moments:
            return
        self.first = min(moments) if self.first is None else min(self.first, *moments)
        self.last = max(moments) if self.last is None else max(self.last, *moments)


def _ends_as_text(texts: Sequence[str]) -> list[datetime] | None:
    """The least and the greatest date, found by comparing text, or None where text does not sort as time.

    Parsing each of ten million dates would cost more than inflating their file. Nonsense at either end sorts as
    nothing; in between it is no matter.
    """
    joined = "\n".join(texts) + "\n"
    keys = texts if _is_of_one_form(joined, len(texts)) else _without_zone(joined, len(texts))
    if keys is None:
        return None
    first, last = parse_date(min(keys)), parse_date(max(keys))
    return None if first is None or last is None else [first, last]


def _is_of_one_form(joined: str, number: int) -> bool:
    """Whether all look like `2023-03-01 12:01:44.345 UTC`, whatever of the fraction is there.

    Such dates sort as they are: the blank stands before the point and all digits.
    """
    return (
        joined.count(" UTC\n") == joined.count("T") == joined.count("\n") == number
        and joined.count("-") == 2 * number
        and joined.count(":") == 2 * number
    )


def _without_zone(joined: str, number: int) -> list[str] | None:
    """The dates without their zone, so that mixed forms sort: a missing fraction before any; None with offsets."""
    plain = joined.replace(" UTC\n", "\n").replace("Z\n", "\n").replace("T", " ")
    keys = plain.split("\n")
    keys.pop()
    if len(keys) != number or plain.count("-") != 2 * number or "+" in plain:
        return None
    return keys
