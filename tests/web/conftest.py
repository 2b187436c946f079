"""People in browsers."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from playwright.sync_api import ConsoleMessage, Page
from pytest_django.live_server_helper import LiveServer

from exports.models import Heartbeat, User
from exports.services import health
from tests.support.cast import Cast, make_cast
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


# A browser without a screen shows no message: what would be shown is kept.
STAND_IN = """
window.shown = [];
window.Notification = function (text) { window.shown.push(text); };
window.Notification.permission = "default";
window.Notification.requestPermission = function () {
  window.Notification.permission = "granted"; return Promise.resolve("granted");
};
"""


@pytest.fixture
def people(transactional_db: None) -> Cast:
    """The cast, in a database that a server's threads see."""
    return make_cast()


def is_fault(message: ConsoleMessage) -> bool:
    """Tell whether a message of the browser's console is one of ours to mend; it mentions refused forms there, too."""
    return message.type == "error" and "a status of 422" not in message.text


@pytest.fixture
def bobs(page: Page, people: Cast, live_server: LiveServer) -> Iterator[Page]:
    """Bob's browser, signed in; nothing may go wrong in it."""
    client, faults = Client(), []
    client.force_login(people.bob, backend=BACKEND)
    page.context.add_cookies(
        [{"name": name, "value": cookie.value, "url": live_server.url} for name, cookie in client.cookies.items()]
    )
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if is_fault(message) else None)
    page.add_init_script(STAND_IN)
    yield page
    page.goto("about:blank")
    assert faults == []
