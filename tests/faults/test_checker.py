"""The checker that follows every case sees each thing it promises to see: planted here, found there."""

import base64
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import redis
import requests

from tests.faults.case import Case, Place
from tests.faults.checker import check
from tests.support.stack import Stack

Plant = Callable[[Case, Place, str], Callable[[], object]]


def in_a_file(path: Path, text: str) -> Callable[[], object]:
    path.write_text(text)
    return path.unlink


def secret_in_a_log(case: Case, place: Place, key: str) -> Callable[[], object]:
    return in_a_file(case.stack.folder / "logs" / "planted.log", f"Bearer {place.token}")


def secret_in_a_temporary_file(case: Case, place: Place, key: str) -> Callable[[], object]:
    return in_a_file(case.stack.folder / "tmp" / "planted", place.token)


def secret_in_a_message(case: Case, place: Place, key: str) -> Callable[[], object]:
    body = base64.b64encode(json.dumps([[place.token], {}]).encode()).decode()
    with redis.Redis.from_url(case.stack.redis.url) as client:
        client.lpush("planted", json.dumps({"body": body}))
    return case.stack.redis.flush


def secret_in_the_database(case: Case, place: Place, key: str) -> Callable[[], object]:
    again = case.api.call("POST", f"exports/{key}/run-again")
    assert again.status_code == 201
    case.accept(again.json()["id"])
    case.stack.canaries.append(again.json()["id"].replace("-", ""))  # as SQLite keeps it
    return case.stack.canaries.pop


def file_nobody_names(case: Case, place: Place, key: str) -> Callable[[], object]:
    return in_a_file(case.stack.export_root / "planted.txt", "?")


def export_that_is_gone(case: Case, place: Place, key: str) -> Callable[[], object]:
    case.ends["00000000-0000-4000-8000-000000000000"] = ("ready",)
    return dict


def other_end(case: Case, place: Place, key: str) -> Callable[[], object]:
    case.accept(key, "failed")
    return dict


def question_after_the_file_was_stored(case: Case, place: Place, key: str) -> Callable[[], object]:
    ask_by_hand(case, place)
    return dict


def two_questions_at_once(case: Case, place: Place, key: str) -> Callable[[], object]:
    case.stack.simulator.faults.add("silence", workspace=place.name, seconds=2.0)
    people = [threading.Thread(target=ask_by_hand, args=(case, place)) for _ in range(2)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    return dict


def open_files(case: Case, place: Place, key: str) -> Callable[[], object]:
    case.handles_before = dict.fromkeys(case.handles_before, -1000)
    return dict


def ask_by_hand(case: Case, place: Place) -> None:
    path = next(entry.path for entry in case.entries(place) if entry.key is not None)
    with suppress(requests.RequestException):
        requests.get(
            f"{case.stack.simulator.base_url}{path}", headers={"Authorization": f"Bearer {place.token}"}, timeout=4
        )


PLANTED: dict[Plant, str] = {
    secret_in_a_log: "a secret stands in logs/planted.log",
    secret_in_a_temporary_file: "a secret stands in tmp/planted",
    secret_in_a_message: "a secret stands in the broker's planted",
    secret_in_the_database: "a secret stands in db.sqlite3",
    file_nobody_names: "file nobody names: planted.txt",
    export_that_is_gone: "lost: 00000000",
    other_end: "ended ready, not",
    question_after_the_file_was_stored: "asked again after the file was stored",
    two_questions_at_once: "violation: two-questions",
    open_files: "open files grew",
}


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_planted_fault_is_found(one_machine: Stack, plant: Plant) -> None:
    one_machine.heal()
    case = Case(one_machine)
    place = case.place()
    key = case.queue_one(place)
    case.wait_ready([key])
    take_away = plant(case, place, key)
    try:
        with pytest.raises(AssertionError, match=PLANTED[plant].replace("(", r"\(")):
            check(case)
    finally:
        take_away()
