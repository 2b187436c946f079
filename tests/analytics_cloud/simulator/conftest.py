"""A simulator on a real port whose clock only moves when told, and a client with the workspace's token."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest
import requests

from exports.analytics_cloud.simulator import Simulator, VirtualClock

TOKEN = "acmetoken0123456789"
FROM, TO = "2026-10-01T00:00:00.000Z", "2026-10-31T23:59:59.999Z"


class Client:
    """Asks as the portal would: one connection, one token."""

    def __init__(self, simulator: Simulator, token: str = TOKEN) -> None:
        self.simulator = simulator
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Bearer {token}"

    def url(self, type: str = "page", from_: str = FROM, to: str = TO) -> str:
        query = urlencode({"fromDate": from_, "toDate": to})
        return f"{self.simulator.base_url}/api/reports/export/{type}?{query}"

    def ask(self, type: str = "page", from_: str = FROM, to: str = TO, **options) -> requests.Response:
        options.setdefault("allow_redirects", False)
        return self.session.get(self.url(type, from_, to), timeout=10, **options)

    def probe(self) -> requests.Response:
        return self.session.get(f"{self.simulator.base_url}/api/reports", timeout=10)

    def fetch(self, type: str = "page", from_: str = FROM, to: str = TO) -> requests.Response:
        """Create the export, let the worker make it, and download it."""
        self.ask(type, from_, to)
        self.simulator.clock.advance(10_000)
        return self.ask(type, from_, to)


Starter = Callable[..., Client]


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2026, 11, 2, 9, 0, tzinfo=UTC))


@pytest.fixture
def start(clock: VirtualClock) -> Iterator[Starter]:
    """Start simulators with options of their own; all are stopped, and their clients closed, at the end."""
    clients: list[Client] = []

    def start_one(**options) -> Client:
        settings = {
            "clock": clock,
            "rhythm": 300,
            "duration": 60,
            "rows": 20,
            "tokens": {"acme": TOKEN, "bolt": "bolttoken"},
            **options,
        }
        simulator = Simulator(**settings)
        simulator.start()
        clients.append(Client(simulator))
        return clients[-1]

    yield start_one
    for client in clients:
        client.session.close()
        client.simulator.stop()


@pytest.fixture
def client(start: Starter) -> Client:
    return start()
