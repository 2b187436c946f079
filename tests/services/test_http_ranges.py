"""Parts of a file by HTTP."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exports.services.http_ranges import ByteRange, Unsatisfiable, if_range_holds, parse_range

MODIFIED = datetime(2026, 11, 2, 9, 30, 15, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        ("bytes=0-0", (0, 1)),
        ("bytes=0-99", (0, 100)),
        ("bytes=10-", (10, 100)),
        ("bytes=10-19", (10, 20)),
        ("bytes=90-1000", (90, 100)),
        ("bytes=-1", (99, 100)),
        ("bytes=-1000", (0, 100)),
        ("BYTES = 5 - 6", (5, 7)),
    ],
)
def test_one_range_is_what_it_says_within_the_file(header: str, wanted: tuple[int, int]) -> None:
    assert parse_range(header, 100) == ByteRange(*wanted)


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "rows=1-2", "bytes=0-1,5-6", "bytes=1--2",
     "bytes=" + "9" * 5000 + "-", "bytes=１-２"],
)  # fmt: skip
def test_header_that_is_no_single_range_asks_for_the_whole(header: str | None) -> None:
    assert parse_range(header, 100) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=-0", 100), ("bytes=0-", 0), ("bytes=-5", 0)])
def test_range_beyond_the_file_is_unsatisfiable(header: str, size: int) -> None:
    with pytest.raises(Unsatisfiable):
        parse_range(header, size)


@given(st.text() | st.from_regex(r"bytes=[0-9]{0,20}-[0-9]{0,20}", fullmatch=True), st.integers(0, 10**12))
def test_any_header_gives_a_part_of_the_file_or_none(header: str, size: int) -> None:
    try:
        part = parse_range(header, size)
    except Unsatisfiable:
        return
    assert part is None or 0 <= part.start < part.end <= size


@pytest.mark.parametrize(
    ("header", "holds"),
    [
        (None, True),
        ("", True),
        ('"abc"', True),
        ('"abd"', False),
        ('W/"abc"', False),
        ("Mon, 02 Nov 2026 09:30:15 GMT", True),
        ("Mon, 02 Nov 2026 09:30:14 GMT", False),
        ("nonsense", False),
    ],
)
def test_if_range_holds_only_for_this_very_file(header: str | None, holds: bool) -> None:
    assert if_range_holds(header, etag='"abc"', last_modified=MODIFIED) is holds
