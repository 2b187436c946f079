"""Trying a token with the probe, against the bundled simulator."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from exports.analytics_cloud.simulator import Simulator
from exports.models import AuditEntry, PauseCode, UpstreamHost, Workspace
from exports.services import lanes, token_test
from exports.services.refusals import Forbidden, WrongState
from exports.services.token_test import Verdict
from tests.support.cast import ACME_TOKEN, Cast, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    running = Simulator(port=0, tokens={"acme": ACME_TOKEN})
    running.start()
    yield running
    running.stop()


@pytest.fixture
def acme(cast: Cast, simulator: Simulator, settings: LazySettings) -> Workspace:
    settings.ANALYTICS_CLOUD_ORIGINS = [simulator.base_url]
    cast.acme.host = UpstreamHost.objects.create(origin=simulator.base_url)
    cast.acme.save(update_fields=["host"])
    return cast.acme


def test_good_token_is_accepted_and_its_success_noted(cast: Cast, acme: Workspace, simulator: Simulator) -> None:
    outcome = token_test.test_token(actor=cast.alice, workspace=acme)
    assert (outcome.verdict, outcome.message) == (Verdict.ACCEPTED, "Analytics Cloud accepts the token.")
    acme.refresh_from_db()
    assert acme.token_worked_at is not None
    assert acme.lane_until is None
    assert [entry.path for entry in simulator.log] == ["/api/reports"]
    assert AuditEntry.objects.get(action="token.tested").subject == "accepted"


@pytest.mark.parametrize("fault", ["reject_401", "reject_403", "reject_500_html", "reject_500_empty", "reject_blank"])
def test_rejected_token_pauses_the_workspace(cast: Cast, acme: Workspace, simulator: Simulator, fault: str) -> None:
    simulator.faults.add(fault)
    outcome = token_test.test_token(actor=cast.alice, workspace=acme)
    acme.refresh_from_db()
    if outcome.verdict is Verdict.REJECTED:
        assert acme.pause_code == PauseCode.TOKEN_REJECTED
    else:  # an error page may be the way's fault as well: nothing is concluded from it
        assert fault.startswith("reject_500")
        assert outcome.verdict is Verdict.UNAVAILABLE
        assert not acme.is_paused


def test_host_in_trouble_says_nothing_about_the_token_and_opens_the_breaker(
    cast: Cast, acme: Workspace, simulator: Simulator
) -> None:
    simulator.faults.add("unavailable", probe=True)
    assert token_test.test_token(actor=cast.alice, workspace=acme).verdict is Verdict.UNAVAILABLE
    acme.host.refresh_from_db()
    assert acme.host.failures == 1
    asked = len(simulator.log)
    assert token_test.test_token(actor=cast.alice, workspace=acme).verdict is Verdict.UNAVAILABLE
    assert len(simulator.log) == asked


def test_address_that_is_something_else_is_said_to_be(cast: Cast, acme: Workspace, simulator: Simulator) -> None:
    simulator.faults.add("answer", probe=True, body='{"hello": "world"}', content_type="application/json")
    outcome = token_test.test_token(actor=cast.alice, workspace=acme)
    assert outcome.verdict is Verdict.UNINTELLIGIBLE
    assert "address" in outcome.message


def test_probe_waits_for_the_lane_and_gives_up_with_a_sentence(
    cast: Cast, acme: Workspace, simulator: Simulator
) -> None:
    fence = lanes.take_question_lane(acme.pk)
    assert fence is not None
    with pytest.raises(WrongState, match="lane_busy"):
        token_test.test_token(actor=cast.alice, workspace=acme, wait_seconds=0.3)
    assert len(simulator.log) == 0
    lanes.release_question_lane(acme.pk, fence)
    assert token_test.test_token(actor=cast.alice, workspace=acme).verdict is Verdict.ACCEPTED


def test_probe_goes_once_the_lane_is_free(cast: Cast, acme: Workspace) -> None:
    Workspace.objects.filter(pk=acme.pk).update(lane_until=timezone.now() + timedelta(seconds=0.4))
    started = time.monotonic()
    assert token_test.test_token(actor=cast.alice, workspace=acme).verdict is Verdict.ACCEPTED
    assert time.monotonic() - started >= 0.3


def test_what_cant_be_tried_is_a_wrong_state(cast: Cast, settings: LazySettings) -> None:
    without = make_workspace("Initech", manager=cast.alice)
    with pytest.raises(WrongState, match="token_missing"):
        token_test.test_token(actor=cast.alice, workspace=without)
    settings.ANALYTICS_CLOUD_ORIGINS = ["https://elsewhere.example.com"]
    with pytest.raises(WrongState, match="base_url_refused"):
        token_test.test_token(actor=cast.alice, workspace=cast.acme)
    settings.TOKEN_ENCRYPTION_KEYS = ["b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3Q="]
    with pytest.raises(WrongState, match="token_unreadable"):
        token_test.test_token(actor=cast.alice, workspace=cast.acme)


def test_only_managers_try_tokens(cast: Cast) -> None:
    with pytest.raises(Forbidden):
        token_test.test_token(actor=cast.bob, workspace=cast.acme)
