"""The product's own processes for a benchmark: a web server, with a site administrator, and a worker where wanted."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.support.processes import die_with_parent, stop

REPOSITORY = Path(__file__).resolve().parents[1]


class Portal:
    """A portal in a folder of its own, on a database and a Redis that are there already."""

    def __init__(self, database_url: str, redis_url: str, folder: Path, **settings: str) -> None:
        self.port = free_port()
        self.folder = folder
        self.export_root = folder / "exports"
        self.environment = os.environ | {
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": "benchmarks-only-" + "k" * 50,
            "TOKEN_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "EXPORT_ROOT": str(self.export_root),
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "GUNICORN_BIND": f"127.0.0.1:{self.port}",
            "WEB_CONCURRENCY": "2",
            **settings,
        }
        self.manage("migrate", "--verbosity", "0")
        self.manage("createsuperuser", "--noinput", "--email", "ada@example.com", password="a long password 42")
        self.token = self.manage("create_api_token", "--email", "ada@example.com", "--name", "benchmark").strip()

    def manage(self, *arguments: str, password: str = "") -> str:
        """Run a management command; return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=self.environment | {"DJANGO_SUPERUSER_PASSWORD": password},
            text=True,
            stdout=subprocess.PIPE,
            check=True,
        )
        return done.stdout

    @contextmanager
    def serving(self) -> Iterator["subprocess.Popen[bytes]"]:
        """Run the web server as in production."""
        with self.running("web", "-m", "gunicorn", "-c", "gunicorn.conf.py", "lacportal.wsgi") as web:
            self._wait_until_up()
            yield web

    @contextmanager
    def running(self, name: str, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Run one of the product's processes; its words go to a log in the folder."""
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=REPOSITORY,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )
        try:
            yield process
        finally:
            stop(process)

    def _wait_until_up(self) -> None:
        end = time.monotonic() + 180
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

    def make_workspace(self, name: str, base_url: str = "https://analytics.liferay.com") -> str:
        """Make a workspace; return its id."""
        status, made = self.ask("POST", "/api/v1/workspaces", {"name": name, "base_url": base_url, "time_zone": "UTC"})
        assert status == 201, made
        return str(made["id"])


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def descendants(pid: int) -> list[int]:
    """Return a process and all processes it started, oldest first."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, task.read_text().split())
    return found


def memory(pid: int, field: str = "VmRSS") -> float:
    """Return a process's resident memory (``VmRSS``), or its peak since `start_peak_over` (``VmHWM``), in MiB."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def start_peak_over(pids: Sequence[int]) -> None:
    """Let the peaks of processes be counted from here."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
