"""1,000 submits in one burst through the API of a real web server. ``python -m benchmarks.submits [--quick]``

gunicorn as in production (2 × 32 threads), no workers; with Redis, without it, and with a Redis that hangs. Lost is
what was accepted and is not in the database afterwards.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from benchmarks.databases import NAMES, database_url
from benchmarks.tables import print_table, quantile
from tests.support.processes import stop
from tests.support.redis_server import RedisServer

REPOSITORY = Path(__file__).resolve().parents[1]
SUBMITS, CLIENTS, WORKSPACES = 1_000, 100, 10
REDIS_STATES = ("up", "down", "hung")


def measure(name: str, submits: int) -> list[list[object]]:
    """Return a line for each state of Redis."""
    lines: list[list[object]] = []
    for state in REDIS_STATES:
        with (
            database_url(name) as url,
            tempfile.TemporaryDirectory(prefix="lac-benchmark-") as folder,
            RedisServer() as redis,
        ):
            portal = _Portal(url, redis.url, Path(folder))
            with portal.serving():
                if state == "down":
                    redis.stop()
                elif state == "hung":
                    redis.freeze()
                lines.append([name, state, *_burst(portal, submits)])
    return lines


class _Portal:
    """A web server of its own, with workspaces and a personal token."""

    def __init__(self, url: str, redis_url: str, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.folder = folder
        self.environment = os.environ | {
            "DATABASE_URL": url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "benchmarks-only-" + "k" * 50,
            "TOKEN_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "EXPORT_ROOT": str(folder / "exports"),
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "GUNICORN_BIND": f"127.0.0.1:{self.port}",
            "WEB_CONCURRENCY": "2",
        }
        self._manage("migrate", "--verbosity", "0")
        self._manage("createsuperuser", "--noinput", "--email", "ada@example.com", password="a long password 42")
        self.token = self._manage("create_api_token", "--email", "ada@example.com", "--name", "benchmark").strip()
        self.workspaces: list[str] = []

    def _manage(self, *arguments: str, password: str = "") -> str:
        environment = self.environment | {"DJANGO_SUPERUSER_PASSWORD": password}
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            check=True,
        )
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Run the web server."""
        with (self.folder / "web.log").open("wb") as log:
            web = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "-c", "gunicorn.conf.py", "lacportal.wsgi"],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            self._wait_until_up()
            for number in range(WORKSPACES):
                body = {"name": f"Space {number}", "base_url": "https://analytics.liferay.com", "time_zone": "UTC"}
                status, made = self.ask("POST", "/api/v1/workspaces", body)
                assert status == 201, made
                self.workspaces.append(made["id"])
            yield
        finally:
            stop(web)

    def _wait_until_up(self) -> None:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if self.ask("GET", "/api/v1/workspaces")[0] == 200:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError((self.folder / "web.log").read_text())

    def ask(self, method: str, path: str, body: Any = None, line: HTTPConnection | None = None) -> tuple[int, Any]:
        """Send one request; return status and document."""
        line = line or HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        line.request(method, path, json.dumps(body) if body else None, headers)
        answer = line.getresponse()
        return answer.status, json.loads(answer.read() or b"null")


def _burst(portal: _Portal, submits: int) -> list[object]:
    wishes: SimpleQueue[dict[str, str]] = SimpleQueue()
    for number in range(submits):
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        wishes.put(
            {
                "workspace": portal.workspaces[number % len(portal.workspaces)],
                "type": "page",
                "from": start.isoformat(),
                "to": (start + timedelta(minutes=59)).isoformat(),
            }
        )
    times: list[float] = []
    accepted: set[str] = set()
    statuses: Counter[int | str] = Counter()
    barrier = threading.Barrier(CLIENTS + 1)

    def client() -> None:
        line = HTTPConnection("127.0.0.1", portal.port, timeout=60)
        barrier.wait()
        while True:
            try:
                wish = wishes.get_nowait()
            except Empty:
                return
            began = time.perf_counter()
            try:
                status, document = portal.ask("POST", "/api/v1/exports", wish, line)
            except OSError as error:
                statuses[type(error).__name__] += 1
                line.close()
                continue
            times.append(time.perf_counter() - began)
            statuses[status] += 1
            if status in (200, 201):
                accepted.add(document["id"])

    clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
    for thread in clients:
        thread.start()
    barrier.wait()
    began = time.perf_counter()
    for thread in clients:
        thread.join()
    took = time.perf_counter() - began
    lost = len(accepted - _stored(portal))
    return [
        ", ".join(f"{count} × {status}" for status, count in statuses.most_common()),
        lost,
        f"{quantile(times, 0.5):.2f} s",
        f"{quantile(times, 0.95):.2f} s",
        f"{max(times):.2f} s",
        f"{submits / took:.0f}",
    ]


def _stored(portal: _Portal) -> set[str]:
    found: set[str] = set()
    cursor = ""
    while True:
        _status, page = portal.ask("GET", f"/api/v1/exports?limit=200&cursor={cursor}")
        found |= {item["id"] for item in page["items"]}
        cursor = page["next_cursor"] or ""
        if not cursor:
            return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 submits, SQLite only")
    quick = parser.parse_args().quick
    submits = 100 if quick else SUBMITS
    lines = [line for name in (NAMES[:1] if quick else NAMES) for line in measure(name, submits)]
    head = ["database", "Redis", "answers", "lost", "p50", "p95", "longest", "per second"]
    print_table(f"{submits:,} submits by {CLIENTS} clients at once", head, lines)


if __name__ == "__main__":
    main()
