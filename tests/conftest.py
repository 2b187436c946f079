"""What every test has: sockets closed but to this machine, and real servers on demand."""

import gc
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.core import mail
from django.core.servers.basehttp import WSGIRequestHandler
from django.db import connection, connections
from django.test import Client, TransactionTestCase
from playwright.sync_api import Browser, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer
from pytest_socket import socket_allow_hosts

from tests.support import canary
from tests.support.chromium import SWITCHES, find_chromium
from tests.support.emptying import empty_tables
from tests.support.postgres_server import PostgresUnavailable, fresh_database, postgres_address
from tests.support.presence import missing
from tests.support.redis_server import RedisServer

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_serialized_rollback", "live_server"}


# Pages and the many faults of the outside tell little of a database: one of the two is enough.
ONCE = {"web", "security", "engine/test_faults.py"}
PROCESSES = {"browser", "processes", "faults"}
NAME_MOST = 200


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--part",
        choices=["database", "rest"],
        help="run what uses the default database (the suite's part on PostgreSQL), or what that part leaves to do",
    )


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Keep megabytes of a hostile file out of the names of tests."""
    return f"{argname} of {len(val)}" if isinstance(val, bytes | str) and len(val) > NAME_MOST else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part = config.getoption("--part")
    if part is None:
        return
    chosen: list[pytest.Item] = []
    others: list[pytest.Item] = []
    for item in items:
        is_chosen = _uses_database(item) if part == "database" else not _is_done(item)
        (chosen if is_chosen else others).append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = chosen


def pytest_collection_finish(session: pytest.Session) -> None:
    """Look for cycles seldom, and not among what was read until now, which stays: that took a quarter of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 5, 5)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let the interpreter clear up at its end: some libraries count what is left."""
    gc.unfreeze()


def _is_done(item: pytest.Item) -> bool:
    """True when the part on PostgreSQL has run it and it need not run again."""
    path = item.path.relative_to(item.config.rootpath / "tests")
    if ONCE.isdisjoint({path.parts[0], str(path)}) or path.name == "test_canary.py":  # it looks into either's own files
        return False
    return _uses_database(item) and not any(map(item.get_closest_marker, PROCESSES))


def _uses_database(item: pytest.Item) -> bool:
    return item.get_closest_marker("django_db") is not None or not DATABASE_FIXTURES.isdisjoint(
        getattr(item, "fixturenames", ())
    )


@pytest.fixture(scope="session", autouse=True)
def _emptied_between_tests() -> Iterator[None]:
    """Let the tests that commit delete their rows afterwards: only then, and only they, get past the triggers."""

    def emptied(self: TransactionTestCase) -> None:
        for alias in self._databases_names(include_mirrors=False):
            empty_tables(connections[alias])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", emptied)
        yield


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Look through the database's own files after the last test, before they go; let idle processes rest."""
    try:
        if nextitem is None and connection.vendor == "sqlite":
            file = Path(str(connection.settings_dict["NAME"]))
            _leaks.extend(map(str, canary.files_with_secrets(file.parent.glob(f"{file.name}*"))))
    finally:
        yield
    stacks = sys.modules.get("tests.support.stack")
    if stacks is not None and (nextitem is None or _sharers(item) != _sharers(nextitem)):
        stacks.Stack.freeze_all()


def _sharers(item: pytest.Item) -> str:
    """Return the name of the group whose tests share processes, or no name."""
    group = item.get_closest_marker("xdist_group")
    return str(group.args[0]) if group else ""


_leaks: list[str] = []


@pytest.fixture(scope="session", autouse=True)
def _no_secret_leaks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Look for the tests' access tokens in every answer, log line, mail and file of the whole run."""
    heard = canary.LeakedToLog()
    request_of_client = Client.request

    def looked_through(self: Client, **request: Any) -> Any:
        answer = request_of_client(self, **request)
        if where := canary.leak_of_answer(answer):
            _leaks.append(f"answer of {request.get('PATH_INFO')}: {where}")
        return answer

    logging.getLogger().addHandler(heard)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Client, "request", looked_through)
        yield
    logging.getLogger().removeHandler(heard)
    files = canary.files_with_secrets([tmp_path_factory.getbasetemp()])
    leaks = [*_leaks, *heard.found, *map(str, files)]
    assert not leaks, f"a secret stands where it must not: {leaks}"


@pytest.fixture(autouse=True)
def _no_secret_in_mails() -> Iterator[None]:
    yield
    for message in getattr(mail, "outbox", []):
        assert not canary.is_in(message.message().as_bytes()), message.subject


def pytest_runtest_setup(item: pytest.Item) -> None:
    socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out once more, where nobody overlooks it."""
    reasons = {
        report.longrepr[2].removeprefix("Skipped: ")
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and " is missing. " in report.longrepr[2]
    }
    if reasons:
        terminalreporter.section("NOT TESTED HERE", sep="!", red=True, bold=True)
        for reason in sorted(reasons):
            terminalreporter.line(reason, red=True)


@pytest.fixture(autouse=True)
def export_root(settings: LazySettings, tmp_path: Path) -> Path:
    """The folder of stored files, one for each test: a reaper or an audit must not meet its neighbours' files."""
    settings.EXPORT_ROOT = tmp_path / "exports"
    return tmp_path / "exports"


@pytest.fixture(scope="session")
def live_server() -> Iterator[LiveServer]:
    """A server in this process; static files come as the product sends them, for a browser to keep."""
    with pytest.MonkeyPatch.context() as patch:
        # It writes the head of an answer and then the body, which would wait until the client has said it got the head:
        # 40 milliseconds for every answer over a connection that is kept.
        patch.setattr(WSGIRequestHandler, "disable_nagle_algorithm", True)
        server = LiveServer("localhost", start=False)
        server.thread.static_handler = lambda application: application
        server.start()
        yield server
        server.stop()


@pytest.fixture(scope="session")
def _shared_redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def redis_url(_shared_redis: RedisServer) -> str:
    """The address of a real, empty Redis of this run."""
    _shared_redis.flush()
    return _shared_redis.url


@pytest.fixture
def redis_server() -> Iterator[RedisServer]:
    """A real Redis for one test, to be killed, flushed and started again."""
    with RedisServer() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_server_url() -> Iterator[str]:
    """The address of a real PostgreSQL's maintenance database."""
    try:
        with postgres_address() as address:
            yield address
    except PostgresUnavailable as problem:
        missing("PostgreSQL", str(problem))


@pytest.fixture
def postgres_url(postgres_server_url: str) -> Iterator[str]:
    """The address of an empty PostgreSQL database for one test, as ``DATABASE_URL`` takes it."""
    with fresh_database(postgres_server_url) as address:
        yield address


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """The program of a real Chromium."""
    found = find_chromium()
    if found is None:
        missing("Chromium", "Install Debian's `chromium`, or name the program in CHROMIUM.")
    return found


@pytest.fixture(scope="session")
def browser(chromium_path: Path) -> Iterator[Browser]:
    """A headless Chromium, started once per run."""
    with pytest.MonkeyPatch.context() as patch:
        # Playwright's synchronous interface keeps an event loop in this thread, where Django then refuses queries.
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        with sync_playwright() as playwright:
            program = playwright.chromium.launch(executable_path=str(chromium_path), args=list(SWITCHES))
            yield program
            program.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in a fresh profile: English, UTC."""
    context = browser.new_context(locale="en-US", timezone_id="UTC")
    yield context.new_page()
    context.close()
