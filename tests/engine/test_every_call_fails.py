"""The k-th query, write, fsync, rename or unlink fails, for every k of finishing an export and of expiring it.

Whatever fails, nothing is lost, charged, doubled or left behind, and what is ready is whole at every moment.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.db import OperationalError, connection

from exports.models import Export, Status
from exports.services import advance, describe, expire, invariants, stored
from tests.engine.conftest import MakeWorld
from tests.engine.world import World

MOST = 300
LONG_AGO = 1_000_000_000  # seconds since the epoch: older than any two leases
SYSTEM_CALLS = ("write", "fsync", "rename", "unlink", "open")


class Trap:
    """Lets the k-th call fail, and all others pass."""

    def __init__(self, number: int, error: Callable[[], Exception]) -> None:
        self.left = number
        self.error = error

    @property
    def has_sprung(self) -> bool:
        """True once the k-th call was made."""
        return self.left <= 0

    def spring(self) -> None:
        """Count a call; raise when it is the k-th."""
        self.left -= 1
        if self.left == 0:
            raise self.error()


@contextmanager
def query(number: int) -> Iterator[Trap]:
    """The k-th query of this thread fails before the database has heard of it."""
    trap = Trap(number, lambda: OperationalError("the line to the database broke"))

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        trap.spring()
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield trap


@contextmanager
def answer(number: int) -> Iterator[Trap]:
    """The k-th query is done, but its answer never comes."""
    trap = Trap(number, lambda: OperationalError("the line to the database broke"))

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        done = run(sql, params, many, context)
        if not sql.startswith("BEGIN"):  # SQLite's, which has no line to break
            trap.spring()
        return done

    with connection.execute_wrapper(execute):
        yield trap


def system_call(name: str, code: int) -> Callable[[int], Any]:
    """Return what lets the k-th call of a function of the system on the store's files fail."""

    @contextmanager
    def arm(number: int) -> Iterator[Trap]:
        trap = Trap(number, lambda: OSError(code, os.strerror(code)))
        before: Callable[..., Any] = getattr(os, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if concerns_the_store(args[0]):
                trap.spring()
            return before(*args, **kwargs)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, name, call)
            yield trap

    return arm


def concerns_the_store(target: object) -> bool:
    root = str(stored.storage().part_path("00000000-0000-4000-8000-000000000000-1").parent)
    if isinstance(target, int):
        with suppress(OSError):
            return str(Path(f"/proc/self/fd/{target}").readlink()).startswith(root)
        return False
    return str(target).startswith(root)


FAULTS: dict[str, Callable[[int], Any]] = {"query": query, "answer": answer} | {
    f"{name}-{errno.errorcode[code]}": system_call(name, code)
    for name in SYSTEM_CALLS
    for code in (errno.EIO, errno.ENOSPC)
}


@pytest.fixture
def world(make_world: MakeWorld, settings: LazySettings) -> World:
    """Upstream needs a second; it looks at once."""
    world = make_world(duration=1.0, rhythm=1.0)
    world.tolerated.add("asked-after-stored")  # whole at its end of the line, never stored at ours
    return world


def files_of(export: Export) -> list[Path]:
    folder = stored.storage().part_path(f"{export.pk}-1").parent
    return sorted(folder.glob(f"{export.pk}-*")) if folder.exists() else []


def reap_all() -> None:
    """Let time pass over every file, and the reaper look."""
    for name in stored.storage().names():
        for path in files_of(Export(pk=name.name[:36])):
            os.utime(path, (LONG_AGO, LONG_AGO))
    expire.reap_files()


def check_stored(world: World, export: Export) -> None:
    """What is ready is exactly what Analytics Cloud made, under one name, and nothing else lies there."""
    export = world.see(export)
    assert (export.status, export.attempts) == (Status.READY, 0), (world.codes(export), export.error_code)
    assert not list(invariants.find_violations())
    reap_all()
    assert [path.name for path in files_of(export)] == [export.stored_name]
    [key] = {entry.key for entry in world.asked(export)}
    made = world.sim.made(*key)
    assert made is not None
    assert stored.sha256_of(export.stored_name) == export.sha256 == made.sha256
    assert world.codes(export).count("ready") == 1


def go_on(world: World, export: Export) -> None:
    """Do steps until it has ended; a turn that was never given back ends by itself."""
    for _ in range(60):
        seen = world.see(export)
        if not seen.is_active:
            return
        world.wait_until(seen.due_at)
        if not advance.advance_export(export.pk):
            world.wait(30)
    raise AssertionError(world.codes(export))


def try_each(what: Callable[[int], bool]) -> int:
    """Call with 1, 2, 3, … until the trap no longer springs; return how many did."""
    for number in range(1, MOST):
        if not what(number):
            return number - 1
    raise AssertionError("it never ends")


@pytest.mark.parametrize("fault", [name for name in FAULTS if not name.startswith("unlink")])
def test_call_that_fails_while_finishing_costs_nothing(world: World, fault: str) -> None:
    def finish(number: int) -> bool:
        export = world.until_status(world.queue(formats=["csv"]), Status.WAITING)
        world.wait_until(export.due_at)
        world.wait(300)
        with FAULTS[fault](number) as trap, suppress(OperationalError, OSError):
            advance.advance_export(export.pk)
        seen = world.see(export)
        if trap.has_sprung and seen.is_active:
            waiting = describe.waiting_for(seen)
            assert waiting is not None
            assert waiting.sentence
            if fault in ("write-ENOSPC", "fsync-ENOSPC", "rename-ENOSPC"):
                assert waiting.code == "storage_full"
                assert files_of(seen) == []  # at once: a full disk needs the room
        go_on(world, export)
        check_stored(world, export)
        assert export.derived_files.get().variant == "csv"  # what was wanted beforehand is not lost on the way either
        return trap.has_sprung

    assert try_each(finish) >= 1


@pytest.mark.parametrize("fault", [name for name in FAULTS if not name.startswith(("write", "rename"))])
def test_call_that_fails_while_expiring_leaves_no_file_and_no_ready_row_without_one(world: World, fault: str) -> None:
    def let_expire(number: int) -> bool:
        [export] = world.run(world.queue())
        world.wait_until(export.expires_at)
        with FAULTS[fault](number) as trap, suppress(OperationalError, OSError):
            expire.expire_due()
        assert not list(invariants.find_violations())
        expire.expire_due()
        reap_all()
        assert world.see(export).status == Status.EXPIRED
        assert files_of(export) == []
        assert world.codes(export).count("expired") == 1
        return trap.has_sprung

    assert try_each(let_expire) >= 1
