"""What is asked and how it is refused (analytics-cloud-api.md §1, §2)."""

import http.client

import pytest

from exports.analytics_cloud.simulator import Simulator
from tests.analytics_cloud.simulator.conftest import FROM, TO, Client

TYPE_MESSAGE = (
    'The "type" query parameter must be either "event", "identity", "individual", "membership", "page", or "segment".'
)
BLANK_MESSAGE = (
    '"fromDate" and "toDate" query parameters are mandatory and must be ISO 8601 compliant '
    "yyyy-MM-dd'T'HH:mm[:ss.SSS'Z']"
)
PARSE_MESSAGE = "Both dates in range must be ISO 8601 compliant yyyy-MM-dd'T'HH:mm[:ss.SSS'Z']"
ORDER_MESSAGE = 'Wrong range date. "fromDate" cannot be after "toDate"'


def refusal(response) -> str:
    assert response.status_code == 400
    assert response.json().keys() == {"status", "message"}
    assert response.json()["status"] == "ERROR"
    return response.json()["message"]


@pytest.mark.parametrize("type_", ["event", "identity", "individual", "membership", "page", "segment"])
def test_each_type_is_known_and_answered_in_capitals(client, type_):
    assert client.ask(type_).json()["type"] == type_.upper()


@pytest.mark.parametrize("type_", ["account", "Page", "PAGE", "pages", ""])
def test_an_unknown_type_is_refused_before_anything_else(client, type_):
    assert refusal(client.ask(type_, from_="", to="nonsense")) == TYPE_MESSAGE


@pytest.mark.parametrize(("from_", "to"), [("", TO), (FROM, ""), ("  ", TO), ("nonsense", "")])
def test_a_blank_date_is_refused_before_dates_are_read(client, from_, to):
    assert refusal(client.ask(from_=from_, to=to)) == BLANK_MESSAGE


def test_a_missing_date_is_refused(client):
    response = client.session.get(f"{client.simulator.base_url}/api/reports/export/page", timeout=5)
    assert refusal(response) == BLANK_MESSAGE


@pytest.mark.parametrize(
    "date",
    [
        "2026-10-01",
        "2026-10-01T00:00:00Z",
        "2026-10-01T00:00:00.00Z",
        "2026-10-01T00:00:00.000000Z",
        "2026-10-01T00:00:00.000",
        "2026-10-01T00:00:00.000z",
        "2026-10-01T00:00:00.000+09:00",
        "2026-10-01T00:00:00.000+0000",
        "2026-10-01 00:00:00.000Z",
        "2026-10-01'T'00:00:00.000'Z'",
        "2026-13-01T00:00:00.000Z",
        "2026-10-32T00:00:00.000Z",
        "2026-10-01T24:00:00.000Z",
        "26-10-01T00:00:00.000Z",
        "٢٠٢٦-10-01T00:00:00.000Z",
        "1790000000000",
    ],
)
def test_a_date_of_another_form_is_refused(client, date):
    assert refusal(client.ask(from_=date)) == PARSE_MESSAGE
    assert any(line.startswith("bad-date") for line in client.simulator.violations())


def test_a_date_to_the_minute_is_taken_and_answered_in_full(client):
    assert client.ask(from_="2026-10-01T00:00").json()["fromDate"] == "2026-10-01T00:00:00.000Z"


def test_a_window_that_ends_before_it_begins_is_refused(client):
    assert refusal(client.ask(from_=TO, to=FROM)) == ORDER_MESSAGE


@pytest.mark.parametrize("type_", ["event", "page"])
def test_the_order_is_checked_before_the_back_end(client, type_):
    assert refusal(client.ask(type_, from_="2020-01-02T00:00:00.000Z", to="2020-01-01T00:00:00.000Z")) == ORDER_MESSAGE


def test_the_probe_answers_links_and_creates_nothing(client):
    response = client.probe()
    assert response.status_code == 200
    assert "_links" in response.json()
    assert client.simulator._world.describe() == []


