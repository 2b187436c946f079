"""The switchboard over HTTP, and the command's arguments."""

from argparse import ArgumentTypeError
from datetime import UTC, datetime

import pytest
import requests
from django.core.management import CommandError, call_command

from exports.analytics_cloud.simulator import RunningClock, control
from exports.management.commands.simulator import moment, named_token, span
from tests.analytics_cloud.simulator.conftest import FROM, TO


def call(client, method: str, path: str, **options) -> requests.Response:
    return requests.request(method, f"{client.simulator.base_url}/_simulator/{path}", timeout=5, **options)


def test_faults_are_switched_on_and_off_over_http(client):
    assert call(client, "POST", "faults", json={"kind": "bad_gateway", "times": 5}).json()[0]["kind"] == "bad_gateway"
    assert client.ask().status_code == 502
    assert call(client, "DELETE", "faults").json() == []
    assert client.ask().ok


def test_a_mistaken_fault_is_refused_with_a_sentence(client):
    answer = call(client, "POST", "faults", json={"kind": "flood"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("unknown fault")


def test_the_clock_the_state_and_what_was_made_can_be_read(client):
    client.ask()
    assert call(client, "POST", "clock", json={"advance": 1_000}).json() == "2026-11-02T09:16:40.000Z"
    state = call(client, "GET", "state").json()
    assert state["now"] == "2026-11-02T09:16:40.000Z"
    assert [export["status"] for export in state["exports"]] == ["COMPLETED"]
    made = call(client, "GET", f"made?workspace=acme&type=page&from={FROM}&to={TO}").json()
    assert made["sha256"] == client.simulator.made("acme", "page", FROM, TO).sha256
    assert made["rows"] == 20
    assert call(client, "GET", f"made?workspace=acme&type=event&from={FROM}&to={TO}").status_code == 404


def test_the_log_and_the_violations_can_be_read(client):
    client.fetch()
    client.ask()
    assert [entry["answer"] for entry in call(client, "GET", "log").json()] == ["pending", "file", "file"]
    assert len(call(client, "GET", "violations").json()) == 1


def test_tokens_are_replaced_over_http(client):
    assert call(client, "POST", "tokens", json={"acme": ""}).json() is True
    assert client.ask().status_code == 403


def test_an_unknown_switch_is_not_found(client):
    assert call(client, "GET", "nothing").status_code == 404


def test_only_this_machine_may_switch(client):
    parts = client.simulator._server.parts
    assert control.answer(parts, "192.0.2.7", "GET", "/_simulator/state", b"")[0] == 404
    assert control.answer(parts, "::1", "GET", "/_simulator/state", b"")[0] == 200


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2022-06-29", datetime(2022, 6, 29, tzinfo=UTC)),
        ("2022-06-29T17:50:46", datetime(2022, 6, 29, 17, 50, 46, tzinfo=UTC)),
        ("2022-06-29T17:50:46.824Z", datetime(2022, 6, 29, 17, 50, 46, 824_000, tzinfo=UTC)),
        ("2022-06-29T17:50:46+09:00", datetime(2022, 6, 29, 8, 50, 46, tzinfo=UTC)),
    ],
)
def test_the_commands_moment_is_utc_unless_it_says_otherwise(text, expected):
    assert moment(text) == expected


def test_the_commands_texts_are_read_or_refused():
    assert span("2") == (2.0, 2.0)
    assert span("0.5:3") == (0.5, 3.0)
    assert named_token("acme=a=b") == ("acme", "a=b")
    for read, text in ((moment, "yesterday"), (span, "a:b"), (named_token, "secrettoken")):
        with pytest.raises(ArgumentTypeError) as caught:
            read(text)
        assert "secrettoken" not in str(caught.value)


def test_a_port_that_is_taken_is_told_in_a_sentence(client):
    port = int(client.simulator.base_url.rpartition(":")[2])
    with pytest.raises(CommandError, match=f"Can't start on 127.0.0.1:{port}: Address already in use"):
        call_command("simulator", port=port)


def test_a_mistaken_fault_of_the_command_is_told_in_a_sentence():
    with pytest.raises(CommandError, match="--faults flood: unknown fault"):
        call_command("simulator", port=0, faults=["flood"])


def test_a_running_clock_runs_from_where_it_was_set_and_can_be_moved():
    clock = RunningClock(datetime(2022, 6, 29, tzinfo=UTC))
    first = clock.now()
    assert (first - datetime(2022, 6, 29, tzinfo=UTC)).total_seconds() < 5
    clock.advance(3600)
    assert 3600 <= (clock.now() - first).total_seconds() < 3605
    assert abs((RunningClock().now() - datetime.now(UTC)).total_seconds()) < 5
