"""Times in words."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation

from exports.web import times

TOKYO = ZoneInfo("Asia/Tokyo")
NOW = datetime(2026, 11, 23, 5, 5, 0, 7000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "name"),
    [("Asia/Tokyo", "JST"), ("UTC", "UTC"), ("Asia/Kathmandu", "UTC+05:45"), ("America/Sao_Paulo", "UTC-03:00")],
)
def test_zone_has_letters_or_its_distance(zone: str, name: str) -> None:
    assert times.zone_name(NOW.astimezone(ZoneInfo(zone))) == name


def test_moment_is_shown_in_the_person_s_zone_with_its_name() -> None:
    with timezone.override(TOKYO):
        assert times.moment(NOW) == "23 Nov 2026, 14:05 JST"
        assert times.exact(NOW) == "23 Nov 2026 14:05:00.007 JST"
    assert times.moment(NOW) == "23 Nov 2026, 05:05 UTC"
    assert times.utc_text(NOW.astimezone(TOKYO)) == "2026-11-23T05:05:00.007Z"


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-10-01", "2026-10-01", "1 Oct 2026"),
        ("2026-10-01", "2026-10-31", "1–31 Oct 2026"),
        ("2026-09-28", "2026-10-04", "28 Sep – 4 Oct 2026"),
        ("2025-12-29", "2026-01-04", "29 Dec 2025 – 4 Jan 2026"),
    ],
)
def test_window_of_whole_days_is_said_in_days(start: str, end: str, words: str) -> None:
    first = datetime.fromisoformat(start).replace(tzinfo=TOKYO)
    last = datetime.fromisoformat(end).replace(tzinfo=TOKYO) + timedelta(days=1) - times.MILLISECOND
    assert times.window(first.astimezone(UTC), last.astimezone(UTC), TOKYO) == words


@pytest.mark.parametrize(
    ("start", "end", "words"),
    [
        ("2026-11-23T14:05:00.007", "2026-11-23T14:05:01.007", "23 Nov 2026, 14:05:00.007 – 14:05:01.007 CET"),
        ("2026-11-23T09:00", "2026-11-23T17:30:15", "23 Nov 2026, 09:00 – 17:30:15 CET"),
        ("2026-11-01T09:00", "2026-11-20T08:59:59.999", "1 Nov 2026, 09:00 – 20 Nov 2026, 08:59:59.999 CET"),
        ("2026-10-24T12:00", "2026-10-25T12:00", "24 Oct 2026, 12:00 CEST – 25 Oct 2026, 12:00 CET"),
    ],
)
def test_window_of_other_times_is_said_as_finely_as_they_are(start: str, end: str, words: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    first, last = (datetime.fromisoformat(at).replace(tzinfo=berlin).astimezone(UTC) for at in (start, end))
    said = times.window(first, last, berlin)
    assert said.replace(times.NO_BREAK, " ") == words
    assert said.count(" ") == 2  # it may break around the dash alone


@pytest.mark.parametrize(
    ("passed", "words"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(minutes=3, seconds=59), "3 min ago"),
        (timedelta(hours=23, minutes=59), "23 h ago"),
        (timedelta(days=7, hours=23), "7 d ago"),
        (timedelta(days=9), "14 Nov 2026"),
    ],
)
def test_age_is_said_in_one_unit(passed: timedelta, words: str) -> None:
    assert times.ago(NOW - passed, NOW) == words


@pytest.mark.parametrize(
    ("rest", "words"),
    [
        (timedelta(0), "a moment"),
        (timedelta(seconds=59), "less than 1 min"),
        (timedelta(minutes=42, seconds=59), "42 min"),
        (timedelta(hours=5, minutes=12), "5 h 12 min"),
        (timedelta(hours=47, minutes=59), "47 h 59 min"),
        (timedelta(days=3, hours=5), "3 d"),
    ],
)
def test_rest_is_said_to_the_minute_below_two_days(rest: timedelta, words: str) -> None:
    assert times.left(NOW + rest, NOW) == words


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(), "0 s"),
        (timedelta(seconds=0.4), "0 s"),
        (timedelta(minutes=3, seconds=34), "3 min 34 s"),
        (timedelta(days=1), "1 day"),
        (timedelta(days=31, hours=1), "31 days 1 h"),
        (timedelta(hours=2, minutes=5, seconds=9), "2 h 5 min"),
    ],
)
def test_duration_is_said_in_its_two_largest_units(span: timedelta, words: str) -> None:
    assert times.length(span) == words


def test_language_of_the_person_decides_the_format() -> None:
    with translation.override("ja"):
        assert "Nov" not in times.moment(NOW)
