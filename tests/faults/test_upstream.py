"""Analytics Cloud is ill in every way the contract knows: the right end, and a sentence a person understands."""

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.analytics_cloud.certificates import server_context, write_certificate
from tests.analytics_cloud.scripted import ScriptedServer, reply
from tests.faults.case import TYPES, Case, Place
from tests.faults.checker import check
from tests.faults.sick_upstream import ODD_STATUSES, SICKNESSES, WAY, answer
from tests.support.patience import slowness
from tests.support.portal_api import ACTIVE
from tests.support.stack import WEB, Stack, new_token, wait_while

WHOSE = {"you", "token", "analytics_cloud", "us"}
TROUBLE = {"problem", "failed_upstream", "download_broken", "gate_refused"}
SENTENCE = re.compile(r"[A-Z“].*[.?!]( \(row \d+\))?", re.DOTALL)


@dataclass(frozen=True)
class Patient:
    """What became of an export whose Analytics Cloud had one sickness."""

    export: dict[str, Any]
    events: list[dict[str, Any]]
    requests: int


@pytest.fixture(scope="module")
def patients(one_machine: Stack) -> dict[str, Patient]:
    """One export per sickness, each in a workspace of its own, all at once; the checker looks at all of them."""
    one_machine.heal()
    case = Case(one_machine)
    case.tolerated.add("asked-after-stored")
    keys: dict[str, tuple[str, Place]] = {}
    for name, sickness in SICKNESSES.items():
        place = case.place()
        one_machine.simulator.faults.add(sickness.kind, workspace=place.name, times=sickness.times, **sickness.options)
        keys[name] = case.queue_one(place), place
        if sickness.error:
            case.accept(keys[name][0], "failed")
    ended = {export["id"]: export for export in case.api.wait_for(list(case.ends), "ready", "failed", seconds=240)}
    seen = {
        name: Patient(ended[key], case.api.events(key), len(case.entries(place))) for name, (key, place) in keys.items()
    }
    check(case)
    return seen


@pytest.mark.parametrize("name", SICKNESSES)
def test_fault_ends_right_with_a_sentence(patients: dict[str, Patient], name: str) -> None:
    sickness, patient = SICKNESSES[name], patients[name]
    export = patient.export
    story = [(event["code"], event["data"].get("problem", "")) for event in patient.events]
    assert export["status"] == ("failed" if sickness.error else "ready"), story
    if sickness.error:
        error = export["error"]
        assert error["code"].startswith(sickness.error)
        assert SENTENCE.fullmatch(error["message"])
        assert SENTENCE.fullmatch(error["next_action"])
        assert error["whose_turn"] in WHOSE
    if sickness.attempts is not None:
        assert export["attempts"] == sickness.attempts, story
    if sickness.problem:
        assert sickness.problem in [problem for _code, problem in story], story
    for event in patient.events:
        assert SENTENCE.match(event["message"][:1] + "."), event
        assert "_" not in event["message"], event
        assert "%(" not in event["message"], event


@pytest.mark.parametrize("name", WAY)
def test_fault_of_the_way_asked_politely(patients: dict[str, Patient], name: str) -> None:
    # Each hit, its confirmation by the probe, and a handful of looks until the file is there.
    assert patients[name].requests <= 2 * (WAY[name].times or 0) + 12


def paused(case: Case, place: Place) -> str:
    return str((case.api.get(f"workspaces/{place.id}")["paused"] or {}).get("code"))


