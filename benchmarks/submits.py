"""1,000 submits in one burst through the API of a real web server. ``python -m benchmarks.submits [--quick]``

gunicorn as in production (2 × 32 threads), no workers; with Redis, without it, and with a Redis that hangs. Lost is
what was accepted and is not in the database afterwards.
"""

import argparse
import tempfile
import threading
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from queue import Empty, SimpleQueue

from benchmarks.databases import NAMES, database_url
from benchmarks.portal import Portal
from benchmarks.tables import print_table, quantile
from tests.support.redis_server import RedisServer

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
            portal = Portal(url, redis.url, Path(folder), REQUESTS_PER_SECOND="1000000")
            with portal.serving():
                workspaces = [portal.make_workspace(f"Space {number}") for number in range(WORKSPACES)]
                if state == "down":
                    redis.stop()
                elif state == "hung":
                    redis.freeze()
                lines.append([name, state, *_burst(portal, workspaces, submits)])
    return lines


def _burst(portal: Portal, workspaces: list[str], submits: int) -> list[object]:
    wishes: SimpleQueue[dict[str, str]] = SimpleQueue()
    for number in range(submits):
        start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
        wishes.put(
            {
                "workspace": workspaces[number % len(workspaces)],
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


def _stored(portal: Portal) -> set[str]:
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
