"""A portal on a simulated Analytics Cloud, with a clock that is moved by hand.

What workers and beat do in production the hands of `World` do here, one step at a time: they wait until an export is
due by moving the clock, upstream's too, and call the one function that a task calls.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db import connection
from django.utils import timezone
from time_machine import Traveller

from exports.analytics_cloud.simulator import Entry, Simulator
from exports.models import ACTIVE, DataType, Export, Membership, Role, User, Workspace
from exports.services import advance, describe, queue, shutdown
from exports.services.workspaces import create_workspace
from tests.support.cast import make_person

START = datetime(2026, 11, 10, 9, tzinfo=UTC)
TOKEN = "acme-token-of-the-tests-0123456789abcdefghijklmnopqrst"
MILLISECOND = timedelta(milliseconds=1)
DAY = timedelta(days=1)
QUESTIONS = {"pending", "running", "file"}

_numbers: Iterator[int] = count(1)


@dataclass
class World:
    """Acme on its simulator: Alice manages it, Bob and Carol are members, Vera looks on, Charlie is a stranger.

    Attributes:
        clock: moves the time of everything in this process.
        tolerated: codes of simulator violations that a test brings about itself.
        unsound: the test leaves the database so that the audit has something to say.
    """

    sim: Simulator
    clock: Traveller
    alice: User
    bob: User
    carol: User
    vera: User
    charlie: User
    acme: Workspace
    tolerated: set[str] = field(default_factory=set)
    unsound: bool = False

    @classmethod
    def make(cls, sim: Simulator, clock: Traveller) -> "World":
        """Make the people and their workspace."""
        alice, bob, carol, vera, charlie = (make_person(name) for name in ("Alice", "Bob", "Carol", "Vera", "Charlie"))
        acme = create_workspace(actor=None, name="Acme", base_url=sim.base_url, token=TOKEN)
        for user, role in ((alice, Role.MANAGER), (bob, Role.MEMBER), (carol, Role.MEMBER), (vera, Role.VIEWER)):
            Membership.objects.create(workspace=acme, user=user, role=role)
        return cls(sim, clock, alice, bob, carol, vera, charlie, acme)

    def workspace(self, name: str, token: str, **members: User) -> Workspace:
        """Make another workspace on the same host; ``members`` are people by role."""
        workspace = create_workspace(actor=None, name=name, base_url=self.sim.base_url, token=token)
        for role, user in members.items():
            Membership.objects.create(workspace=workspace, user=user, role=Role(role))
        return workspace

    def ask(
        self,
        number: int | None = None,
        *,
        by: User | None = None,
        workspace: Workspace | None = None,
        data_type: str = DataType.PAGE,
        days: float = 1,
        **more: Any,
    ) -> queue.Queued:
        """Queue an export as a person does; questions of one number are equal."""
        start = datetime(2026, 6, 1, tzinfo=UTC) + (next(_numbers) + 100 if number is None else number) * DAY / 4
        return queue.queue_export(
            user=by or self.bob,
            workspace=workspace or self.acme,
            data_type=data_type,
            range_from=start,
            range_to=start + timedelta(days=days) - MILLISECOND,
            **more,
        )

    def queue(self, number: int | None = None, **more: Any) -> Export:
        """Queue an export that is new and return it."""
        queued = self.ask(number, **more)
        assert queued.outcome == queue.Outcome.MADE
        return self.see(queued.export)

    def see(self, export: Export) -> Export:
        """Return an export as it stands now."""
        return Export.objects.select_related("workspace__host").get(pk=export.pk)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.clock.shift(timedelta(seconds=seconds))

    def wait_until(self, moment: datetime | None) -> None:
        """Let time pass until just after a moment."""
        assert moment is not None
        ahead = moment - timezone.now()
        if ahead >= timedelta(0):
            self.clock.shift(ahead + MILLISECOND)

    def step(self, export: Export) -> Export:
        """Wait until an export is due, do its next step, and return it as it stands then."""
        self.wait_until(self.see(export).due_at)
        assert advance.advance_export(export.pk), f"nothing to do for {self.see(export).status}"
        return self.see(export)

    def steps(self, export: Export, until: Callable[[Export], Any], *, most: int = 60) -> Export:
        """Do steps of one export until something is true of it."""
        export = self.see(export)
        for _ in range(most):
            if until(export):
                return export
            export = self.step(export)
        raise AssertionError(f"after {most} steps: {export.status}, {self.codes(export)}")

    def until_status(self, export: Export, *statuses: str, most: int = 60) -> Export:
        """Do steps of one export until it is in one of the statuses."""
        return self.steps(export, lambda export: export.status in statuses, most=most)

    def run(self, *exports: Export, most: int = 400) -> list[Export]:
        """Do whatever is due next, of all exports, until these have ended (by default: all)."""
        for _ in range(most):
            active = Export.objects.filter(status__in=ACTIVE)
            if not active.filter(pk__in=[export.pk for export in exports]).exists() if exports else not active.exists():
                return [self.see(export) for export in exports]
            due = active.order_by("due_at").first()
            assert due is not None
            self.wait_until(due.due_at)
            advance.advance_export(due.pk)
        raise AssertionError(f"after {most} steps: {[(e.status, self.codes(e)) for e in Export.objects.all()]}")

    def codes(self, export: Export) -> list[str]:
        """Return the codes of an export's timeline."""
        return list(export.events.values_list("code", flat=True))

    def story(self, export: Export) -> list[str]:
        """Return the sentences of an export's timeline."""
        return [entry.sentence for entry in describe.timeline(export)]

    @property
    def questions(self) -> list[Entry]:
        """What reached upstream so far but for probes."""
        return [entry for entry in self.sim.log if entry.answer != "probe" and "/export/" in entry.path]

    def asked(self, export: Export) -> list[Entry]:
        """Return what reached upstream for an export's question and its shifted windows."""
        return [
            entry
            for entry in self.questions
            if entry.key is not None
            and entry.key.type == export.data_type
            and entry.key.to == export.range_to
            and timedelta(0) <= export.range_from - entry.key.from_ < timedelta(seconds=1)
        ]


