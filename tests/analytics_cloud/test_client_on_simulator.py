"""The client against the bundled simulator: a whole life, and each of its faults."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from exports.analytics_cloud.client import AnalyticsCloudClient
from exports.analytics_cloud.replies import (
    Accepted,
    FailedUpstream,
    Preparing,
    ProbeReply,
    Ready,
    Rejected,
    Reply,
    TokenRejected,
    Unavailable,
    Unintelligible,
    Waiting,
)
from exports.analytics_cloud.simulator import Simulator, VirtualClock
from exports.analytics_cloud.streams import DownloadCut

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
FROM = datetime(2026, 10, 1, tzinfo=UTC)
TO = datetime(2026, 10, 31, 23, 59, 59, 999000, UTC)
TOKEN = "acmetoken0123456789"
TYPES = ["event", "identity", "individual", "membership", "page", "segment"]


class Desk:
    """A simulator whose clock moves when told, and a client of it."""

    def __init__(self, **options: object) -> None:
        self.simulator = Simulator(
            clock=VirtualClock(NOW), rhythm=300, duration=60, rows=20, tokens={"acme": TOKEN}, **options
        )
        self.simulator.start()
        self.client = self.client_with(TOKEN)

    def client_with(self, token: str) -> AnalyticsCloudClient:
        url = self.simulator.base_url
        return AnalyticsCloudClient(base_url=url, token=token, allowed_origins=[url])

    def ask(self, data_type: str = "page", date_from: datetime = FROM, date_to: datetime = TO) -> Reply:
        return self.client.ask(data_type, date_from, date_to, give_up_after=0.8, stall_seconds=0.5, max_bytes=10**8)

    def probe(self) -> ProbeReply:
        return self.client.probe(give_up_after=0.8)

    def wait(self, seconds: float) -> None:
        self.simulator.clock.advance(seconds)


@pytest.fixture
def desk() -> Iterator[Desk]:
    opened = Desk()
    yield opened
    opened.client.close()
    opened.simulator.stop()


@pytest.mark.parametrize("data_type", TYPES)
def test_export_goes_through_its_life(desk: Desk, data_type: str) -> None:
    assert desk.ask(data_type) == Waiting(NOW)
    assert desk.ask(data_type) == Waiting(NOW)
    desk.wait(310)
    running = desk.ask(data_type)
    assert isinstance(running, Preparing)
    assert running.created_at == NOW
    assert running.started_at is not None
    assert running.started_at > NOW
    desk.wait(60)
    ready = desk.ask(data_type)
    assert isinstance(ready, Ready)
    with zipfile.ZipFile(io.BytesIO(b"".join(ready.stream))) as archive:
        assert archive.testzip() is None


def test_bare_rows_of_an_old_server_are_the_file() -> None:
    desk = Desk(body="plain")
    try:
        desk.ask("segment")
        desk.wait(1000)
        ready = desk.ask("segment")
        assert isinstance(ready, Ready)
        assert b"".join(ready.stream).startswith(b"{")
    finally:
        desk.client.close()
        desk.simulator.stop()


def test_good_token_is_accepted(desk: Desk) -> None:
    assert desk.probe() == Accepted()


@pytest.mark.parametrize("rejection", ["401", "403", "500_empty", "blank"])
def test_unknown_token_is_rejected_however_the_server_says_it(rejection: str) -> None:
    desk = Desk(rejection=rejection)
    try:
        desk.client.close()
        desk.client = desk.client_with("unknowntoken")
        assert desk.ask() == TokenRejected()
        assert desk.probe() == TokenRejected()
    finally:
        desk.client.close()
        desk.simulator.stop()


@pytest.mark.parametrize(
    ("fault", "options", "reply"),
    [
        ("reject_401", {}, TokenRejected()),
        ("reject_403", {}, TokenRejected()),
        ("reject_500_empty", {}, TokenRejected()),
        ("reject_blank", {}, TokenRejected()),
        ("reject_500_html", {}, Unavailable("html", opens_breaker=True)),
        ("blank", {}, Unavailable("blank")),
        ("too_many", {}, Unavailable("http_429", opens_breaker=True)),
        ("too_many", {"retry_after": 30}, Unavailable("http_429", 30.0, opens_breaker=True)),
        ("unavailable", {"retry_after": 99999}, Unavailable("http_5xx", 21600.0, opens_breaker=True)),
        ("internal_error", {}, Unavailable("http_5xx", opens_breaker=True)),
        ("html", {}, Unavailable("html")),
        ("redirect", {}, Unintelligible("redirect_elsewhere")),
        ("odd_status", {}, Unintelligible("odd_status")),
        ("bad_request", {}, Rejected("refused")),
        ("bad_request_behind", {}, Rejected("refused")),
        ("answer", {"body": '{"error":"x"}'}, Unintelligible("odd_json")),
        ("reset", {}, Unavailable("connection", opens_breaker=True)),
        ("hang_up", {}, Unavailable("connection", opens_breaker=True)),
        ("hang_up", {"after": 20}, Unavailable("connection", opens_breaker=True)),
        ("drip_headers", {}, Unavailable("timeout")),
        ("drip", {}, Unavailable("timeout")),
        ("silence", {}, Unavailable("timeout")),
    ],
)
def test_fault_of_a_question_has_its_reply(desk: Desk, fault: str, options: dict[str, object], reply: Reply) -> None:
    desk.simulator.faults.add(fault, **options)
    assert desk.ask() == reply


@pytest.mark.parametrize("fault", ["bad_gateway", "gateway_timeout", "unavailable"])
def test_fault_of_a_gateway_is_unavailable(desk: Desk, fault: str) -> None:
    desk.simulator.faults.add(fault)
    reply = desk.ask()
    assert isinstance(reply, Unavailable)
    assert reply.opens_breaker


def test_failure_upstream_is_seen_once(desk: Desk) -> None:
    desk.simulator.faults.add("fails", times=1)
    desk.ask()
    desk.wait(1000)
    assert isinstance(desk.ask(), FailedUpstream)
    assert isinstance(desk.ask(), Waiting)


@pytest.mark.parametrize(
    ("fault", "options", "reason"),
    [
        ("empty_body", {}, "incomplete"),
        ("missing_last_chunk", {}, "incomplete"),
        ("reset", {"after": 400}, "reset"),
        ("hang_up", {"after": 400}, "incomplete"),
        ("silence", {"after": 400}, "stalled"),
    ],
)
def test_fault_of_a_file_cuts_the_download(desk: Desk, fault: str, options: dict[str, object], reason: str) -> None:
    desk.ask()
    desk.wait(1000)
    desk.simulator.faults.add(fault, **options)
    ready = desk.ask()
    assert isinstance(ready, Ready)
    with ready.stream as stream, pytest.raises(DownloadCut) as cut:
        b"".join(stream)
    assert cut.value.reason == reason


def test_requests_of_ours_that_are_wrong_are_rejected(desk: Desk) -> None:
    assert desk.ask("account") == Rejected("unknown_type")
    assert desk.ask(date_from=TO, date_to=FROM) == Rejected("wrong_order")
    assert desk.ask(date_from=NOW - timedelta(days=500)) == Rejected("outside_retention")