@pytest.mark.parametrize("kind", ["reject_401", "reject_403", "reject_500_empty", "reject_blank"])
def test_token_rejected_in_the_middle_of_a_queue_pauses_and_a_new_token_goes_on(case: Case, kind: str) -> None:
    stack, place = case.stack, case.place()
    keys = case.queue(place, 8)
    # The one that hits after a few questions: some wait upstream by then, one may be arriving.
    rejected = stack.simulator.faults.add(kind, workspace=place.name, skip=3)
    case.api.until(lambda: paused(case, place) == "token_rejected", "paused")
    time.sleep(2.5)
    assert rejected.hits <= 2
    waiting = [export for export in map(case.api.export, keys) if export["status"] != "ready"]
    assert len(waiting) >= 4
    for export in waiting:
        assert export["status"] in ACTIVE
        assert export["waiting_for"]["code"] == "token_rejected"
    stack.simulator.faults.clear()
    token = new_token()
    stack.canaries.append(token)
    stack.simulator.replace_token(place.name, token)
    case.api.set_token(place.id, token)
    for export in case.wait_ready(keys):
        assert export["attempts"] == 0


def test_error_page_that_echoes_the_token_is_a_fault_of_the_way_and_kept_nowhere(case: Case) -> None:
    place = case.place()
    keys = case.queue(place, 3)
    case.stack.simulator.faults.add("reject_500_html", workspace=place.name, times=3, skip=1)
    for export in case.wait_ready(keys):
        assert export["attempts"] == 0
    assert not case.api.get(f"workspaces/{place.id}")["paused"]


def test_503_for_a_while_host_is_asked_once_per_round_and_all_finish_after(case: Case) -> None:
    places = [case.place() for _ in range(3)]
    broken = [case.stack.simulator.faults.add("unavailable", workspace=place.name) for place in places]
    keys = [key for place in places for key in case.queue(place, 4)]
    wait_while(lambda: not sum(fault.hits for fault in broken), "asked")
    time.sleep(3)  # the back-off has reached its most: one second here, five minutes in production
    before = sum(fault.hits for fault in broken)
    time.sleep(6)
    assert sum(fault.hits for fault in broken) - before <= 8
    (seen,) = case.api.wait_for(keys[:1], "queued", "waiting")
    assert seen["waiting_for"]["code"] == "upstream_unavailable"
    assert seen["waiting_for"]["since"]
    case.stack.simulator.faults.clear()
    for export in case.wait_ready(keys):
        assert export["attempts"] == 0


def test_refused_connections_for_a_while_all_finish_after(case: Case) -> None:
    case.stack.way.refuse()
    place = case.place(origin=case.stack.way_origin)
    keys = case.queue(place, 3)
    case.api.until(
        lambda: (case.api.export(keys[0])["waiting_for"] or {}).get("code") == "upstream_unavailable", "said so"
    )
    time.sleep(2)
    case.stack.way.open()
    for export in case.wait_ready(keys):
        assert export["attempts"] == 0
    assert "problem" in case.api.codes(keys[0])


@pytest.mark.slow
def test_stuck_running_asked_anew_for_a_shifted_window_and_said_so(case: Case) -> None:
    case.stack.restart("worker", EXPORT_DEADLINE_HOURS=str(3 / 3600))
    place = case.place()
    case.stack.simulator.faults.add("stuck", workspace=place.name, times=1)
    key = case.queue_one(place)
    (export,) = case.wait_ready([key])
    assert export["attempts"] == 1
    assert [event["data"]["shift_ms"] for event in case.api.events(key) if event["code"] == "stuck_upstream"] == [1]


@pytest.mark.slow
def test_stuck_running_for_ever_fails_in_words(case: Case) -> None:
    case.stack.restart("worker", EXPORT_DEADLINE_HOURS=str(3 / 3600))
    place = case.place()
    case.stack.simulator.faults.add("stuck", workspace=place.name)
    key = case.queue_one(place)
    case.accept(key, "failed")
    (export,) = case.api.wait_for([key], "failed")
    assert export["error"]["code"] == "upstream_stuck"


def test_upstream_copy_expired_while_we_were_down_made_anew(case: Case) -> None:
    stack, place = case.stack, case.place()
    key = case.queue_one(place)
    wait_while(lambda: not case.entries(place), "asked")
    stack.parts["worker"].kill()
    time.sleep(1.5)  # made by now, at the other end
    stack.simulator.clock.advance(25 * 3600)
    stack.restart("worker")
    (export,) = case.wait_ready([key])
    assert export["attempts"] == 0


