"""The log and what it finds wrong: overlaps, repetitions, and what is never sent."""

import json
import socket
import threading
import time
from pathlib import Path

from tests.analytics_cloud.simulator.conftest import FROM, TO, Client


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


def test_two_questions_at_once_are_a_violation(client):
    client.simulator.faults.add("drip", times=1, pause=0.1, size=200)
    other = Client(client.simulator)
    asking = threading.Thread(target=client.ask)
    asking.start()
    wait_for(lambda: client.simulator.log)
    other.ask("event")
    asking.join()
    other.session.close()
    assert codes(client) == ["two-questions"]


def test_two_workspaces_may_ask_at_once(client):
    client.simulator.faults.add("drip", times=1, pause=0.1, size=200)
    other = Client(client.simulator, "bolttoken")
    asking = threading.Thread(target=client.ask)
    asking.start()
    wait_for(lambda: client.simulator.log)
    other.ask()
    asking.join()
    other.session.close()
    assert codes(client) == []


def download_beside(client: Client, work) -> None:
    """Do something while a file drips."""
    for type_ in ("page", "event"):
        client.ask(type_)
    client.simulator.clock.advance(1_000)
    client.simulator.faults.add("drip", times=1, pause=0.05, size=500, files_only=True)
    loading = threading.Thread(target=client.ask)
    loading.start()
    wait_for(lambda: any(entry.is_download and entry.answered_at for entry in client.simulator.log))
    other = Client(client.simulator)
    work(other)
    other.session.close()
    loading.join()


def test_a_question_beside_a_download_is_fine(client):
    download_beside(client, lambda other: other.ask("identity"))
    assert codes(client) == []


def test_two_downloads_at_once_are_a_violation(client):
    download_beside(client, lambda other: other.ask("event"))
    assert codes(client) == ["two-downloads"]


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


def test_a_client_that_hung_up_is_no_longer_on_the_wire(client):
    client.simulator.faults.add("silence", times=1)
    host, port = client.simulator.base_url.removeprefix("http://").split(":")
    target = client.url().partition(port)[2]
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer acmetoken0123456789\r\n\r\n".encode()
        )
        wait_for(lambda: client.simulator.log)
    client.ask()
    assert codes(client) == []


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
