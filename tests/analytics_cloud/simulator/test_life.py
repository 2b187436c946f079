"""The life of an export upstream (analytics-cloud-api.md §2, §3)."""

import pytest

from tests.analytics_cloud.simulator.conftest import FROM, TO, Client

NEW = "A new data export file for this date range and type will be created. Please come back later."
SCHEDULED = "A data export for this date range and type has already been scheduled. Please come back later."
FAILED = (
    "The last data export for this date range and type failed. A new data export file will be created. "
    "Please come back later."
)
RUNNING = "The data export file for this date range and type is being created. Please come back later."


def situation(response) -> tuple[str, str]:
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json"
    return response.json()["status"], response.json()["message"]


def test_a_new_export_is_pending_with_every_value_a_string(client):
    answer = client.ask()
    assert answer.json() == {
        "fromDate": FROM,
        "toDate": TO,
        "createdDate": "2026-11-02T09:00:00.000Z",
        "type": "PAGE",
        "status": "PENDING",
        "message": NEW,
    }


def test_an_export_goes_from_new_over_scheduled_and_running_to_its_file(client, clock):
    assert situation(client.ask()) == ("PENDING", NEW)
    assert situation(client.ask()) == ("PENDING", SCHEDULED)
    clock.advance(299.9)
    assert situation(client.ask()) == ("PENDING", SCHEDULED)
    clock.advance(0.1)
    assert situation(client.ask()) == ("RUNNING", RUNNING)
    assert client.ask().json()["startedDate"] == "2026-11-02T09:05:00.000Z"
    clock.advance(59.9)
    assert situation(client.ask()) == ("RUNNING", RUNNING)
    clock.advance(0.1)
    assert client.ask().headers["Content-Type"] == "application/zip"


def test_the_file_is_kept_24_hours_and_then_made_anew(client, clock):
    client.ask()
    clock.advance(360)
    first = client.ask().content
    clock.advance(86_399)
    assert client.ask().content == first
    clock.advance(1)
    assert situation(client.ask()) == ("PENDING", NEW)
    assert client.simulator.made("acme", "page", FROM, TO) is not None


def test_a_failed_export_says_so_once_and_is_queued_again(client, clock):
    client.simulator.faults.add("fails", times=1)
    client.ask()
    clock.advance(360)
    assert situation(client.ask()) == ("PENDING", FAILED)
    assert situation(client.ask()) == ("PENDING", SCHEDULED)
    clock.advance(300)
    assert client.ask().content.startswith(b"PK")


def test_an_export_that_always_fails_loops(client, clock):
    client.simulator.faults.add("fails", type="page")
    client.ask()
    for _ in range(4):
        clock.advance(600)
        assert situation(client.ask()) == ("PENDING", FAILED)
        assert situation(client.ask()) == ("PENDING", SCHEDULED)


def test_some_versions_end_the_failed_message_with_a_blank(start, clock):
    client = start(blank_after_failed=True)
    client.simulator.faults.add("fails", times=1)
    client.ask()
    clock.advance(360)
    assert situation(client.ask()) == ("PENDING", FAILED + " ")


def test_a_stuck_export_runs_for_ever_and_a_window_one_millisecond_earlier_is_a_new_one(client, clock):
    client.simulator.faults.add("stuck", times=1)
    client.ask()
    clock.advance(7 * 86_400)
    assert situation(client.ask()) == ("RUNNING", RUNNING)
    shifted = "2026-09-30T23:59:59.999Z"
    assert situation(client.ask(from_=shifted)) == ("PENDING", NEW)
    clock.advance(600)
    assert client.ask(from_=shifted).content.startswith(b"PK")


def test_one_worker_makes_all_it_finds_one_after_another(client, clock):
    types = ("event", "individual", "page")
    for type_ in types:
        client.ask(type_)
    seen = []
    clock.advance(300)
    for _ in types:
        seen.append(sorted(client.ask(type_).json()["status"] for type_ in types if not made(client, type_)))
        clock.advance(60)
    assert seen == [["PENDING", "PENDING", "RUNNING"], ["PENDING", "RUNNING"], ["RUNNING"]]
    assert all(made(client, type_) for type_ in types)


def made(client: Client, type_: str) -> bool:
    return client.simulator.made("acme", type_, FROM, TO) is not None


def test_what_is_asked_during_a_run_waits_for_the_next_look(client, clock):
    client.ask("page")
    clock.advance(310)
    client.ask("event")
    clock.advance(289.9)  # the page was done long ago
    assert situation(client.ask("event")) == ("PENDING", SCHEDULED)
    clock.advance(0.1)
    assert situation(client.ask("event")) == ("RUNNING", RUNNING)


def test_a_run_longer_than_the_rhythm_is_not_interrupted_by_a_look(start, clock):
    client = start(duration=700)
    client.ask("page")
    clock.advance(300)
    client.ask("event")
    clock.advance(699)
    assert situation(client.ask("event")) == ("PENDING", SCHEDULED)
    clock.advance(200)  # the run ended at 1000 s, the next look is at 1200 s
    assert situation(client.ask("event")) == ("PENDING", SCHEDULED)
    clock.advance(1)
    assert situation(client.ask("event")) == ("RUNNING", RUNNING)


def test_workspaces_do_not_wait_for_each_other(client, clock):
    other = Client(client.simulator, "bolttoken")
    client.ask()
    assert situation(other.ask()) == ("PENDING", NEW)
    clock.advance(300)
    assert situation(client.ask())[0] == situation(other.ask())[0] == "RUNNING"
    other.session.close()


def test_the_identity_of_an_export_counts_milliseconds(client):
    client.ask()
    assert situation(client.ask(to="2026-10-31T23:59:59.998Z")) == ("PENDING", NEW)
    assert situation(client.ask()) == ("PENDING", SCHEDULED)


def test_a_duration_lies_between_its_bounds(start, clock):
    client = start(duration=(100.0, 200.0))
    client.ask()
    clock.advance(399)
    assert situation(client.ask())[0] == "RUNNING"
    clock.advance(101)
    assert client.ask().content.startswith(b"PK")


def test_the_retention_is_looked_at_only_when_an_export_is_made(client, clock):
    edge = "2025-10-08T09:00:00.000Z"  # 390 days before
    assert situation(client.ask(from_=edge)) == ("PENDING", NEW)
    clock.advance(360)
    assert client.ask(from_=edge).content.startswith(b"PK")
    refused = client.ask(type="event", from_=edge)
    assert refused.status_code == 400
    assert refused.json() == {
        "description": "The requested data is outside of your data retention period of 13 months. "
        "Please adjust the time range in your query accordingly.",
        "message": "Bad Request",
    }


def test_a_window_that_ends_in_the_future_is_taken(client):
    assert situation(client.ask(to="2031-01-01T00:00:00.000Z")) == ("PENDING", NEW)


@pytest.mark.parametrize("moment", [FROM, TO])
def test_a_window_of_one_moment_is_taken(client, moment):
    assert situation(client.ask(from_=moment, to=moment)) == ("PENDING", NEW)