def test_cancelled_in_a_download_asks_nothing_more_and_leaves_no_file(case: Case) -> None:
    place = case.place()
    case.slow_download(place, seconds=10)
    key = case.queue_one(place)
    case.wait_for_download(place, share=0.2)
    assert case.api.call("POST", f"exports/{key}/cancel").status_code == 200
    case.accept(key, "cancelled")
    wait_while(lambda: case.part_of(key) is not None, "the part of a cancelled download", seconds=6)
    before = len(case.entries(place))
    time.sleep(2)
    assert len(case.entries(place)) == before


@pytest.mark.slow
def test_certificate_nobody_vouches_for_token_never_sent_said_and_free(case: Case, tmp_path: Path) -> None:
    tls = server_context(write_certificate(tmp_path / "certificate"))
    with ScriptedServer(reply("503 Busy"), tls=tls) as impostor:
        origins = f"{case.stack.environment()['ANALYTICS_CLOUD_ORIGINS']},{impostor.origin}"
        for name in (WEB, "worker"):
            case.stack.restart(name, ANALYTICS_CLOUD_ORIGINS=origins)
        key = case.queue_one(case.place(origin=impostor.origin))
        case.api.until(lambda: "problem" in case.api.codes(key), "a problem")
        export = case.api.export(key)
        assert export["status"] in ACTIVE
        assert export["attempts"] == 0
        assert export["waiting_for"]["code"] == "upstream_unavailable"
        assert "No secure connection to Analytics Cloud could be made." in case.stack.pages.get(f"/exports/{key}/")
        assert impostor.requests == []
        assert case.api.call("POST", f"exports/{key}/cancel").status_code == 200
        case.accept(key, "cancelled")


@pytest.mark.slow
def test_thirty_odd_status_answers_each_charged_once_at_most_and_got_over(case: Case) -> None:
    keys = {}
    for body in ODD_STATUSES:
        place = case.place()
        case.stack.simulator.faults.add("answer", workspace=place.name, times=1, **answer(body))
        keys[case.queue_one(place)] = body
    for export in case.wait_ready(list(keys), seconds=240):
        said = TROUBLE.intersection(case.api.codes(export["id"]))
        assert export["attempts"] <= 1, keys[export["id"]]
        assert said or export["attempts"] == 0, keys[export["id"]]


@pytest.mark.slow
def test_500_queued_in_one_workspace_anothers_first_request_is_not_delayed(case: Case) -> None:
    """Sixty seconds are promised where upstream is asked about every fifteen; here it is asked every second."""
    stack, crowded, quiet = case.stack, case.place(), case.place()
    stack.simulator.faults.add("stuck", workspace=crowded.name)
    # Six types of so many days: all within what Analytics Cloud keeps, whichever of them it is asked for.
    crowd = [case.queue(crowded, 1, first=n // 6, type=TYPES[n % 6])[0] for n in range(500)]
    case.api.until(lambda: case.entries(crowded), "the crowd is asked")
    began = time.monotonic()
    key = case.queue_one(quiet)
    wait_while(lambda: not case.entries(quiet), "asked", seconds=60)
    delay = time.monotonic() - began
    assert delay < 10 * slowness(), delay
    case.wait_ready([key])
    upstream = {entry.key for entry in case.entries(crowded) if entry.key}
    assert 2 <= len(upstream) <= 24
    for number, one in enumerate(crowd):
        # 409: made meanwhile.
        assert case.api.call("POST", f"exports/{one}/cancel").status_code in (200, 409)
        case.accept(one, "cancelled", "ready")
        if number % 25:  # the checker looks at each export from all sides: some of so many tell enough
            del case.ends[one]
