"""What the API says, word for word: types, messages, dates and limits (analytics-cloud-api.md §1 to §3)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

TYPES = ("event", "identity", "individual", "membership", "page", "segment")

NEW = "A new data export file for this date range and type will be created. Please come back later."
SCHEDULED = "A data export for this date range and type has already been scheduled. Please come back later."
FAILED = (
    "The last data export for this date range and type failed. A new data export file will be created. "
    "Please come back later."
)
RUNNING = "The data export file for this date range and type is being created. Please come back later."

DATE_FORMAT = "yyyy-MM-dd'T'HH:mm[:ss.SSS'Z']"
UNKNOWN_TYPE = (
    'The "type" query parameter must be either "event", "identity", "individual", "membership", "page", or "segment".'
)
BLANK_DATE = f'"fromDate" and "toDate" query parameters are mandatory and must be ISO 8601 compliant {DATE_FORMAT}'
BAD_DATE = f"Both dates in range must be ISO 8601 compliant {DATE_FORMAT}"
WRONG_ORDER = 'Wrong range date. "fromDate" cannot be after "toDate"'
OUTSIDE_RETENTION = (
    "The requested data is outside of your data retention period of 13 months. "
    "Please adjust the time range in your query accordingly."
)
UNREACHABLE = "An internal problem happened when trying to reach our services"

FILE_KEPT = timedelta(hours=24)
RETENTION = timedelta(days=13 * 30)

# The archive came after the page the project began with: a server of that day sent the bare rows.
ARCHIVES_SINCE = datetime(2023, 1, 1, tzinfo=UTC)

FULL_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
SHORT_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)


class Key(NamedTuple):
    """The identity of an export (§1)."""

    workspace: str
    type: str
    from_: datetime
    to: datetime


def parse_date(text: str) -> datetime:
    """Read a date of the query as UTC. Raises ValueError for every form but the two of `DATE_FORMAT` (§1)."""
    if not (FULL_DATE.fullmatch(text) or SHORT_DATE.fullmatch(text)):
        raise ValueError(f"not {DATE_FORMAT}: {text!r}")
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=UTC)


def format_date(moment: datetime) -> str:
    """Write a moment as the API does: UTC, milliseconds, literal Z (§2)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
