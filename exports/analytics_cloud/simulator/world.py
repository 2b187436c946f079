"""The life of exports upstream: who asked for what, and one worker per workspace that makes it.

There is no worker thread. Whatever the worker would have done by now is worked out from the clock when somebody
looks, so a virtual clock can cross a day in no time (analytics-cloud-api.md §3).
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotMadeYet
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from exports.analytics_cloud.simulator import contract
from exports.analytics_cloud.simulator.archive import Made
from exports.analytics_cloud.simulator.clock import Clock
from exports.analytics_cloud.simulator.contract import Key

# How long a question waits for a big file that should be finished by now before it is told RUNNING, in seconds.
PATIENCE = 2.0


@dataclass
class Export:
    """One export upstream. `status` is PENDING, RUNNING, COMPLETED or ERROR."""

    key: Key
    created_at: datetime
    status: str = "PENDING"
    started_at: datetime | None = None
    ends_at: datetime | None = None
    fails: bool = False
    file: Future[Made] | None = None


@dataclass(frozen=True)
class Waiting:
    """Not ready: PENDING or RUNNING with the message of the situation."""

    export: Export
    status: str
    message: str


@dataclass(frozen=True)
class Refused:
    """The window begins before the retention."""


@dataclass(frozen=True)
class Ready:
    export: Export
    made: Made


Answer = Waiting | Refused | Ready


@dataclass
class Lane:
    """One workspace's worker: when it looks next, what it is making, what is left of this run."""

    next_look: datetime
    pending: list[Export] = field(default_factory=list)
    run: list[Export] = field(default_factory=list)
    current: Export | None = None


class World:
    """All workspaces.

    `rhythm`: seconds between two looks of a worker. `duration`: shortest and longest seconds an export takes.
    `upstream_fault(key)` is asked once per export as it starts: None, "fails" or "stuck".
    `make(key, now)` writes the file; it runs in a thread of its own from the moment the export starts.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        rhythm: float,
        duration: tuple[float, float],
        make: Callable[[Key, datetime], Made],
        upstream_fault: Callable[[Key], str | None],
    ) -> None:
        self._clock = clock
        self._rhythm = timedelta(seconds=rhythm)
        self._duration = duration
        self._make = make
        self._upstream_fault = upstream_fault
        self._began = clock.now()
        self._random = random.Random("world")  # noqa: S311  # nosec B311  # a rhythm, not a secret
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._newest: dict[Key, Export] = {}
        self._earlier: dict[Key, Export] = {}
        self._makers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="simulator-maker")

    def ask(self, key: Key) -> Answer:
        """The one request of the API: creates the export, tells its state or gives its file (§1)."""
        with self._lock:
            now = self._clock.now()
            lane = self._advance(key.workspace, now)
            export = self._newest.get(key)
            if export is None or self._is_over(export, now):
                return self._create(lane, key, now, contract.NEW)
            if export.status == "ERROR":
                return self._create(lane, key, now, contract.FAILED)
            if export.status == "PENDING":
                return Waiting(export, "PENDING", contract.SCHEDULED)
            if export.status == "RUNNING":
                return Waiting(export, "RUNNING", contract.RUNNING)
        made = self._file_of(export)
        return Ready(export, made) if made else Waiting(export, "RUNNING", contract.RUNNING)

    def made(self, key: Key) -> Made | None:
        """The newest file made for this key, fetched or not; after its 24 hours the path leads nowhere."""
        with self._lock:
            self._advance(key.workspace, self._clock.now())
            export = self._newest.get(key)
            if export is None or export.status != "COMPLETED":
                export = self._earlier.get(key)
        return self._file_of(export) if export else None

    def describe(self) -> list[Mapping[str, str]]:
        """Every newest export and its state, for people and for checks."""
        with self._lock:
            now = self._clock.now()
            for workspace in self._lanes:
                self._advance(workspace, now)
            return [
                {
                    "workspace": export.key.workspace,
                    "type": export.key.type,
                    "from": contract.format_date(export.key.from_),
                    "to": contract.format_date(export.key.to),
                    "status": export.status,
                    "created": contract.format_date(export.created_at),
                }
                for export in self._newest.values()
            ]

    def close(self) -> None:
        self._makers.shutdown(wait=True, cancel_futures=True)

    def _create(self, lane: Lane, key: Key, now: datetime, message: str) -> Waiting | Refused:
        if now - key.from_ > contract.RETENTION:
            return Refused()
        old = self._newest.get(key)
        if old is not None and old.file is not None:
            self._earlier[key] = old
            old.file.add_done_callback(_discard)
        export = Export(key, created_at=now)
        self._newest[key] = export
        lane.pending.append(export)
        return Waiting(export, "PENDING", message)

    def _is_over(self, export: Export, now: datetime) -> bool:
        return (
            export.status == "COMPLETED" and export.ends_at is not None and now - export.ends_at >= contract.FILE_KEPT
        )

    def _file_of(self, export: Export) -> Made | None:
        assert export.file is not None
        try:
            return export.file.result(timeout=PATIENCE)
        except NotMadeYet:
            return None

    def _advance(self, workspace: str, now: datetime) -> Lane:
        """Do what this workspace's worker did until now: looks, runs, one export after another."""
        lane = self._lanes.setdefault(workspace, Lane(next_look=self._next_look(self._began)))
        while True:
            if lane.current is None:
                if not lane.pending:
                    lane.next_look = max(lane.next_look, self._next_look(now))
                if lane.next_look > now:
                    return lane
                lane.run, lane.pending = lane.pending, []
                self._random.shuffle(lane.run)  # in no promised order
                moment = lane.next_look
            else:
                assert lane.current.ends_at is not None
                if lane.current.ends_at > now:
                    return lane
                lane.current.status = "ERROR" if lane.current.fails else "COMPLETED"
                moment = lane.current.ends_at
            lane.current = self._start_next(lane, moment)
            if lane.current is None:
                lane.next_look = self._next_look(moment)

    def _start_next(self, lane: Lane, moment: datetime) -> Export | None:
        while lane.run:
            export = lane.run.pop()
            export.status = "RUNNING"
            export.started_at = moment
            fault = self._upstream_fault(export.key)
            if fault == "stuck":
                # The server restarted over it: nobody ever ends it, and the worker goes on with the others.
                continue
            export.fails = fault == "fails"
            export.ends_at = moment + timedelta(seconds=self._random.uniform(*self._duration))
            if not export.fails:
                export.file = self._makers.submit(self._make, export.key, export.ends_at)
            return export
        return None

    def _next_look(self, moment: datetime) -> datetime:
        """The first look strictly after a moment."""
        return self._began + self._rhythm * ((moment - self._began) // self._rhythm + 1)


def _discard(file: Future[Made]) -> None:
    """Take away a file whose 24 hours are over; one that was never written has nothing to take away."""
    if not file.cancelled() and file.exception() is None:
        file.result().path.unlink(missing_ok=True)
