"""What a connection to a database is told first."""

from datetime import UTC, datetime

import pytest
from django.db import DataError, connection, connections

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own ways"),
]


def test_postgresql_answers_each_question_with_one_process() -> None:
    another = connections.create_connection("default")
    try:
        with another.cursor() as cursor:
            cursor.execute("SHOW max_parallel_workers_per_gather")
            assert cursor.fetchone() == ("0",)
    finally:
        another.close()


@pytest.mark.parametrize(
    ("written", "at"),
    [
        ("2026-11-29 09:15:46+00", datetime(2026, 11, 29, 9, 15, 46, tzinfo=UTC)),
        ("2026-11-29 09:15:46.1+00", datetime(2026, 11, 29, 9, 15, 46, 100_000, tzinfo=UTC)),
        ("2026-11-29 09:15:46.000001+00", datetime(2026, 11, 29, 9, 15, 46, 1, tzinfo=UTC)),
        ("2026-11-29 09:15:46+09", datetime(2026, 11, 29, 0, 15, 46, tzinfo=UTC)),
        ("0001-01-01 00:00:00+00", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31 23:59:59.999999+00", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_moments_are_read_to_the_microsecond_as_utc(written: str, at: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [written])
        [read] = cursor.fetchone()
    assert (read, read.tzinfo) == (at, UTC)


@pytest.mark.parametrize("written", ["infinity", "-infinity", "0001-01-01 00:00:00+00 BC", "10000-01-01 00:00:00+00"])
def test_moments_that_python_has_no_date_for_are_refused(written: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::timestamptz", [written])
        with pytest.raises(DataError):
            cursor.fetchone()


def test_moments_are_read_by_our_own_reader_from_the_first_query_on() -> None:
    another = connections.create_connection("default")
    try:
        another.ensure_connection()
        loader = another.connection.adapters.get_loader(another.connection.adapters.types["timestamptz"].oid, 0)
        assert loader.__module__ == "exports.connections"
        with another.cursor() as cursor:  # Django would put its own in place of one of another zone
            assert cursor.adapters.get_loader(cursor.adapters.types["timestamptz"].oid, 0) is loader
    finally:
        another.close()
