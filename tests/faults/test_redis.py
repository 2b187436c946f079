"""Redis is down, hangs, forgets everything, restarts: it is a doorbell, so all that is lost is time."""

import re
import signal
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.faults.case import Case, Place
from tests.support.stack import Stack

# Some outages are too short to be noticed, some are not.
OUTAGES = (0.0, 0.5, 1.0, 1.5)


@pytest.fixture
def case(case: Case) -> Iterator[Case]:
    """Whatever Redis does, the worker lives on: it must not need somebody to start it again."""
    before = case.stack.parts["worker"].pid
    yield case
    worker = case.stack.parts["worker"]
    assert worker.is_running, worker.tail(60)
    assert worker.pid == before


def timed_submit(case: Case, place: Place, day: int = 0) -> float:
    began = time.monotonic()
    case.queue(place, 1, first=day)
    return time.monotonic() - began


def is_downloading(case: Case, place: Place) -> bool:
    return any(entry.ended_at is None for entry in case.downloads(place))


def test_down_at_submit_answered_within_two_seconds_and_starts_later(case: Case) -> None:
    place = case.place()
    usual = timed_submit(case, place)  # what a machine that is busy with other things needs anyhow
    case.stack.redis.stop(signal.SIGKILL)
    times = [timed_submit(case, place, day) for day in range(1, 5)]
    assert max(times) < 2 + usual
    case.stack.redis.heal()
    case.wait_ready(list(case.ends))


def test_hanging_at_submit_answered_within_five_seconds_and_starts_later(case: Case) -> None:
    place = case.place()
    usual = timed_submit(case, place)
    case.stack.redis.freeze()
    times = [timed_submit(case, place, day) for day in range(1, 4)]
    assert max(times) < 5 + usual
    assert min(times) < 1 + usual, "who failed to ring a moment ago should not try again for each export"
    case.stack.redis.heal()
    case.wait_ready(list(case.ends))


@pytest.mark.slow
def test_hanging_for_half_a_minute_workers_hear_again(case: Case) -> None:
    place = case.place()
    keys = case.queue(place, 3)
    case.stack.redis.freeze()
    time.sleep(30)
    case.stack.redis.heal()
    case.wait_ready([*keys, *case.queue(place, 2, first=3)], seconds=120)


def test_flushed_every_second_nothing_lost(case: Case) -> None:
    keys = [key for place in (case.place(), case.place()) for key in case.queue(place, 6)]
    for _ in range(5):
        case.stack.redis.flush()
        time.sleep(1)
    case.wait_ready(keys)


@pytest.mark.slow
def test_flushed_every_ten_seconds_for_minutes_with_fifty_queued_and_five_running_nothing_lost(case: Case) -> None:
    case.stack.start("another")  # three children each
    places = [case.place() for _ in range(5)]
    for place in places:
        case.slow_download(place, seconds=20, times=None)
        case.queue(place, 11)
    case.api.until(lambda: sum(is_downloading(case, place) for place in places) == 5, "five downloads at once")
    for _ in range(12):
        case.stack.redis.flush()
        time.sleep(10)
    case.stack.simulator.faults.clear()
    case.wait_ready(list(case.ends), seconds=180)


@pytest.mark.parametrize("times", [3, pytest.param(10, marks=pytest.mark.slow)])
def test_restarted_again_and_again_no_worker_stays_deaf_or_ends(case: Case, times: int) -> None:
    place = case.place()
    for number in range(times):
        # Down in the middle of work: tasks end, and are acknowledged, while nobody listens.
        case.queue(place, 4, first=5 * number)
        case.stack.redis.stop(signal.SIGKILL)
        time.sleep(OUTAGES[number % len(OUTAGES)])
        case.stack.redis.heal()
        # One worker serves all queues here: were it deaf, nothing would move.
        case.queue(place, 1, first=5 * number + 4)
        case.wait_ready(list(case.ends), seconds=120)


@pytest.mark.slow
def test_down_for_a_minute_in_a_download_the_download_goes_on(case: Case) -> None:
    place = case.place()
    case.slow_download(place, seconds=10)
    key = case.queue_one(place)
    case.wait_for_download(place, share=0.1)
    case.stack.redis.stop(signal.SIGKILL)
    case.wait_ready([key], seconds=120)
    assert len(case.downloads(place)) == 1


@pytest.mark.slow
def test_download_that_outlasts_the_visibility_time_out_runs_once(case: Case) -> None:
    """After an hour a message that is not acknowledged is given to another worker: here after no time at all."""
    stack, place = case.stack, case.place()
    case.slow_download(place, seconds=20)
    key = case.queue_one(place)
    case.wait_for_download(place, share=0.05)
    before = deliveries(stack)
    stack.give_back_what_nobody_acknowledged()
    case.api.until(lambda: deliveries(stack) - before, "delivered again")
    (export,) = case.wait_ready([key], seconds=120)
    assert export["attempts"] == 0
    assert len(case.downloads(place)) == 1
    assert "worker_died" not in case.api.codes(key)


def deliveries(stack: Stack) -> set[str]:
    """Return the messages that were received more than once."""
    said = "".join(part.text() for part in stack.parts.values())
    counted = Counter(re.findall(r"Task exports\.advance\[([0-9a-f-]+)\] received", said))
    return {message for message, count in counted.items() if count > 1}
