"""What balancers and alarms ask."""

import pytest
from django.test import Client

from exports.services import health


def test_live_answers_without_touching_the_database(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "Set-Cookie" not in answer.headers


@pytest.mark.django_db
def test_ready_is_bad_while_clock_or_workers_are_gone(client: Client) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert set(answer.json()["problems"]) == {"no_worker", "no_beat"}


@pytest.mark.django_db
@pytest.mark.usefixtures("engine")
def test_ready_is_good_when_all_are_there(client: Client) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "problems": []})
    health.leave("worker")
    assert client.get("/health/ready").status_code == 503


@pytest.mark.parametrize("address", ["/health/live", "/health/ready"])
def test_health_takes_no_post(address: str, client: Client) -> None:
    assert client.post(address).status_code == 405
