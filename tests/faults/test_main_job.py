"""The main job as a company runs it: PostgreSQL, Redis, two workers and beat, 30 exports over 3 workspaces."""

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.faults.case import Case, handles
from tests.support.stack import BEAT, WEB, Stack

EACH = 10


@pytest.fixture
def stack(company: Stack) -> Stack:
    return company


def queue_thirty(case: Case) -> list[str]:
    return [key for place in [case.place() for _ in range(3)] for key in case.queue(place, EACH)]


def test_thirty_exports_undisturbed_all_ready_each_asked_once(case: Case) -> None:
    keys = queue_thirty(case)
    for export in case.wait_ready(keys):
        assert export["attempts"] == 0
        assert case.api.codes(export["id"])[-1] == "ready"
    for place in case.places.values():
        assert len(case.downloads(place)) == EACH
    for name in ("first", "second", WEB):
        assert "Traceback" not in case.stack.parts[name].text(), case.stack.parts[name].tail(80)


def test_every_process_killed_once_and_redis_flushed_only_takes_time(case: Case) -> None:
    stack = case.stack
    case.tolerated.add("asked-after-stored")  # a worker may die with a whole file that it has not stored yet
    for place in [case.place() for _ in range(3)]:
        case.slow_download(place, seconds=2, times=None)
        case.queue(place, EACH)
    keys = list(case.ends)
    blows: list[Callable[[], None]] = [
        lambda: stack.parts["first"].kill(),
        lambda: stack.redis.flush(),
        lambda: os.kill(stack.parts["second"].children[0], signal.SIGKILL),
        lambda: stack.parts[WEB].kill(),
        lambda: stack.redis.stop(signal.SIGKILL),
        lambda: stack.parts[BEAT].kill(),
        lambda: stack.redis.flush(),
        lambda: stack.parts["second"].kill(),
    ]
    for blow in blows:
        blow()
        time.sleep(1.0)
        stack.redis.heal()
        for name in ("first", "second", WEB, BEAT):
            if not stack.parts[name].is_running:
                stack.start(name)
    stack.simulator.faults.clear()
    case.wait_ready(keys, seconds=240)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [0.3, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("name", ["first", "second", WEB, BEAT, "redis", "child", "flush"])
def test_one_process_killed_at_any_moment_only_takes_time(case: Case, name: str, moment: float) -> None:
    stack = case.stack
    if name in ("first", "second", "child"):
        case.tolerated.add("asked-after-stored")  # it may die with a whole file that it has not stored yet
    keys = queue_thirty(case)
    time.sleep(moment)
    if name == "redis":
        stack.redis.stop(signal.SIGKILL)
    elif name == "flush":
        stack.redis.flush()
    elif name == "child":
        os.kill(stack.parts["first"].children[-1], signal.SIGKILL)
    else:
        stack.parts[name].kill()
    time.sleep(0.5)
    stack.heal()
    case.wait_ready(keys, seconds=240)


@pytest.mark.slow
def test_flushed_every_second_all_ready(case: Case) -> None:
    keys = queue_thirty(case)
    for _ in range(15):
        case.stack.redis.flush()
        time.sleep(1)
    case.wait_ready(keys, seconds=240)


@pytest.mark.slow
def test_many_exports_workers_hold_no_more_files_open(case: Case) -> None:
    case.wait_ready(queue_thirty(case))
    before = handles(case.stack)
    for _ in range(3):
        case.wait_ready(queue_thirty(case))
    after = handles(case.stack)
    grown = {pid: (before[pid], after[pid]) for pid in before if after.get(pid, 0) > before[pid] + 8}
    assert not grown
