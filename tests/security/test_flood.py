"""One person's flood leaves others served: 429 in words and when to come back; nobody is refused below 20 a second."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from exports.models import AuditEntry, Download
from exports.services import flood
from exports.services.flood import BURST_SECONDS, MOST_STREAMS, Meter, Places
from lacportal import environment
from tests.security.addresses import browser_of
from tests.support.cast import ApiCaller, Cast, close, content_of, make_ready_export
from tests.web.markup import check_page

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _slow(settings: LazySettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty requests use up a burst, and the clock stands still: how fast a test runs tells nothing."""
    settings.REQUESTS_PER_SECOND = 1.0
    monkeypatch.setattr(flood, "_requests", Meter(lambda: 1000.0))
    monkeypatch.setattr(flood, "_streams", Places())  # a file that some other test left unread still holds its place


def test_token_that_floods_is_told_so_and_others_are_served(cast: Cast) -> None:
    bobs, veras = ApiCaller(cast.bob), ApiCaller(cast.vera)
    answers = [bobs.get("exports") for _number in range(BURST_SECONDS + 1)]
    assert [answer.status_code for answer in answers] == [200] * BURST_SECONDS + [429]
    refused = answers[-1]
    assert refused["Content-Type"] == "application/problem+json"
    assert (refused.json()["code"], refused["Retry-After"]) == ("too_fast", "1")
    assert "Wait a moment" in refused.json()["detail"]
    assert veras.get("exports").status_code == 200
    assert ApiCaller(cast.bob).get("exports").status_code == 200  # each token is counted for itself


def test_unknown_token_that_floods_is_refused_unread(cast: Cast) -> None:
    caller = ApiCaller(None)
    caller.text = "lac_" + "x" * 43
    statuses = [caller.get("exports").status_code for _number in range(BURST_SECONDS + 1)]
    assert statuses == [401] * BURST_SECONDS + [429]


def test_person_who_floods_pages_is_told_so_whatever_browser_and_others_are_served(cast: Cast, engine: None) -> None:
    browsers = [browser_of(cast.bob), browser_of(cast.bob)]
    answers = [browsers[number % 2].get("/account/") for number in range(BURST_SECONDS + 1)]
    assert [answer.status_code for answer in answers] == [200] * BURST_SECONDS + [429]
    check_page(answers[-1])
    assert answers[-1]["Retry-After"] == "1"
    assert "Wait a moment" in answers[-1].content.decode()
    assert browser_of(cast.vera).get("/account/").status_code == 200


def test_stranger_who_floods_is_counted_by_address_and_people_are_served(cast: Cast) -> None:
    stranger = browser_of(None, REMOTE_ADDR="192.0.2.1")
    statuses = [stranger.get("/accounts/login/").status_code for _number in range(BURST_SECONDS + 1)]
    assert statuses == [200] * BURST_SECONDS + [429]
    assert browser_of(None, REMOTE_ADDR="192.0.2.2").get("/accounts/login/").status_code == 200
    assert browser_of(cast.bob, REMOTE_ADDR="192.0.2.1").get("/account/").status_code == 200


def test_balancer_may_ask_for_health_as_often_as_it_likes(db: None) -> None:
    client = browser_of(None)
    assert {client.get("/health/live").status_code for _number in range(5 * BURST_SECONDS)} == {200}


def test_downloads_of_one_person_leave_threads_for_others(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    callers = [ApiCaller(cast.bob) for _number in range(MOST_STREAMS // BURST_SECONDS + 1)]
    running = [callers[number // BURST_SECONDS].get(f"exports/{export.pk}/file") for number in range(MOST_STREAMS)]
    assert {answer.status_code for answer in running} == {200}
    refused = callers[-1].get(f"exports/{export.pk}/file")
    assert (refused.status_code, refused["Retry-After"]) == (429, str(flood.STREAM_RETRY_SECONDS))
    page = browser_of(cast.bob).get(f"/exports/{export.pk}/download/")
    assert page.status_code == 429
    assert "downloads running" in page.content.decode()
    assert Download.objects.count() == AuditEntry.objects.filter(action="export.downloaded").count() == MOST_STREAMS
    other = ApiCaller(cast.vera).get(f"exports/{export.pk}/file")
    assert other.status_code == 200
    content_of(other)
    close(running.pop())
    again = callers[-1].get(f"exports/{export.pk}/file")
    assert again.status_code == 200
    for answer in (again, *running):
        close(answer)
    assert flood._streams._held == {}


def test_record_taken_away_bit_by_bit_counts_as_a_download(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood, "MOST_STREAMS", 1)
    client = browser_of(cast.ada)
    running = client.get("/audit/csv/")
    assert running.status_code == 200
    assert client.get("/audit/jsonl/").status_code == 429
    content_of(running)
    content_of(client.get("/audit/jsonl/"))
    assert flood._streams._held == {}


def test_place_is_given_back_once_however_often_an_answer_is_closed() -> None:
    places = Places()
    first, second = places.take("a", 2), places.take("a", 2)
    assert first is not None
    assert second is not None
    first()
    first()
    assert places.take("a", 2) is not None
    assert places.take("a", 2) is None


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(0, 3), max_size=80), st.floats(20, 100))
def test_nobody_is_refused_who_keeps_to_the_rate(pauses: list[float], rate: float) -> None:
    moment = 0.0
    meter = Meter(lambda: moment)
    for pause in pauses:
        moment += max(pause, 1 / rate)
        assert meter.wait("a", rate=rate, burst=BURST_SECONDS * rate) == 0


def test_in_the_long_run_no_more_than_the_rate_goes_through_and_idle_keys_are_forgotten() -> None:
    moment = 0.0
    meter = Meter(lambda: moment)
    let_through = 0
    for _number in range(10_000):
        moment += 0.001
        let_through += meter.wait("a", rate=50, burst=300) == 0
    assert let_through == pytest.approx(300 + 50 * 10, abs=2)
    for number in range(flood.KEYS_KEPT + 10):
        moment += 0.1
        meter.wait(str(number), rate=50, burst=300)
    assert len(meter._full_until) <= flood.KEYS_KEPT


def test_less_than_what_is_promised_is_no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    told = (ROOT / "lacportal/settings.py").read_text()
    assert 'REQUESTS_PER_SECOND = environment.number("REQUESTS_PER_SECOND", 100, least=20)' in told
    monkeypatch.setenv("REQUESTS_PER_SECOND", "19")
    with pytest.raises(ImproperlyConfigured):
        environment.number("REQUESTS_PER_SECOND", 100, least=20)
