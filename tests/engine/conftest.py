"""The world of the engine's tests; when it ends, database, disk and upstream's log are checked."""

import importlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.conf import LazySettings

from exports.analytics_cloud.simulator import Simulator
from exports.services import crash_points, invariants, shutdown
from tests.engine.world import START, TOKEN, World

MakeWorld = Callable[..., World]
AtPoint = Callable[[str, Callable[[], Any]], None]


@pytest.fixture
def make_world(transactional_db: None, settings: LazySettings) -> Iterator[MakeWorld]:
    """Make a world; what is given are arguments of its simulator.

    Times of production, but for upstream: a look every five minutes, 100 seconds for each export.
    """
    worlds: list[World] = []
    with ExitStack() as stack:

        def make(**simulator: Any) -> World:
            clock = stack.enter_context(time_machine.travel(START, tick=True))
            more = {"rhythm": 300.0, "duration": 100.0, "rows": 20, "tokens": {"acme": TOKEN}} | simulator
            sim = stack.enter_context(Simulator(**more))
            settings.ANALYTICS_CLOUD_ORIGINS = [sim.base_url]
            worlds.append(World.make(sim, clock))
            return worlds[-1]

        yield make
        shutdown.clear_stop()
        for world in worlds:
            found = [text for text in world.sim.violations() if text.split(":")[0] not in world.tolerated]
            assert not found
            assert world.unsound or not list(invariants.find_violations())


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """The usual world."""
    return make_world()


@pytest.fixture
def at_point(tmp_path: Path) -> Iterator[AtPoint]:
    """Run something in the middle of a step, once: at one of `crash_points.POINTS`, in this thread."""
    folder = tmp_path / "points"
    folder.mkdir()
    actions: list[Callable[[], Any]] = []

    def arm(point: str, action: Callable[[], Any]) -> None:
        assert point in crash_points.POINTS
        actions.append(action)
        (folder / point).write_text("SIGUSR1")

    before = signal.signal(signal.SIGUSR1, lambda _number, _frame: actions.pop(0)())
    os.environ["LAC_CRASH_POINTS"] = str(folder)
    importlib.reload(crash_points)
    yield arm
    del os.environ["LAC_CRASH_POINTS"]
    importlib.reload(crash_points)
    signal.signal(signal.SIGUSR1, before)
    assert not actions, "the step never came to its point"
