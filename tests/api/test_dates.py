"""Moments in and out."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.analytics_cloud.dates import format_instant
from exports.api.dates import parse_moment

OFFSETS = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2199, 1, 1), timezones=OFFSETS)

SHAPE = r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,12})?)?(Z|z|[+-]\d{2}:?\d{2})"


@given(MOMENTS)
def test_moment_in_any_offset_comes_back_in_utc_cut_to_the_millisecond(moment: datetime) -> None:
    wanted = moment.astimezone(UTC)
    wanted -= timedelta(microseconds=wanted.microsecond % 1000)
    assert parse_moment(moment.isoformat()) == wanted
    assert parse_moment(format_instant(moment)) == wanted


@given(st.text())
def test_any_text_is_a_moment_or_a_sentence_that_does_not_repeat_it(text: str) -> None:
    try:
        assert parse_moment(text).tzinfo is UTC
        said = ""
    except ValueError as refused:
        said = str(refused)
    assert len(text) < 4 or text not in said


@given(st.from_regex(SHAPE, fullmatch=True))
def test_anything_of_the_right_shape_is_a_moment_or_refused(text: str) -> None:
    try:
        moment = parse_moment(text)
    except ValueError:
        return
    assert moment.microsecond % 1000 == 0
    assert 1970 <= moment.year < 2200


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-10-01T00:00:00.000Z", "2026-10-01T00:00:00.000Z"),
        ("2026-10-01T00:00:00Z", "2026-10-01T00:00:00.000Z"),
        ("2026-10-01T00:00Z", "2026-10-01T00:00:00.000Z"),
        ("2026-10-01 00:00:00z", "2026-10-01T00:00:00.000Z"),
        ("2026-10-01t09:00:00.5+09:00", "2026-10-01T00:00:00.500Z"),
        ("2026-10-01T09:00:00+0900", "2026-10-01T00:00:00.000Z"),
        ("2026-10-01T09:00:00+09", "2026-10-01T00:00:00.000Z"),
        ("2026-10-31T23:59:59.999999999Z", "2026-10-31T23:59:59.999Z"),
        (" 2026-10-01T00:00:00,25Z ", "2026-10-01T00:00:00.250Z"),
    ],
)
def test_usual_spellings_are_understood(text: str, wanted: str) -> None:
    assert format_instant(parse_moment(text)) == wanted


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("2026-10-01T00:00:00", "offset"),
        ("2026-10-01", "offset"),
        ("2026-10-01T24:00:00Z", "no such day"),
        ("2026-02-29T00:00:00Z", "no such day"),
        ("2026-12-31T23:59:60Z", "no such day"),
        ("0001-01-01T00:00:00+14:00", "no such day"),
        ("9999-12-31T23:59:59-14:00", "no such day"),
        ("1969-12-31T23:59:59Z", "year"),
        ("2200-01-01T00:00:00Z", "year"),
        ("２０２６-10-01T00:00:00Z", "ISO 8601"),
        ("2026-W40-1", "ISO 8601"),
        ("now", "ISO 8601"),
        ("", "ISO 8601"),
        (1790000000, "ISO 8601"),
        (None, "ISO 8601"),
    ],
)
def test_anything_else_is_refused_with_what_to_write(value: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_moment(value)
