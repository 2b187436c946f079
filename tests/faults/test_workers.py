"""Workers are killed, frozen and stopped in every phase of an export."""

import os
import signal

import pytest

from tests.faults.case import Case
from tests.support.part import children_of, state_of
from tests.support.stack import wait_while

# What a death costs: in the gate an attempt (the file may be what killed it), anywhere else nothing.
DEATHS = {
    "question_sent": 0,
    "download_started": 0,
    "download_done": 0,
    "in_gate": 1,
    "before_publish": 1,
    "after_publish": 1,
}


@pytest.mark.parametrize(
    "share", [pytest.param(0.1, marks=pytest.mark.slow), 0.5, pytest.param(0.9, marks=pytest.mark.slow)]
)
def test_child_killed_in_download_file_arrives_whole_uncharged(case: Case, share: float) -> None:
    place = case.place()
    case.slow_download(place)
    key = case.queue_one(place)
    case.wait_for_download(place, share=share)
    os.kill(case.downloader_of(key), signal.SIGKILL)
    (export,) = case.wait_ready([key])
    assert export["attempts"] == 0
    assert "worker_died" in case.api.codes(key)
    assert len(case.downloads(place)) == 2


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_whole_worker_killed_in_download_next_worker_fetches_it(case: Case, share: float) -> None:
    place = case.place()
    case.slow_download(place)
    key = case.queue_one(place)
    case.wait_for_download(place, share=share)
    case.stack.restart("worker")
    (export,) = case.wait_ready([key])
    assert export["attempts"] == 0


def test_parent_alone_killed_children_end_too_and_next_worker_fetches_it(case: Case) -> None:
    stack = case.stack
    place = case.place()
    case.slow_download(place, seconds=4)
    key = case.queue_one(place)
    case.wait_for_download(place, share=0.3)
    children = stack.parts["worker"].children
    os.kill(stack.parts["worker"].pid, signal.SIGKILL)
    stack.parts["worker"].wait(5)
    stack.start("worker")
    case.wait_ready([key])
    wait_while(lambda: any(state_of(pid) for pid in children), "children without a parent", seconds=90)


def test_killed_at_every_point_at_once_all_ready(case: Case) -> None:
    case.tolerated.add("asked-after-stored")
    for point in DEATHS:
        case.stack.arm(point)
    keys = [case.queue_one(case.place()) for _ in DEATHS]
    case.wait_ready(keys)
    assert not [point for point in DEATHS if case.stack.is_armed(point)]


@pytest.mark.slow
@pytest.mark.parametrize("point", [*DEATHS, "ready"])
def test_killed_at_a_point_ready_and_charged_only_in_the_gate(case: Case, point: str) -> None:
    case.stack.arm(point)
    place = case.place()
    keys = case.queue(place, 3)
    exports = case.wait_ready(keys)
    assert not case.stack.is_armed(point)
    assert sum(export["attempts"] for export in exports) == DEATHS.get(point, 0)
    case.tolerated.add("asked-after-stored")  # whole at their end, but never stored at ours


def test_sigterm_in_download_hands_back_at_once_uncharged(case: Case) -> None:
    place = case.place()
    case.slow_download(place, seconds=20)
    key = case.queue_one(place)
    case.wait_for_download(place, share=0.1)
    assert case.stack.parts["worker"].terminate() < 10
    handed_back = case.api.export(key)
    assert handed_back["status"] in ("waiting", "preparing")
    assert handed_back["attempts"] == 0
    assert case.stack.files() == [] or not case.part_of(key)
    case.stack.restart("worker")
    case.wait_ready([key], seconds=90)
    assert "handed_back" in case.api.codes(key)


def test_sigterm_in_a_silent_question_ends_within_seconds_and_frees_the_lane(case: Case) -> None:
    # With these a question may be silent for two minutes, and whoever waits for its lease or lane waits as long.
    case.stack.restart("worker", EXPORT_STALL_SECONDS="120", EXPORT_LEASE_SECONDS="120")
    place = case.place()
    silence = case.stack.simulator.faults.add("silence", workspace=place.name, times=1)
    key = case.queue_one(place)
    wait_while(lambda: not silence.hits, "no question")
    assert case.stack.parts["worker"].terminate() < 10
    case.stack.restart("worker")
    (export,) = case.wait_ready([key], seconds=45)
    assert export["attempts"] == 0


@pytest.mark.slow
def test_sigterm_in_the_gate_hands_back_uncharged(case: Case) -> None:
    case.tolerated.add("asked-after-stored")
    stack = case.stack
    stack.arm("in_gate", "SIGSTOP")
    key = case.queue_one(case.place())
    children = stack.parts["worker"].children
    wait_while(lambda: not [pid for pid in children if state_of(pid) == "T"], "nobody in the gate")
    (frozen,) = [pid for pid in children if state_of(pid) == "T"]
    os.kill(stack.parts["worker"].pid, signal.SIGTERM)
    wait_while(lambda: len(children_of(stack.parts["worker"].pid)) > 1, "the idle children still run")
    os.kill(frozen, signal.SIGCONT)
    stack.parts["worker"].wait(10)
    assert case.api.export(key)["attempts"] == 0
    stack.restart("worker")
    case.wait_ready([key], seconds=90)


@pytest.mark.slow
def test_sigterm_with_a_child_that_cannot_end_worker_says_so_and_ends(case: Case) -> None:
    case.tolerated.add("asked-after-stored")
    stack = case.stack
    worker = stack.parts["worker"]
    stack.arm("in_gate", "SIGSTOP")
    key = case.queue_one(case.place())
    children = worker.children
    wait_while(lambda: not [pid for pid in children if state_of(pid) == "T"], "nobody in the gate")
    (frozen,) = [pid for pid in children if state_of(pid) == "T"]
    os.kill(worker.pid, signal.SIGTERM)
    assert worker.wait(28) == 0
    wait_while(lambda: any(state_of(pid) for pid in children), "children without a parent")
    assert f"worker.stop_insisted children=[{frozen}]" in worker.text()
    stack.restart("worker")
    case.wait_ready([key], seconds=90)


def test_file_that_kills_its_worker_three_times_fails_with_words_and_others_go_on(case: Case) -> None:
    stack = case.stack
    case.tolerated.add("asked-after-stored")
    bad = case.queue_one(case.place())
    case.accept(bad, "failed")
    for death in range(3):
        stack.arm("in_gate")
        wait_while(lambda: stack.is_armed("in_gate"), f"no {death + 1}. death in the gate")
    (failed,) = case.api.wait_for([bad], "failed")
    assert failed["error"]["code"] == "worker_died"
    assert failed["error"]["message"].endswith(".")
    assert failed["error"]["next_action"]
    case.wait_ready([case.queue_one(case.place())])


def test_message_delivered_twenty_times_is_one_download(case: Case) -> None:
    place = case.place()
    case.slow_download(place)
    key = case.queue_one(place)
    case.wait_for_download(place)
    for _ in range(20):
        case.stack.ring(key, "transfer")
        case.stack.ring(key, "poll")
    case.wait_ready([key])
    assert len(case.downloads(place)) == 1
