"""What a connection to a database is told first."""

import pytest
from django.db import connection, connections


@pytest.mark.django_db
def test_postgresql_answers_each_question_with_one_process() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL's own helpers")
    another = connections.create_connection("default")
    try:
        with another.cursor() as cursor:
            cursor.execute("SHOW max_parallel_workers_per_gather")
            assert cursor.fetchone() == ("0",)
    finally:
        another.close()
