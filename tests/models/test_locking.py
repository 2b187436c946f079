"""Many rows at once: two transactions that write the same ones wait for each other, never in a ring."""

import time
from typing import Any

import pytest
from django.db import connection, transaction

from exports.models import Export
from tests.engine.world import Worker
from tests.support.cast import make_cast, make_export

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite locks the whole file"),
]


def wait_until_one_waits_for_a_lock() -> None:
    """Wait until another session of this database waits for a lock."""
    end = time.monotonic() + 10
    with connection.cursor() as cursor:
        while time.monotonic() < end:
            cursor.execute("SELECT pg_stat_clear_snapshot()")  # within a transaction the view stands still
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone() != (0,):
                return
            time.sleep(0.02)
    raise AssertionError("nobody waits")


def test_row_let_go_between_locking_and_writing_is_left_to_who_holds_it() -> None:
    cast = make_cast()
    first, second = sorted(
        (make_export(cast.acme, cast.bob), make_export(cast.acme, cast.bob, data_type="event")), key=lambda row: row.pk
    )
    Export.objects.filter(pk=first.pk).update(leased_until=first.created_at)
    holders: list[Worker] = []

    def hold_both_in_order() -> None:
        with transaction.atomic():
            Export.objects.filter(pk=first.pk).update(name="theirs")
            Export.objects.filter(pk=second.pk).update(name="theirs")

    def somebody_else_comes(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        answer = execute(sql, params, many, context)
        if "FOR NO KEY UPDATE" in sql and not holders:

            def let_go_and_hold() -> None:
                Export.objects.filter(pk=first.pk).update(leased_until=None)
                hold_both_in_order()

            holders.append(Worker(let_go_and_hold))
            wait_until_one_waits_for_a_lock()
        return answer

    unheld = Export.objects.filter(workspace=cast.acme, leased_until__isnull=True)
    with connection.execute_wrapper(somebody_else_comes):
        assert unheld.update_in_order(note="ours") == 1
    holders[0].join()
    assert set(Export.objects.values_list("name", "note")) == {("theirs", ""), ("theirs", "ours")}
