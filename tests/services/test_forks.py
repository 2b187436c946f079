"""A process that forks waits until its threads let go of the database."""

import os
import threading
import time

import pytest
from django.db import connection

from exports.services.forks import without_forks

HELD_SECONDS = 0.4


def fork_and_wait() -> float:
    """Fork a child that ends at once; return how long the fork itself took."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        os._exit(0)
    took = time.monotonic() - began
    os.waitpid(child, 0)
    return took


def test_nobody_uses_the_database_forked_at_once() -> None:
    assert fork_and_wait() < HELD_SECONDS


def test_a_thread_uses_the_database_fork_waits_for_its_end() -> None:
    inside = threading.Event()

    def use() -> None:
        with without_forks():
            inside.set()
            time.sleep(HELD_SECONDS)

    thread = threading.Thread(target=use)
    thread.start()
    inside.wait()
    assert fork_and_wait() >= HELD_SECONDS / 2
    thread.join()
    assert fork_and_wait() < HELD_SECONDS


@pytest.mark.django_db(transaction=True)
def test_used_in_a_thread_its_connection_is_closed_at_the_end() -> None:
    open_after: list[bool] = []

    def use() -> None:
        with without_forks():
            connection.ensure_connection()
        open_after.append(connection.connection is not None)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert open_after == [False]
