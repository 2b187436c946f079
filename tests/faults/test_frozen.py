"""Workers are frozen past their lease and wake up again: the fence holds.

On PostgreSQL: a process that is frozen in the middle of a write to SQLite keeps its lock, and there nobody can go on.
"""

import os
import signal

import pytest

from tests.faults.case import Case
from tests.support.part import state_of
from tests.support.stack import Stack, wait_while


@pytest.fixture
def stack(company: Stack) -> Stack:
    return company


def said(stack: Stack) -> str:
    return "".join(stack.parts[worker.name].text() for worker in stack.workers)


@pytest.mark.parametrize(
    "point",
    [
        "before_publish",
        pytest.param("download_done", marks=pytest.mark.slow),
        pytest.param("in_gate", marks=pytest.mark.slow),
        pytest.param("after_publish", marks=pytest.mark.slow),
    ],
)
def test_frozen_past_its_lease_while_another_finishes_changes_nothing(case: Case, point: str) -> None:
    case.tolerated.add("asked-after-stored")
    stack = case.stack
    stack.arm(point, "SIGSTOP")
    key = case.queue_one(case.place())
    (before,) = case.wait_ready([key])
    (frozen,) = [pid for pid in stack.children_of_workers() if state_of(pid) == "T"]
    stored = case.stored(key)
    os.kill(frozen, signal.SIGCONT)
    case.api.until(lambda: f"export.lease_lost {key}" in said(stack), "the frozen one sees that it lost")
    after = case.api.export(key)
    assert (after["status"], after["sha256"], after["ready_at"]) == ("ready", before["sha256"], before["ready_at"])
    assert case.stored(key) == stored
    assert case.api.codes(key).count("ready") == 1


@pytest.mark.slow
def test_frozen_in_download_while_another_finishes_changes_nothing(case: Case) -> None:
    case.tolerated |= {"two-downloads", "two-questions", "asked-after-stored"}  # a frozen process hangs up on nobody
    place = case.place()
    case.slow_download(place)
    key = case.queue_one(place)
    case.wait_for_download(place, share=0.3)
    frozen = case.downloader_of(key)
    os.kill(frozen, signal.SIGSTOP)
    case.wait_ready([key])
    os.kill(frozen, signal.SIGCONT)
    wait_while(lambda: case.part_of(key) is not None, "the part of the frozen one")
