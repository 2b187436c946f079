"""Real processes, shared where cases allow it; and after every case the same checker."""

from collections.abc import Iterator

import pytest

from tests.faults.case import Case
from tests.faults.checker import check
from tests.support.postgres_server import fresh_database
from tests.support.small_disk import SmallDisk, small_disk
from tests.support.stack import Stack, Worker

MIN_FREE_BYTES = 1_000_000
MAX_BYTES = 3_000_000
MAX_UNPACKED_BYTES = 12_000_000


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All that stands in this folder hurts real processes; cases in the same ones run one after another."""
    for item in items:
        if "/tests/faults/" in str(item.path):
            item.add_marker(pytest.mark.faults)
            names = getattr(item, "fixturenames", ())
            group = next((stack for stack in ("fragile", "company") if stack in names), "one_machine")
            item.add_marker(pytest.mark.xdist_group(f"cases in {group}"))


@pytest.fixture(scope="session")
def small() -> Iterator[SmallDisk | None]:
    """The disk of the one-machine set-up; None where none can be mounted."""
    with small_disk(32_000_000) as disk:
        yield disk


@pytest.fixture(scope="session")
def one_machine(small: SmallDisk | None) -> Iterator[Stack]:
    """The one-machine set-up: SQLite, one worker for everything, a small disk, small files."""
    with Stack(
        settings={
            "EXPORT_MIN_FREE_BYTES": str(MIN_FREE_BYTES),
            "EXPORT_MAX_BYTES": str(MAX_BYTES),
            "EXPORT_MAX_UNPACKED_BYTES": str(MAX_UNPACKED_BYTES),
        },
        export_root=small.folder / "exports" if small else None,
    ) as stack:
        yield stack


@pytest.fixture(scope="session")
def company(postgres_server_url: str) -> Iterator[Stack]:
    """PostgreSQL and two workers that serve all queues."""
    with (
        fresh_database(postgres_server_url) as address,
        Stack(
            database_url=address, workers=(Worker("first"), Worker("second")), settings={"WEB_CONCURRENCY": "2"}
        ) as stack,
    ):
        yield stack


@pytest.fixture
def stack(one_machine: Stack) -> Stack:
    """The stack a module's cases run in; modules with one of their own override this."""
    return one_machine


@pytest.fixture
def case(stack: Stack) -> Iterator[Case]:
    """A case in a healthy stack, checked afterwards."""
    stack.heal()
    case = Case(stack)
    yield case
    check(case)
