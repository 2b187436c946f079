"""Last month, in whole days of a zone."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from lacportal.demo.portal import last_month


@pytest.mark.parametrize(
    ("now", "first", "last"),
    [
        ("2026-11-23T10:00:00", "2026-10-01T00:00:00", "2026-10-31T23:59:59.999000"),
        ("2026-01-01T00:00:00", "2025-12-01T00:00:00", "2025-12-31T23:59:59.999000"),
        ("2028-03-31T23:59:59", "2028-02-01T00:00:00", "2028-02-29T23:59:59.999000"),
    ],
)
def test_last_month_is_a_whole_calendar_month(now: str, first: str, last: str) -> None:
    zone = ZoneInfo("Asia/Tokyo")
    found = last_month(datetime.fromisoformat(now).replace(tzinfo=zone))
    assert found == (
        datetime.fromisoformat(first).replace(tzinfo=zone),
        datetime.fromisoformat(last).replace(tzinfo=zone),
    )
    assert found[0].astimezone(UTC).hour == 15
