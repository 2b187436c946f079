"""The engine on a virtual clock: ticks, turns and waits as in production, decided by the same functions.

What is modelled: one question at a time per workspace, its way there and back, a tick that finds due rows, workers
that go on with the next due row, one download at a time. What is not: faults, other tenants of the workers.
"""

import heapq
import itertools
import math
import random
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from benchmarks.virtual.server import Upstream
from exports.services import home, plan, rhythm
from exports.services.pace import Expectation, Pace, seconds_left
from exports.services.past import Asking, Done, Past, Sample

TICK = 5.0
QUESTION = (0.25, 0.6)
DOWNLOAD = (0.8, 3.0)
SUBMIT_AHEAD = 24
LOOKED_AT = 40


@dataclass
class Row:
    """One export here."""

    key: UUID
    asking: Asking
    person: UUID
    due: float
    asked_at: float | None = None
    looked_at: float = 0.0
    created: float | None = None  # upstream's clock
    started: float | None = None  # upstream's clock
    started_at: float | None = None  # ours
    seen_at: float | None = None
    stored_at: float | None = None
    questions: int = 0
    steps: int = 0
    known: bool = False

    @property
    def is_upstream(self) -> bool:
        return self.asked_at is not None and self.stored_at is None


@dataclass
class Workspace:
    """One lane."""

    key: UUID
    upstream: Upstream
    rows: list[Row]
    done: list[Done] = field(default_factory=list)
    left: plan.Departure | None = None
    durations: dict[Hashable, float] = field(default_factory=dict)
    past: tuple[int, Past] | None = None  # as of so many stored exports


@dataclass
class Load:
    """What the engine did: moments of questions, of steps, and rows that the tick had to find."""

    questions: list[float] = field(default_factory=list)
    steps: list[float] = field(default_factory=list)
    found: Counter[int] = field(default_factory=Counter)
    busy: float = 0.0