@pytest.mark.parametrize(
    ("rejection", "status", "has_body", "content_type"),
    [
        ("401", 401, False, None),
        ("403", 403, False, None),
        ("500_empty", 500, False, None),
        ("500_html", 500, True, "text/html; charset=utf-8"),
        ("blank", 200, False, None),
    ],
)
def test_an_unknown_token_is_rejected_in_each_of_the_ways_seen(start, rejection, status, has_body, content_type):
    simulator = start(rejection=rejection).simulator
    stranger = Client(simulator, "unknowntoken")
    for response in (stranger.ask(), stranger.probe()):
        assert response.status_code == status
        assert bool(response.content) is has_body
        assert response.headers.get("Content-Type") == content_type
        assert (b"unknowntoken" in response.content) is has_body
    assert [entry.answer for entry in simulator.log] == ["rejected", "rejected"]
    stranger.session.close()


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic YWNtZTphY21l", "acmetoken0123456789"])
def test_a_request_without_a_bearer_token_is_rejected(client, header):
    client.session.headers["Authorization"] = header
    assert client.ask().status_code == 403


def test_a_replaced_token_is_rejected_and_the_new_one_is_known(client):
    client.simulator.replace_token("acme", "anothertoken")
    assert client.ask().status_code == 403
    client.session.headers["Authorization"] = "Bearer anothertoken"
    assert client.ask().status_code == 200
    client.simulator.replace_token("acme", "")
    assert client.ask().status_code == 403


def test_without_a_list_tokens_of_the_documented_form_open_workspaces_of_their_own(start):
    simulator = start(tokens=None).simulator
    names = {simulator.workspace_of(token) for token in ("demo-acme", "demo-bolt", "a1" * 27 + "z")}
    assert len(names) == 3
    assert None not in names
    for token in ("", "wrong", "A1" * 27 + "Z", "demo bolt", "x" * 54):
        assert simulator.workspace_of(token) is None


def test_without_a_list_a_workspace_can_still_get_another_token(start):
    simulator = start(tokens=None).simulator
    simulator.replace_token("acme", "sometoken")
    assert simulator.workspace_of("sometoken") == "acme"


def test_head_has_the_side_effect_of_get_and_is_a_violation(client):
    response = client.session.head(client.url(), timeout=5)
    assert (response.status_code, response.content) == (200, b"")
    assert "already been scheduled" in client.ask().json()["message"]
    assert any(line.startswith("method: HEAD") for line in client.simulator.violations())


def test_head_of_a_finished_export_sends_no_body(client, clock):
    client.ask()
    clock.advance(1_000)
    response = client.session.head(client.url(), timeout=5)
    assert response.headers["Content-Type"] == "application/zip"
    assert client.ask().content.startswith(b"PK")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_another_method_is_not_allowed_and_a_violation(client, method):
    response = client.session.request(method, client.url(), data=b"x=1", timeout=5)
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, HEAD, OPTIONS"
    assert any(line.startswith(f"method: {method}") for line in client.simulator.violations())
    assert client.ask().status_code == 200


def test_accepting_zip_alone_is_not_acceptable(client):
    assert client.ask(headers={"Accept": "application/zip"}).status_code == 406
    assert client.ask(headers={"Accept": "application/zip, */*;q=0.1"}).status_code == 200


def test_another_path_is_not_found(client):
    for path in ("/", "/api", "/api/reports/pages", "/api/reports/export", "/api/reports/export/page/file"):
        assert client.session.get(client.simulator.base_url + path, timeout=5).status_code == 404


def test_a_token_in_the_url_is_a_violation_and_is_not_logged(client):
    client.session.get(f"{client.simulator.base_url}/api/reports?token=acmetoken0123456789", timeout=5)
    assert any(line.startswith("token-in-url") for line in client.simulator.violations())
    assert all("acmetoken" not in str(entry.describe()) for entry in client.simulator.log)


def test_one_connection_serves_many_requests(client):
    host = client.simulator.base_url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=5)
    for _ in range(3):
        connection.request("GET", "/api/reports", headers={"Authorization": "Bearer acmetoken0123456789"})
        before = connection.sock
        assert connection.getresponse().read().startswith(b'{"_links"')
        assert connection.sock is before is not None
    connection.close()


def test_stopping_ends_open_connections_and_frees_the_port(start):
    client = start()
    client.ask()
    port = int(client.simulator.base_url.rpartition(":")[2])
    client.simulator.stop()
    with Simulator(port=port) as second:
        assert second.base_url.endswith(str(port))


def test_a_strange_rejection_is_refused_at_once():
    with pytest.raises(ValueError, match="rejection is one of"):
        Simulator(rejection="teapot")
