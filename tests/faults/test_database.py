"""The database restarts, loses its answers, or is written by many at once."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests

from tests.faults.case import Case, Place
from tests.faults.checker import check
from tests.support.part import holder_of
from tests.support.postgres_server import PostgresServer, PostgresUnavailable
from tests.support.presence import missing
from tests.support.stack import Stack, Worker, wait_while
from tests.support.tcp_proxy import TcpProxy


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server of this module's own: it is hurt."""
    try:
        with PostgresServer() as server:
            yield server
    except PostgresUnavailable as problem:
        missing("PostgreSQL", str(problem))


@pytest.fixture(scope="module")
def line(postgres: PostgresServer) -> Iterator[TcpProxy]:
    """The line between the portal and its database."""
    address = urlsplit(postgres.url)
    assert address.port is not None
    with TcpProxy(("127.0.0.1", address.port)) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def fragile(postgres: PostgresServer, line: TcpProxy) -> Iterator[Stack]:
    """A stack whose database can be restarted and whose line to it can lose answers."""
    address = urlsplit(postgres.url)
    through = f"{address.username}:{address.password}@127.0.0.1:{line.port}"
    with Stack(
        database_url=urlunsplit(address._replace(netloc=through)), workers=(Worker("first"), Worker("second"))
    ) as stack:
        yield stack


class TestPostgres:
    """PostgreSQL behind a line of its own."""

    @pytest.fixture
    def stack(self, fragile: Stack, line: TcpProxy) -> Iterator[Stack]:
        yield fragile
        line.forget()

    def test_restarted_at_once_twice_in_between_all_ready(self, case: Case, postgres: PostgresServer) -> None:
        for place in [case.place() for _ in range(2)]:
            case.slow_download(place, seconds=1.5, times=4)
            case.queue(place, 6)
        for _ in range(2):
            time.sleep(2)
            postgres.stop()
            time.sleep(0.5)
            postgres.start()
        case.wait_ready(list(case.ends), seconds=180)

    @pytest.mark.slow
    @pytest.mark.parametrize("moment", ["queued", "asked", "downloading", "in_gate", "before_publish", "after_publish"])
    def test_restarted_in_a_phase_ready_in_the_end(self, case: Case, postgres: PostgresServer, moment: str) -> None:
        case.tolerated.add("asked-after-stored")
        stack, place = case.stack, case.place()
        if moment == "downloading":
            case.slow_download(place)
        elif moment not in ("queued", "asked"):
            stack.arm(moment, "SIGSTOP")
        key = case.queue_one(place)
        if moment == "asked":
            case.api.until(lambda: case.entries(place), "asked")
        elif moment == "downloading":
            case.wait_for_download(place, share=0.4)
        elif moment != "queued":
            case.api.until(lambda: not stack.is_armed(moment), moment)
        postgres.stop()
        time.sleep(1)
        postgres.start()
        for name in ("first", "second"):
            stack.thaw(name)
        case.wait_ready([key], seconds=120)

    @pytest.mark.slow
    def test_away_for_longer_than_a_lease_all_ready_after_its_return(
        self, case: Case, postgres: PostgresServer
    ) -> None:
        case.tolerated.add("asked-after-stored")  # a file that came whole meanwhile could not be stored
        keys = case.queue(case.place(), 6)
        time.sleep(1)
        postgres.stop()
        time.sleep(10)
        postgres.start()
        case.wait_ready(keys, seconds=180)

    def test_answer_to_commit_lost_at_submit_question_is_asked_once(self, case: Case, line: TcpProxy) -> None:
        place = case.place()
        # The web process may be the one that commits next, or a worker: whoever it is must cope.
        for day in range(6):
            line.lose_answer(b"COMMIT")
            try:
                case.queue(place, 1, first=day)
            except (AssertionError, requests.RequestException):
                # Nobody knows whether it was taken; asking again must not double it.
                case.api.until(lambda day=day: bool(self.asked_again(case, place, day)), "accepted at last")
        line.forget()
        case.wait_ready(list(case.ends), seconds=180)
        items = case.api.get(f"exports?workspace={place.id}&limit=100")["items"]
        assert len(items) == 6, [(item["type"], item["from"], item["status"]) for item in items]

    def asked_again(self, case: Case, place: Place, day: int) -> list[str]:
        try:
            return case.queue(place, 1, first=day)
        except AssertionError:
            return []

    @pytest.mark.parametrize("message", [b"COMMIT", b'UPDATE "exports_export"'])
    def test_answers_lost_to_workers_all_ready(self, case: Case, line: TcpProxy, message: bytes) -> None:
        case.tolerated.add("asked-after-stored")
        keys = [key for place in (case.place(), case.place()) for key in case.queue(place, 5)]
        for _ in range(12):
            line.lose_answer(message)
            time.sleep(0.4)
        line.forget()
        case.wait_ready(keys, seconds=180)

    def test_line_cut_again_and_again_all_ready(self, case: Case, line: TcpProxy) -> None:
        case.tolerated.add("asked-after-stored")
        keys = [key for place in (case.place(), case.place()) for key in case.queue(place, 5)]
        for _ in range(8):
            line.cut()
            time.sleep(0.5)
        case.wait_ready(keys, seconds=180)


class TestSqlite:
    """One machine, one file."""

    def test_eight_writers_and_readers_nobody_hears_that_it_is_locked(self, case: Case) -> None:
        places = [case.place() for _ in range(4)]

        def write(number: int) -> list[str]:
            return [
                key
                for day in range(6)
                for key in case.queue(places[number % 4], 1, first=number * 10 + day, type="page")
                if case.api.get(f"exports?limit=50&workspace={places[number % 4].id}")["items"]
            ]

        with ThreadPoolExecutor(8) as people:
            keys = [key for done in people.map(write, range(8)) for key in done]
        assert len(set(keys)) == 48
        case.wait_ready(keys, seconds=240)
        for part in case.stack.parts.values():
            assert "database is locked" not in part.text(), part.name

    def test_child_forked_while_its_parent_uses_the_database_takes_locks_of_its_own(self, case: Case) -> None:
        """An inherited connection would make the child believe in locks that it does not hold, and lose its writes."""
        worker, file = case.stack.parts["worker"], case.stack.folder / "db.sqlite3"
        before = worker.children
        with closing(sqlite3.connect(file, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")
            # The parent's next sign of life has to wait, with its connection open.
            wait_while(lambda: not holder_of(file, [worker.pid]), "the parent waits for the database")
            os.kill(before[0], signal.SIGKILL)
            time.sleep(1.5)
            writer.execute("ROLLBACK")
        wait_while(lambda: len(set(worker.children) - set(before)) != 1, "a new child")
        (child,) = set(worker.children) - set(before)
        wait_while(lambda: bool(holder_of(file, [child])), "the child never lets go of the database")
        case.wait_ready(case.queue(case.place(), 4))


@pytest.mark.parametrize("name", ["one_machine", "company"])
def test_twenty_identical_submits_at_once_one_export(request: pytest.FixtureRequest, name: str) -> None:
    stack: Stack = request.getfixturevalue(name)
    stack.heal()  # its processes rest between the cases of others
    case = Case(stack)
    place = case.place()
    barrier = threading.Barrier(20)

    def submit(_number: int) -> str:
        barrier.wait(30)
        return case.queue_one(place)

    with ThreadPoolExecutor(20) as people:
        keys = set(people.map(submit, range(20)))
    assert len(keys) == 1
    case.wait_ready(list(keys))
    assert case.api.codes(keys.pop()).count("queued") == 1
    assert len(case.downloads(place)) == 1
    check(case)