class Engine:
    """Runs workspaces until all their exports are stored."""

    def __init__(self, pace: Pace, rng: random.Random) -> None:
        self.pace = pace
        self.rng = rng
        self.load = Load()

    def run(self, workspaces: Sequence[Workspace], *, until: float = float("inf")) -> None:
        """Do every step in the order of time."""
        order = itertools.count()
        heap: list[tuple[float, int, Workspace, bool]] = []
        for workspace in workspaces:
            self._push(heap, order, workspace, now=None)
        while heap:
            now, _order, workspace, _hot = heapq.heappop(heap)
            if now > until:
                return
            row = min(workspace.rows, key=lambda row: row.due)
            end = self._step(workspace, row, now)
            self.load.busy += end - now
            self._push(heap, order, workspace, now=end)

    def _push(
        self,
        heap: list[tuple[float, int, Workspace, bool]],
        order: "itertools.count[int]",
        workspace: Workspace,
        *,
        now: float | None,
    ) -> None:
        if not workspace.rows:
            return
        due = min(row.due for row in workspace.rows)
        if now is None or due <= now:
            moment = due if now is None else now  # the doorbell; the worker that ended a step goes on by itself
        else:
            offset = (hash(workspace.key) % 1000) / 1000 * TICK
            moment = offset + TICK * -((offset - due) // TICK)
            self.load.found[int(moment // TICK)] += 1
        heapq.heappush(heap, (moment, next(order), workspace, now is not None))

    # --- one step -----------------------------------------------------------------------------------------

    def _step(self, workspace: Workspace, row: Row, now: float) -> float:
        row.steps += 1
        self.load.steps.append(now)
        if row.asked_at is None:
            if row.key not in self._allowed(workspace, now):
                self._arrange_home(workspace, now)
                row.due = max(row.due, now + self.pace.most)
                return now + 0.02
        else:
            look = plan.next_looks(self._lane(workspace), now, self.pace)[row.key]
            if row.started_at is None and plan.due_at(look, now, self.pace) > now:
                self._put_off(workspace, now)
                return now + 0.02
        return self._ask(workspace, row, now)

    def _ask(self, workspace: Workspace, row: Row, now: float) -> float:
        row.questions += 1
        self.load.questions.append(now)
        first = row.asked_at is None
        if row.asked_at is None:
            row.asked_at = now
            row.known = self._expected(workspace, row) is not None
        there = now + self.rng.uniform(*QUESTION) / 2
        made = workspace.upstream.ask(row.key, there)
        back = there + self.rng.uniform(*QUESTION) / 2
        row.created = made.created_at + workspace.upstream.ahead
        if made.done_at is not None and made.done_at <= there and not first:
            return self._store(workspace, row, back)
        if made.started_at is not None and made.started_at <= there and row.started_at is None:
            row.started = made.started_at + workspace.upstream.ahead
            row.started_at = self._rhythm(workspace).on_our_clock(
                row.started, earliest=row.looked_at or row.asked_at, latest=back
            )
        row.looked_at = back
        self._plan(workspace, row, back)
        return back

    def _store(self, workspace: Workspace, row: Row, now: float) -> float:
        assert row.asked_at is not None
        row.seen_at = now
        row.stored_at = now + self.rng.uniform(*DOWNLOAD)
        workspace.left = plan.Departure(after=row.looked_at, by=now)
        if row.started_at is not None:
            for sibling in workspace.rows:
                earlier = sibling.is_upstream and sibling.started_at is None and sibling.looked_at < row.looked_at
                if earlier and plan.is_carried(self._sight(workspace, sibling), row.started_at, self.pace):
                    sibling.looked_at = row.looked_at
        began = row.started_at if row.started_at is not None else row.looked_at
        work = Sample(least=max(row.looked_at - began, 0.0), most=now - began)
        workspace.done.insert(
            0,
            Done(
                row.asking.data_type,
                row.asking.length,
                None,
                row.stored_at - row.asked_at,
                work,
                rhythm.Begun(row.asked_at, row.created, row.started, began, now),
            ),
        )
        workspace.rows.remove(row)
        self._arrange_home(workspace, row.stored_at)
        self._plan(workspace, None, row.stored_at)
        return row.stored_at

    # --- what production reads from its tables --------------------------------------------------------------

    def _past(self, workspace: Workspace) -> Past:
        cached = workspace.past
        if cached is None or cached[0] != len(workspace.done):
            latest: list[Done] = []
            count: Counter[str] = Counter()
            for item in workspace.done:
                count[item.data_type] += 1
                if count[item.data_type] <= LOOKED_AT:
                    latest.append(item)
            cached = (len(workspace.done), Past(latest))
            workspace.past = cached
        return cached[1]

    def _expected(self, workspace: Workspace, row: Row) -> Expectation | None:
        return self._past(workspace).expected_work(row.asking)

    def _rhythm(self, workspace: Workspace) -> rhythm.Rhythm:
        here = [
            rhythm.Begun(
                row.asked_at, row.created, row.started, math.inf if row.started_at is None else row.started_at, None
            )
            for row in workspace.rows
            if row.asked_at is not None and row.looked_at
        ]
        return rhythm.learn_rhythm(self._past(workspace).begun + here)

    def _sight(self, workspace: Workspace, row: Row) -> plan.Sight:
        assert row.asked_at is not None
        return plan.sight_of(
            row.key,
            asked_at=row.asked_at,
            looked_at=row.looked_at,
            started_at=row.started_at,
            asking=row.asking,
            before=self._past(workspace),
        )

    def _lane(self, workspace: Workspace) -> plan.Lane:
        sights = [self._sight(workspace, row) for row in workspace.rows if row.is_upstream]
        return plan.Lane(sights, workspace.left, self._rhythm(workspace))

    # --- what production writes to its tables ---------------------------------------------------------------

    def _plan(self, workspace: Workspace, asked: Row | None, now: float) -> None:
        looks = plan.next_looks(self._lane(workspace), now, self.pace)
        for row in workspace.rows:
            if row.key not in looks:
                continue
            due = plan.due_at(looks[row.key], now, self.pace)
            if row is asked or due < row.due:
                row.due = due

    def _put_off(self, workspace: Workspace, now: float) -> None:
        looks = plan.next_looks(self._lane(workspace), now, self.pace)
        for row in workspace.rows:
            if row.key in looks:
                row.due = max(row.due, plan.due_at(looks[row.key], now, self.pace))

    def _allowed(self, workspace: Workspace, now: float) -> set[UUID]:
        upstream = [row for row in workspace.rows if row.is_upstream]
        queued = {row.key: row for row in workspace.rows if row.asked_at is None}
        epoch = datetime(2026, 1, 1, tzinfo=UTC)
        order = home.fair_order(
            [home.Queued(row.key, workspace.key, row.person, epoch, None) for row in queued.values()],
            Counter(row.person for row in upstream),
        )

        def left(row: Row) -> float | None:
            worked = None if row.started_at is None else now - row.started_at
            return seconds_left(self._expected(workspace, row), worked)

        return home.fill_lane(
            load=[left(row) for row in upstream],
            queue=[item.pk for item in order],
            seconds_of=lambda pk: left(queued[pk]),
            most=SUBMIT_AHEAD,
        )

    def _arrange_home(self, workspace: Workspace, now: float) -> None:
        allowed: set[Hashable] = set(self._allowed(workspace, now))
        for row in workspace.rows:
            if row.asked_at is None:
                if row.key in allowed:
                    row.due = min(row.due, now)
                elif row.due <= now:
                    row.due = now + self.pace.most
