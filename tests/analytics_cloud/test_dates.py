"""Moments as upstream writes and reads them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from exports.analytics_cloud.dates import (
    LONGEST_RETRY_AFTER,
    format_instant,
    parse_http_date,
    parse_instant,
    parse_retry_after,
)

TOKYO = timezone(timedelta(hours=9))


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2022, 1, 1, 0, 0, 1, tzinfo=UTC), "2022-01-01T00:00:01.000Z"),
        (datetime(2022, 1, 1, 9, 0, 1, 5000, TOKYO), "2022-01-01T00:00:01.005Z"),
        (datetime(2022, 1, 1, 0, 0, 1, 999999, UTC), "2022-01-01T00:00:01.999Z"),
        (datetime(1, 2, 3, tzinfo=UTC), "0001-02-03T00:00:00.000Z"),
    ],
)
def test_moment_is_sent_in_the_one_accepted_form(moment, text):
    assert format_instant(moment) == text


def test_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        format_instant(datetime(2022, 1, 1))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2022-06-29T17:50:46.824Z", datetime(2022, 6, 29, 17, 50, 46, 824000, UTC)),
        (" 2022-06-29t17:50:46z ", datetime(2022, 6, 29, 17, 50, 46, 0, UTC)),
        ("2022-06-29T17:50", datetime(2022, 6, 29, 17, 50, tzinfo=UTC)),
        ("2023-03-01 12:01:44.345 UTC", datetime(2023, 3, 1, 12, 1, 44, 345000, UTC)),
        ("2023-03-01 12:01:44.3 UTC", datetime(2023, 3, 1, 12, 1, 44, 300000, UTC)),
        ("2023-03-01T12:01:44.123456789Z", datetime(2023, 3, 1, 12, 1, 44, 123456, UTC)),
        ("2023-03-01T12:01:44+09:00", datetime(2023, 3, 1, 3, 1, 44, tzinfo=UTC)),
        ("2023-03-01T12:01:44.000-0230", datetime(2023, 3, 1, 14, 31, 44, tzinfo=UTC)),
    ],
)
def test_moment_of_upstream_is_read_tolerantly(text, moment):
    assert parse_instant(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        None,
        1656525046824,
        "",
        "soon",
        "2022-06-29",
        "2022-13-01T00:00:00Z",
        "2022-06-29T25:00:00Z",
        "2022-06-29T17:50:46+99:00",
        "0001-01-01T00:00:00+09:00",
        "２０２２-06-29T17:50:46Z",
        "2022-06-29T17:50:46Zebra",
    ],
)
def test_moment_that_cannot_be_read_is_none(text):
    assert parse_instant(text) is None


NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120.0),
        (" 0 ", 0.0),
        ("1.5", 1.5),
        ("9" * 5000, LONGEST_RETRY_AFTER),
        ("21601", LONGEST_RETRY_AFTER),
        ("Wed, 21 Oct 2026 07:30:00 GMT", 120.0),
        ("Wed, 21 Oct 2026 07:30:00", 120.0),
        ("Wed, 21 Oct 2026 07:00:00 GMT", 0.0),
        ("Fri, 31 Dec 2999 23:59:59 GMT", LONGEST_RETRY_AFTER),
        (None, None),
        ("", None),
        ("-5", None),
        ("inf", None),
        ("nan", None),
        ("1e3", None),
        ("120, 120", None),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_from_now_and_at_most_six_hours(text, seconds):
    assert parse_retry_after(text, now=NOW) == seconds


def test_http_date_that_cannot_be_read_is_none():
    assert parse_http_date("Wed, 99 Oct 2026 07:30:00 GMT") is None
