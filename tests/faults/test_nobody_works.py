"""Workers and clock are gone, or there are too many of them: said on the page and to the alarm."""

import pytest
import requests

from tests.faults.case import Case
from tests.support.stack import BEAT


def health(case: Case) -> requests.Response:
    return requests.get(f"{case.stack.url}/health/ready", timeout=10)


def waits_for(case: Case, key: str) -> str:
    return str((case.api.export(key)["waiting_for"] or {}).get("code"))


def test_all_in_order_health_is_good(case: Case) -> None:
    case.api.until(lambda: health(case).status_code == 200, "health good")
    assert requests.get(f"{case.stack.url}/health/live", timeout=10).status_code == 200


def test_worker_stopped_in_good_order_export_says_at_once_that_it_waits_for_one(case: Case) -> None:
    case.stack.stop_workers()
    key = case.queue_one(case.place())
    case.api.until(lambda: waits_for(case, key) == "no_worker", "waiting_for no_worker", seconds=15)
    assert "No worker is running." in case.stack.pages.get(f"/exports/{key}/")
    assert health(case).status_code != 200
    case.stack.restart("worker")
    case.wait_ready([key])
    case.api.until(lambda: health(case).status_code == 200, "health good again")


@pytest.mark.slow
def test_worker_killed_export_says_within_a_minute_that_it_waits_for_one(case: Case) -> None:
    case.stack.parts["worker"].kill()
    key = case.queue_one(case.place())
    case.api.until(lambda: waits_for(case, key) == "no_worker", "waiting_for no_worker", seconds=60)
    assert health(case).status_code != 200
    case.stack.restart("worker")
    case.wait_ready([key])


@pytest.mark.slow
def test_beat_dead_health_is_bad_within_two_minutes_and_good_after_its_return(case: Case) -> None:
    case.stack.parts[BEAT].kill()
    case.api.until(lambda: health(case).status_code != 200, "health bad", seconds=120)
    assert "The clock (beat) is not running." in case.stack.pages.get("/")
    assert requests.get(f"{case.stack.url}/health/live", timeout=10).status_code == 200
    case.stack.start(BEAT)
    case.api.until(lambda: health(case).status_code == 200, "health good again", seconds=60)


def test_five_beats_nothing_doubled(case: Case) -> None:
    for number in range(2, 6):
        case.stack.start(f"{BEAT}{number}")
    keys = [key for place in (case.place(), case.place()) for key in case.queue(place, 5)]
    case.wait_ready(keys)
    for place in case.places.values():
        assert len(case.downloads(place)) == 5
