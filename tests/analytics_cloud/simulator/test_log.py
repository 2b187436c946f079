"""The log and what it finds wrong: overlaps, repetitions, and what is never sent."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.analytics_cloud.simulator.conftest import FROM, TO, TOKEN, Client


def codes(client: Client) -> list[str]:
    return [line.partition(":")[0] for line in client.simulator.violations()]


def wait_for(condition) -> None:
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.005)


def test_a_well_behaved_client_leaves_no_violation(start, clock):
    client = start(duration=150)
    client.probe()
    for _ in range(3):
        client.ask()
        clock.advance(200)
    client.ask()
    assert client.simulator.violations() == []
    assert [entry.answer for entry in client.simulator.log] == ["probe", "pending", "pending", "running", "file"]


@contextmanager
def hanging(client: Client, type_: str = "page", *, after: int = 0) -> Iterator[None]:
    """A request that stays on the wire: its answer falls silent after so many bytes, its client just waits."""
    client.simulator.faults.add("silence", times=1, after=after)
    already = len(client.simulator.log)
    host, port = client.simulator.base_url.removeprefix("http://").split(":")
    target = client.url(type_).partition(port)[2]
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        wait_for(lambda: len(client.simulator.log) > already)
        if after:
            connection.recv(after)
        yield


def test_two_questions_at_once_are_a_violation(client):
    with hanging(client):
        client.ask("event")
    assert codes(client) == ["two-questions"]


def test_two_workspaces_may_ask_at_once(client):
    other = Client(client.simulator, "bolttoken")
    with hanging(client):
        other.ask()
    other.session.close()
    assert codes(client) == []


@pytest.fixture
def finished(client: Client) -> Client:
    """Two finished exports nobody has fetched yet."""
    for type_ in ("page", "event"):
        client.ask(type_)
    client.simulator.clock.advance(1_000)
    return client


def test_a_question_beside_a_download_is_fine(finished):
    with hanging(finished, after=500):
        finished.ask("identity")
    assert codes(finished) == []


def test_two_downloads_at_once_are_a_violation(finished):
    with hanging(finished, after=500):
        finished.ask("event")
    assert codes(finished) == ["two-downloads"]


def test_asking_again_for_a_file_that_arrived_whole_is_a_violation(client):
    client.fetch()
    client.ask()
    assert codes(client) == ["asked-after-stored"]


def test_asking_again_after_a_cut_file_is_fine(client, clock):
    client.simulator.faults.add("cut_body", times=1)
    client.fetch()
    client.ask()
    assert codes(client) == []


def test_asking_again_a_day_later_is_a_new_export(client, clock):
    client.fetch()
    clock.advance(86_400)
    client.ask()
    assert codes(client) == []


@pytest.mark.parametrize("after", [0, 500])
def test_a_client_that_hung_up_is_no_longer_on_the_wire(finished, after):
    with hanging(finished, after=after):
        pass
    finished.ask("event")
    assert codes(finished) == []


def test_a_request_of_nobody_known_is_logged_without_its_token(client):
    stranger = Client(client.simulator, "strangerstoken")
    stranger.ask()
    stranger.session.close()
    entry = client.simulator.log[0]
    assert (entry.workspace, entry.answer, entry.token_sent) == (None, "rejected", True)
    assert "strangerstoken" not in str(entry.describe())


def test_a_log_file_holds_a_line_for_each_request(start, tmp_path: Path):
    client = start(log_file=tmp_path / "log.jsonl")
    client.fetch()
    client.simulator.stop()
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["answer"] for line in lines] == ["pending", "file"]
    assert {"started_at", "ended_at", "workspace", "bytes", "sha256", "violations"} <= lines[1].keys()
    assert (lines[1]["type"], lines[1]["from"], lines[1]["to"]) == ("page", FROM, TO)
