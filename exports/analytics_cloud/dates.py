"""Moments as Analytics Cloud writes and reads them (`analytics-cloud-api.md` §1 and §2)."""

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

LONGEST_RETRY_AFTER = 6 * 3600.0
# Of ranges: Analytics Cloud did not exist before, and nobody plans beyond: a wider range is a slip of the pen.
YEARS = range(1970, 2200)

_INSTANT = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,9}))?)?"
    r"\s*(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})?",
    re.IGNORECASE | re.ASCII,
)
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?", re.ASCII)


def format_instant(moment: datetime) -> str:
    """Return ``moment`` as ``yyyy-MM-ddTHH:mm:ss.SSSZ`` in UTC, cut to the millisecond.

    The one form every server takes. A shift by a microsecond would otherwise be a new export upstream.

    Raises:
        ValueError: ``moment`` has no time zone.
    """
    if moment.utcoffset() is None:
        raise ValueError("a moment sent upstream needs its time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: object) -> datetime | None:
    """Return the UTC moment written in ``text``, or None when it can't be read.

    Takes what upstream writes: ISO 8601 with ``Z`` or an offset, ``2023-03-01 12:01:44.345 UTC`` with 0 to 9
    fraction digits, and no zone at all, which is read as UTC.
    """
    found = _INSTANT.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micro = int((found[7] or "0")[:6].ljust(6, "0"))
    try:
        moment = datetime(year, month, day, hour, minute, second, micro, _zone(found[8] or "Z"))
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _zone(text: str) -> timezone:
    if text[0] not in "+-":
        return UTC
    offset = timedelta(hours=int(text[1:3]), minutes=int(text[-2:]))
    return timezone(offset if text[0] == "+" else -offset)


def parse_retry_after(text: str | None, *, now: datetime) -> float | None:
    """Return the seconds from ``now`` that a ``Retry-After`` header asks for, 0 to 6 hours.

    Args:
        text: seconds, or an HTTP date; None when there was no such header.
        now: the server's own ``Date`` where it gave one, as our clocks may differ.

    Returns:
        None when nothing readable was asked for.
    """
    text = (text or "").strip()
    if _SECONDS.fullmatch(text):
        seconds = float(text)
    else:
        moment = parse_http_date(text)
        if moment is None:
            return None
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def parse_http_date(text: str | None) -> datetime | None:
    """Return the UTC moment of an HTTP date such as ``Wed, 21 Oct 2026 07:28:00 GMT``, or None."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, TypeError, OverflowError):
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
