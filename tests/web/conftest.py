"""People in browsers."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from exports.models import Heartbeat, User
from exports.services import health
from tests.support.cast import cast as cast

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
Browse = Callable[[User], Client]


@pytest.fixture
def browse() -> Browse:
    """Open a signed-in browser for a person."""

    def opened(person: User) -> Client:
        client = Client()
        client.force_login(person, backend=BACKEND)
        return client

    return opened


@pytest.fixture(autouse=True)
def _no_attempts_before() -> None:
    """Sign-in counts attempts per address in the process's cache: each test begins with none."""
    cache.clear()


def show_life() -> None:
    """Leave signs of life of clock and workers that hold for nearly a minute."""
    later = timezone.now() + health.SILENT - timedelta(seconds=1)
    health.beat("worker", queues="poll,transfer,convert", at=later)
    health.beat(Heartbeat.TICK, queues="", at=later)


@pytest.fixture
def engine(db: None) -> None:
    """A clock and workers that are alive."""
    show_life()
