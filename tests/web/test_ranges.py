"""From words to windows: every day whole, every clock change counted."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.web import ranges
from exports.web.ranges import RangeKind, RangeRefused, Window, days_window, exact_window, preset_window

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [
    "UTC", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu",
    "Australia/Lord_Howe", "America/Havana", "Africa/Casablanca", "Pacific/Apia", "Pacific/Kiritimati",
]  # fmt: skip
NOW = datetime(2026, 11, 23, 15, 30, 12, 345000, tzinfo=UTC)  # Tuesday 00:30 in Tokyo


def test_days_in_the_workspace_s_zone_give_an_inclusive_utc_window() -> None:
    window = days_window(date(2026, 10, 1), date(2026, 10, 31), TOKYO)
    assert window.start == datetime(2026, 9, 30, 15, tzinfo=UTC)
    assert window.end == datetime(2026, 10, 31, 14, 59, 59, 999000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 10, 26), 24)]
)
def test_day_with_a_clock_change_is_whole(day: date, hours: int) -> None:
    assert days_window(day, day, BERLIN).span == timedelta(hours=hours)


def test_day_that_begins_after_a_skipped_midnight_starts_at_the_jump() -> None:
    window = days_window(date(2018, 11, 4), date(2018, 11, 4), ZoneInfo("America/Sao_Paulo"))
    assert window.start == datetime(2018, 11, 4, 3, tzinfo=UTC)
    assert window.span == timedelta(hours=23)


def test_day_that_does_not_exist_is_refused_with_a_sentence() -> None:
    with pytest.raises(RangeRefused, match="last_day") as refused:
        days_window(date(2011, 12, 30), date(2011, 12, 30), ZoneInfo("Pacific/Apia"))
    assert "doesn’t exist" in refused.value.message


@given(
    first=st.dates(date(2000, 1, 1), date(2035, 12, 31)),
    days=st.integers(0, 800),
    zone=st.sampled_from(ZONES),
)
def test_neighbouring_days_never_overlap_and_leave_no_gap(first: date, days: int, zone: str) -> None:
    last = first + timedelta(days=days)
    try:
        window = days_window(first, last, ZoneInfo(zone))
        after = days_window(last + ranges.ONE, last + ranges.ONE, ZoneInfo(zone))
    except RangeRefused:
        return  # the skipped day of Samoa
    assert after.start - window.end == ranges.MILLISECOND


def test_last_day_before_the_first_is_refused_at_the_last_day() -> None:
    with pytest.raises(RangeRefused, match="last_day"):
        days_window(date(2026, 10, 2), date(2026, 10, 1), TOKYO)


def test_day_beyond_the_calendar_is_refused() -> None:
    with pytest.raises(RangeRefused, match="last_day"):
        days_window(date(2026, 1, 1), date(9999, 12, 31), TOKYO)


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        (RangeKind.YESTERDAY, "2026-11-23", "2026-11-23"),
        (RangeKind.LAST_7, "2026-11-17", "2026-11-23"),
        (RangeKind.LAST_28, "2026-10-27", "2026-11-23"),
        (RangeKind.LAST_90, "2026-08-26", "2026-11-23"),
        (RangeKind.LAST_WEEK, "2026-11-16", "2026-11-22"),
        (RangeKind.LAST_MONTH, "2026-10-01", "2026-10-31"),
    ],
)
def test_preset_means_whole_days_before_today_in_the_workspace(kind: str, first: str, last: str) -> None:
    wanted = days_window(date.fromisoformat(first), date.fromisoformat(last), TOKYO)
    assert preset_window(kind, TOKYO, NOW) == wanted


def test_preset_so_far_ends_with_the_last_full_hour_of_the_workspace() -> None:
    kathmandu = ZoneInfo("Asia/Kathmandu")  # 21:15 there
    window = preset_window(RangeKind.THIS_MONTH, kathmandu, NOW)
    assert window.end + ranges.MILLISECOND == datetime(2026, 11, 23, 21, tzinfo=kathmandu)
    assert window.start == datetime(2026, 11, 1, tzinfo=kathmandu)
    year = preset_window(RangeKind.YEAR_TO_DATE, TOKYO, NOW)
    assert year.start == datetime(2026, 1, 1, tzinfo=TOKYO)


def test_preset_of_a_period_just_begun_is_refused_with_a_sentence() -> None:
    just_begun = datetime(2026, 11, 1, 0, 20, tzinfo=TOKYO)
    with pytest.raises(RangeRefused, match="range"):
        preset_window(RangeKind.THIS_MONTH, TOKYO, just_begun)


def test_exact_times_that_come_twice_are_taken_wide() -> None:
    twice = datetime(2026, 10, 25, 2, 30)
    window = exact_window(twice, twice, BERLIN)
    assert window.start == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert window.end == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_exact_times_are_cut_to_milliseconds_and_may_be_equal() -> None:
    moment = datetime(2026, 10, 1, 9, 0, 0, 123456)
    window = exact_window(moment, moment, TOKYO)
    assert window.start == window.end == datetime(2026, 10, 1, 0, 0, 0, 123000, tzinfo=UTC)
    assert window.span == ranges.MILLISECOND


def test_exact_time_with_its_own_offset_means_that() -> None:
    start = datetime.fromisoformat("2026-10-01T00:00:00Z")
    assert exact_window(start, start, TOKYO).start == datetime(2026, 10, 1, tzinfo=UTC)


def test_exact_end_before_the_beginning_is_refused() -> None:
    with pytest.raises(RangeRefused, match="exact_to"):
        exact_window(datetime(2026, 10, 2), datetime(2026, 10, 1), TOKYO)


def test_clock_change_inside_the_window_is_said_with_its_hours() -> None:
    window = days_window(date(2026, 10, 1), date(2026, 10, 31), BERLIN)
    assert "25 Oct 2026" in ranges.clock_change_note(window, BERLIN)
    assert "25 hours" in ranges.clock_change_note(window, BERLIN)
    assert ranges.clock_change_note(window, TOKYO) == ""


def test_two_clock_changes_are_said_in_one_sentence() -> None:
    window = days_window(date(2026, 1, 1), date(2026, 12, 31), BERLIN)
    assert "twice" in ranges.clock_change_note(window, BERLIN)
    longer = days_window(date(2025, 1, 1), date(2026, 6, 30), BERLIN)
    assert "more than once" in ranges.clock_change_note(longer, BERLIN)


@pytest.mark.parametrize(
    ("first", "last", "after_first", "after_last"),
    [
        ("2026-10-01", "2026-10-31", "2026-11-01", "2026-11-30"),
        ("2026-01-01", "2026-03-31", "2026-04-01", "2026-06-30"),
        ("2026-11-01", "2026-12-31", "2027-01-01", "2027-02-28"),
        ("2026-11-16", "2026-11-22", "2026-11-23", "2026-11-29"),
        ("2026-11-23", "2026-11-23", "2026-11-24", "2026-11-24"),
    ],
)
def test_period_after_a_month_is_a_month_and_after_days_as_many_days(
    first: str, last: str, after_first: str, after_last: str
) -> None:
    window = days_window(date.fromisoformat(first), date.fromisoformat(last), BERLIN)
    wanted = days_window(date.fromisoformat(after_first), date.fromisoformat(after_last), BERLIN)
    assert ranges.shifted_by_one_period(window, BERLIN) == wanted


def test_period_after_exact_times_begins_one_millisecond_later() -> None:
    window = Window(datetime(2026, 10, 1, 1, tzinfo=UTC), datetime(2026, 10, 1, 2, 59, 59, 999000, tzinfo=UTC))
    after = ranges.shifted_by_one_period(window, TOKYO)
    assert after.start - window.end == ranges.MILLISECOND
    assert after.span == window.span


@pytest.mark.parametrize(("days", "outside"), [(389, False), (391, True)])
def test_retention_is_measured_from_the_beginning(days: int, outside: bool) -> None:
    assert ranges.is_outside_retention(NOW - timedelta(days=days), NOW) is outside