@contextmanager
def between_look_and_write(act: Callable[[], Any]) -> Iterator[list[Any]]:
    """Let another worker act once, before this thread's first UPDATE; what it returned is put in the list given."""
    returned: list[Any] = []

    def execute(run: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if sql.startswith("UPDATE") and not returned:
            returned.extend(in_threads(act))
        return run(sql, params, many, context)

    with connection.execute_wrapper(execute):
        yield returned


def in_threads(*calls: Callable[[], Any], seconds: float = 60) -> list[Any]:
    """Run calls at once, each in a thread of its own; return what they return, or raise what the first one raised."""
    results: list[Any] = [None] * len(calls)
    errors: list[BaseException] = []
    gate = threading.Barrier(len(calls))

    def run(number: int, call: Callable[[], Any]) -> None:
        try:
            gate.wait(seconds)
            results[number] = call()
        except BaseException as error:  # handed to the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(seconds)
    assert not any(thread.is_alive() for thread in threads), "a thread did not end"
    if errors:
        raise errors[0]
    return results


class Worker:
    """A thread that does one call while the test goes on; ended with the test."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.error: BaseException | None = None
        self.result: Any = None
        self._thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self.result = call()
        except BaseException as error:  # handed to the test
            self.error = error
        finally:
            connection.close()

    def join(self, seconds: float = 30) -> Any:
        """Wait for its end; return what the call returned."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the worker did not end"
        if self.error is not None:
            raise self.error
        return self.result


def stop_workers() -> None:
    """Ask every step to hand its export back, as SIGTERM does."""
    shutdown.request_stop()


def work_until(is_done: Callable[[], bool], *, workers: Sequence[str], seconds: float = 60) -> None:
    """Let threads serve queues, in real time, until something is true."""
    done = threading.Event()

    def serve(queue_name: str) -> None:
        while not done.wait(0.02):
            advance.drain(queue_name, seconds=0.5)

    threads = [Worker(lambda name=name: serve(name)) for name in workers]  # type: ignore[misc]
    pause = threading.Event()
    left = seconds
    try:
        while not is_done():
            left -= 0.05
            assert left > 0, "not done in time"
            pause.wait(0.05)
    finally:
        done.set()
        for thread in threads:
            thread.join()


def all_in(exports: Iterable[Export], *statuses: str) -> bool:
    """Tell whether all exports are in one of the statuses."""
    keys = [export.pk for export in exports]
    return Export.objects.filter(pk__in=keys, status__in=statuses).count() == len(keys)
