"""Each fault on its switch, over a real socket (analytics-cloud-api.md §2, §3)."""

import io
import threading
import time
import zipfile
from collections.abc import Callable
from email.utils import parsedate_to_datetime

import pytest
import requests
from requests.exceptions import ChunkedEncodingError, ConnectionError, ReadTimeout

from exports.analytics_cloud.simulator import Simulator
from exports.analytics_cloud.simulator.faults import Faults, parse_fault
from tests.analytics_cloud.simulator.conftest import FROM, TO, Client


def good_bytes(client: Client) -> bytes:
    return client.fetch().content


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until, "nothing happened"
        time.sleep(0.005)


def zip_error(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.testzip()
    except (zipfile.BadZipFile, ValueError) as error:
        return str(error)


class TestTokenAndGateway:
    @pytest.mark.parametrize(
        ("kind", "status", "starts"),
        [
            ("reject_401", 401, b""),
            ("reject_403", 403, b""),
            ("reject_500_empty", 500, b""),
            ("reject_500_html", 500, b"<!DOCTYPE html>"),
            ("reject_blank", 200, b""),
        ],
    )
    def test_a_rejection_hits_questions_and_the_probe(self, client, kind, status, starts):
        client.simulator.faults.add(kind)
        for response in (client.ask(), client.probe()):
            assert response.status_code == status
            assert response.content.startswith(starts)
            assert bool(response.content) is bool(starts)
        assert "Content-Type" not in response.headers or starts

    def test_the_html_rejection_echoes_the_token(self, client):
        client.simulator.faults.add("reject_500_html")
        assert "acmetoken0123456789" in client.ask().text

    def test_a_blank_answer_of_the_way_leaves_the_probe_alone(self, client):
        client.simulator.faults.add("blank")
        answer = client.ask()
        assert (answer.status_code, answer.content) == (200, b"")
        assert "Content-Type" not in answer.headers
        assert client.probe().ok

    @pytest.mark.parametrize(("kind", "status"), [("too_many", 429), ("unavailable", 503)])
    def test_a_busy_answer_says_when_to_come_back_in_seconds_or_as_a_date(self, client, kind, status):
        client.simulator.faults.add(kind, times=1)
        assert "Retry-After" not in client.ask().headers
        client.simulator.faults.add(kind, times=1, retry_after=7)
        answer = client.ask()
        assert (answer.status_code, answer.headers["Retry-After"]) == (status, "7")
        client.simulator.faults.add(kind, times=1, retry_after=3600, as_date=True)
        until = parsedate_to_datetime(client.ask().headers["Retry-After"])
        assert 3590 < until.timestamp() - time.time() <= 3600

    @pytest.mark.parametrize(
        ("kind", "status", "part"),
        [
            (
                "internal_error",
                500,
                '{"status":"ERROR","message":"An internal problem happened when trying to reach our',
            ),
            ("bad_gateway", 502, "<h1>502 Bad Gateway</h1>"),
            ("gateway_timeout", 504, "<h1>504"),
            ("html", 200, "<html>"),
            ("odd_status", 200, '{"status":"PAUSED"'),
            ("bad_request", 400, '{"status":"ERROR","message":"The request was refused"}'),
            ("bad_request_behind", 400, '{"description":"","message":"Bad Request"}'),
        ],
    )
    def test_a_gateways_answer_comes_before_the_server_and_creates_nothing(self, client, kind, status, part):
        client.simulator.faults.add(kind)
        answer = client.ask()
        assert answer.status_code == status
        assert part in answer.text
        assert client.simulator._world.describe() == []
        assert client.probe().ok

    def test_a_redirect_leads_to_the_same_path_elsewhere(self, client):
        client.simulator.faults.add("redirect", to="http://elsewhere.invalid:81", status=307)
        answer = client.ask()
        assert answer.status_code == 307
        assert answer.headers["Location"].startswith("http://elsewhere.invalid:81/api/reports/export/page?fromDate=")

    def test_a_scripted_answer_is_sent_as_written(self, client):
        client.simulator.faults.add(
            "answer", status=418, body="[]", content_type="text/x", headers={"X-Odd": "1"}, probe=True
        )
        answer = client.probe()
        assert (answer.status_code, answer.text) == (418, "[]")
        assert (answer.headers["Content-Type"], answer.headers["X-Odd"]) == ("text/x", "1")

    def test_a_scripted_answer_may_be_bytes(self, client):
        client.simulator.faults.add("answer", body=b"\xff\xfe")
        assert client.ask().content == b"\xff\xfe"


class TestBody:
    def test_a_cut_body_ends_cleanly_and_is_no_archive(self, client):
        good = good_bytes(client)
        client.simulator.faults.add("cut_body", times=1, at=100)
        assert client.ask().content == good[:100]
        client.simulator.faults.add("cut_body", times=1)
        assert client.ask().content == good[: len(good) // 2]
        assert client.ask().content == good

    def test_an_empty_body_is_200_with_the_type_of_a_file(self, client):
        good_bytes(client)
        client.simulator.faults.add("empty_body")
        answer = client.ask()
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["Content-Type"] == "application/zip"

    def test_a_flipped_bit_breaks_the_checksum_alone(self, client):
        good = good_bytes(client)
        client.simulator.faults.add("flipped_bit")
        bad = client.ask().content
        assert len(bad) == len(good)
        assert sum(one != other for one, other in zip(good, bad, strict=True)) == 1

    def test_a_flipped_bit_can_be_placed(self, client):
        good_bytes(client)
        client.simulator.faults.add("flipped_bit", at=0)
        assert not client.ask().content.startswith(b"P")

    def test_junk_stands_before_or_after_the_archive(self, client):
        good = good_bytes(client)
        client.simulator.faults.add("junk_before", times=1)
        assert client.ask().content.endswith(b"\n" + good)
        client.simulator.faults.add("junk_after", times=1, junk="tail")
        assert client.ask().content == good + b"tail"
        client.simulator.faults.add("two_archives", times=1)
        assert client.ask().content == good + good

    def test_two_entries_are_a_valid_zip(self, client):
        good_bytes(client)
        client.simulator.faults.add("two_entries")
        content = client.ask().content
        assert zip_error(content) is None
        assert len(zipfile.ZipFile(io.BytesIO(content)).namelist()) == 2

    def test_rows_cut_in_their_middle_are_a_valid_zip(self, client):
        good_bytes(client)
        client.simulator.faults.add("cut_rows")
        content = client.ask().content
        assert zip_error(content) is None
        rows = zipfile.ZipFile(io.BytesIO(content)).read("data.json")
        assert rows.count(b"\n") == 19
        assert not rows.endswith((b"\n", b"}"))

    def test_a_bad_row_is_a_valid_zip(self, client):
        good_bytes(client)
        client.simulator.faults.add("bad_row", row="nonsense")
        content = client.ask().content
        assert zipfile.ZipFile(io.BytesIO(content)).read("data.json").endswith(b"}\nnonsense\n")

    def test_bare_rows_can_be_cut_too(self, start):
        client = start(body="plain")
        client.fetch()
        client.simulator.faults.add("cut_rows")
        assert client.ask().content.startswith(b"PK")

    def test_a_harmed_file_is_not_whole_in_the_log(self, client):
        client.ask()
        client.simulator.clock.advance(1_000)
        client.simulator.faults.add("cut_body")
        client.ask()
        entry = client.simulator.log[-1]
        assert (entry.answer, entry.fault, entry.whole) == ("file", "cut_body", False)
        assert entry.sha256 != client.simulator.made("acme", "page", FROM, TO).sha256

    def test_a_body_fault_leaves_status_answers_alone(self, client):
        client.simulator.faults.add("empty_body", times=1)
        assert client.ask().json()["status"] == "PENDING"
        assert client.simulator.faults.describe()[0]["times"] == 1


class TestWire:
    def test_a_reset_comes_before_the_answer_yet_the_export_exists(self, client):
        client.simulator.faults.add("reset", times=1)
        with pytest.raises(ConnectionError):
            client.ask()
        assert "already been scheduled" in client.ask().json()["message"]

    def test_a_reset_in_the_middle_of_a_file_cuts_it(self, client):
        good_bytes(client)
        client.simulator.faults.add("reset", after=500)
        with pytest.raises((ConnectionError, ChunkedEncodingError)):
            client.ask()
        assert not client.simulator.log[-1].whole

    def test_hanging_up_within_the_headers_looks_like_an_empty_success(self, client):
        good_bytes(client)
        client.simulator.faults.add("hang_up", after=len("HTTP/1.1 200 OK\r\n"))
        answer = client.ask()
        assert (answer.status_code, answer.content) == (200, b"")
        wait_for(lambda: client.simulator.log[-1].ended_at)
        assert not client.simulator.log[-1].whole

    def test_a_missing_last_chunk_is_no_clean_end(self, client):
        good_bytes(client)
        client.simulator.faults.add("missing_last_chunk", files_only=True)
        with pytest.raises(ChunkedEncodingError):
            client.ask()

    @pytest.mark.parametrize("kind", ["drip", "drip_headers"])
    def test_a_dripping_answer_arrives_late_but_whole(self, client, kind):
        client.ask()
        client.simulator.faults.add(kind, size=40, pause=0.02)
        began = time.monotonic()
        assert client.ask().json()["status"] == "PENDING"
        assert time.monotonic() - began >= 0.04

    def test_a_dripping_file_arrives_whole(self, client):
        good = good_bytes(client)
        client.simulator.faults.add("drip", size=500, pause=0.005, files_only=True)
        assert client.ask().content == good
        wait_for(lambda: client.simulator.log[-1].ended_at)
        assert client.simulator.log[-1].whole

    def test_silence_says_nothing_until_the_client_leaves(self, client):
        client.simulator.faults.add("silence", times=1)
        with pytest.raises(ReadTimeout):
            client.session.get(client.url(), timeout=0.2)
        assert client.ask().ok
        assert client.simulator.violations() == []

    def test_silence_of_a_given_length_ends_in_a_reset(self, client):
        client.simulator.faults.add("silence", seconds=0.05)
        with pytest.raises(ConnectionError):
            client.ask()

    def test_silence_in_the_middle_of_a_file_stalls_it(self, client):
        good_bytes(client)
        client.simulator.faults.add("silence", after=400)
        with pytest.raises(ConnectionError):
            client.session.get(client.url(), timeout=0.2)

    def test_stopping_ends_a_silence(self, start):
        client = start()
        client.simulator.faults.add("silence")
        caught: list[Exception] = []

        def ask() -> None:
            try:
                client.ask()
            except ConnectionError as error:
                caught.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for(lambda: client.simulator.log)
        client.simulator.stop()
        asking.join(timeout=5)
        assert caught


class TestAiming:
    def test_a_fault_hits_its_workspace_and_type_only(self, client):
        client.simulator.faults.add("bad_gateway", workspace="acme", type="page")
        other = Client(client.simulator, "bolttoken")
        assert client.ask("page").status_code == 502
        assert client.ask("event").ok
        assert other.ask("page").ok
        other.session.close()

    def test_a_fault_hits_so_many_times_after_some_were_let_pass(self, client):
        client.simulator.faults.add("bad_gateway", skip=1, times=2)
        assert [client.ask().status_code for _ in range(5)] == [200, 502, 502, 200, 200]

    def test_a_fault_with_a_chance_hits_some(self, client):
        client.simulator.faults.add("bad_gateway", chance=0.5)
        assert {client.ask().status_code for _ in range(30)} == {200, 502}

    def test_a_removed_fault_hits_no_more(self, client):
        fault = client.simulator.faults.add("bad_gateway")
        assert client.ask().status_code == 502
        client.simulator.faults.remove(fault)
        assert client.ask().ok
        assert fault.hits == 1
        client.simulator.faults.add("bad_gateway")
        client.simulator.faults.clear()
        assert client.ask().ok

    def test_an_unknown_fault_or_parameter_is_refused(self):
        with pytest.raises(ValueError, match="unknown fault 'flood'"):
            Faults().add("flood")
        with pytest.raises(ValueError, match=r"reset takes \['after'\], not \['size'\]"):
            Faults().add("reset", size=1)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("fails", ("fails", {})),
            ("cut_body,type=page,times=2", ("cut_body", {"type": "page", "times": 2})),
            ("drip,pause=0.5,files_only=true", ("drip", {"pause": 0.5, "files_only": True})),
            ("redirect, to=http://h:1", ("redirect", {"to": "http://h:1"})),
        ],
    )
    def test_a_fault_of_the_command_line_is_read(self, text, expected):
        assert parse_fault(text) == expected

    def test_a_fault_of_the_command_line_without_value_is_refused(self):
        with pytest.raises(ValueError, match="'times' is not NAME=VALUE"):
            parse_fault("fails,times")


def test_a_token_never_reaches_another_simulator_unseen(start):
    """A redirect's target can be a second simulator: its log says whether a token came along."""
    client, elsewhere = start(), start()
    client.simulator.faults.add("redirect", to=elsewhere.simulator.base_url)
    requests.get(client.url(), headers={"Authorization": "Bearer acmetoken0123456789"}, timeout=5)
    assert [entry.token_sent for entry in elsewhere.simulator.log] in ([True], [False])


def test_a_file_still_being_made_when_its_time_is_up_is_running(clock, monkeypatch):
    monkeypatch.setattr("exports.analytics_cloud.simulator.world.PATIENCE", 0.01)
    with Simulator(clock=clock, rows=60_000, tokens={"acme": "acmetoken0123456789"}, duration=60) as simulator:
        client = Client(simulator)
        client.ask()
        clock.advance(1_000)
        assert client.ask().json()["status"] == "RUNNING"
        client.session.close()
