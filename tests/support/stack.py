"""The portal as it is run: real web, worker, beat, Redis and database processes in folders and ports of their own.

Configured through the environment alone and set up through the management commands (design.md §6); a simulated
Analytics Cloud answers them.
"""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self
from urllib.parse import urlsplit
from weakref import WeakSet

import redis
from celery import Celery

from exports.analytics_cloud.simulator import Simulator
from tests.support.part import Part, marked_processes
from tests.support.patience import slowness
from tests.support.portal_api import PortalApi
from tests.support.portal_pages import PortalPages
from tests.support.redis_server import RedisServer
from tests.support.tcp_proxy import TcpProxy

REPOSITORY = Path(__file__).resolve().parents[2]
EMAIL, PASSWORD = "ada@example.com", "correct horse battery staple"
WEB, BEAT = "web", "beat"

# A day in seconds: everything that waits waits shortly.
QUICK = {
    "EXPORT_TICK_SECONDS": "0.3",
    "EXPORT_POLL_FIRST_SECONDS": "0.2",
    "EXPORT_POLL_MAX_SECONDS": "1",
    "EXPORT_LEASE_SECONDS": "3",
    "EXPORT_STALL_SECONDS": "2",
    "EXPORT_MIN_FREE_BYTES": "1000000",
    "WEB_CONCURRENCY": "1",
}


@dataclass(frozen=True)
class Worker:
    """A worker process: its name, the queues it serves, how many children it forks."""

    name: str = "worker"
    queues: str = "poll,transfer,convert"
    children: int = 3


class Stack:
    """All processes, started on entering and gone after leaving, whatever became of them.

    Args:
        database_url: as ``DATABASE_URL`` takes it; empty for an SQLite file in the stack's folder.
        workers: which worker processes there are.
        settings: ``EXPORT_*`` and others, over `QUICK`.
        simulator: arguments of the simulated Analytics Cloud, over quick ones.
        export_root: where files are kept; a folder of the stack by default.

    Attributes:
        folder: logs, database, temporary files.
        api: the site administrator's program.
        pages: the site administrator's browser.
        canaries: every secret that must show up nowhere.
        way: a line to Analytics Cloud that can be closed.
        accepted: ids of all exports that the portal ever accepted here.
    """

    def __init__(
        self,
        *,
        database_url: str = "",
        workers: Sequence[Worker] = (Worker(),),
        settings: Mapping[str, str] | None = None,
        simulator: Mapping[str, Any] | None = None,
        export_root: Path | None = None,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lac-stack-"))
        self.database_url = database_url or f"sqlite:///{self.folder / 'db.sqlite3'}"
        self.export_root = export_root or self.folder / "exports"
        self.simulator = Simulator(**({"rhythm": 0.4, "duration": 0.1, "rows": 300, "tokens": {}} | (simulator or {})))
        self.way = TcpProxy(_address_of(self.simulator.base_url))
        self.redis = RedisServer()
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.canaries: list[str] = []
        self.accepted: set[str] = set()
        self.workers = tuple(workers)
        self.parts: dict[str, Part] = {}
        self._extra: dict[str, dict[str, str]] = {}
        self._warm: subprocess.Popen[str] | None = None
        self._settings = QUICK | _unhurried() | dict(settings or {})
        self.api = PortalApi(self.url, "")
        self.pages = PortalPages(self.url, EMAIL, PASSWORD)
        for name in ("logs", "tmp", "points"):
            (self.folder / name).mkdir()

    # Life ----------------------------------------------------------------------------------------------------

    _alive: ClassVar["WeakSet[Stack]"] = WeakSet()

    def __enter__(self) -> Self:
        self._alive.add(self)
        try:
            self.simulator.start()
            self.way.open()
            self.redis.start()
            self.warm_manage("migrate", "--verbosity", "0")
            self._start_all()
            self.warm_manage("createsuperuser", "--noinput", "--email", EMAIL, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
            (token,) = self.warm_manage("create_api_token", "--email", EMAIL, "--name", "fault tests")
            self.canaries += [token, PASSWORD]
            self.api = PortalApi(self.url, token)
            self.wait_until_up()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._alive.discard(self)
        self.pages.close()
        for part in self.parts.values():
            part.signal_group(signal.SIGKILL)
        if self._warm is not None:
            self._warm.kill()
            self._warm.communicate()
        self.redis.__exit__(None, None, None)
        for pid in marked_processes(self._marker):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for part in self.parts.values():
            with suppress(AssertionError):
                part.wait(10)
        self.way.refuse()
        self.simulator.stop()
        if not os.environ.get("LAC_STACK_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    @classmethod
    def freeze_all(cls) -> None:
        """Stop every stack's processes until it is healed: one that looks for work in vain takes a core's sixteenth."""
        for stack in cls._alive:
            for part in stack.parts.values():
                part.signal_group(signal.SIGSTOP)

    def wait_until_up(self, seconds: float = 180) -> None:
        """Wait until the web process answers and each worker says it is ready."""
        self.api.until(self._is_up, f"web and workers up; {self.tails()}", seconds=seconds)

    def _is_up(self) -> bool:
        dead = [name for name, part in self.parts.items() if not part.is_running]
        assert not dead, f"{dead} ended by themselves\n{self.tails()}"
        said = all(" ready." in self.parts[worker.name].text() for worker in self.workers)
        return said and self.api.call("GET", "exports?limit=1").status_code == 200

    # Configuration -------------------------------------------------------------------------------------------

    def environment(self, **more: str) -> dict[str, str]:
        """Return the whole environment of a process of the portal."""
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "TMPDIR": str(self.folder / "tmp"),
            "SECRET_KEY": "stack-" + "k" * 50,
            "TOKEN_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis.url,
            "PUBLIC_URL": self.url,
            "EXPORT_ROOT": str(self.export_root),
            "EMAIL_URL": f"filemail:///{self.folder / 'mails'}",
            "ANALYTICS_CLOUD_ORIGINS": f"{self.simulator.base_url},{self.way_origin}",
            "LAC_CRASH_POINTS": str(self.folder / "points"),
            self._marker.partition("=")[0]: self._marker.partition("=")[2],
        } | (self._settings | more)

    @property
    def way_origin(self) -> str:
        """Return another allowed origin of the same Analytics Cloud: the way there can be closed and cut."""
        return f"http://127.0.0.1:{self.way.port}"

    @property
    def _marker(self) -> str:
        return f"LAC_STACK={self.folder}"

    def arm(self, point: str, how: str = "SIGKILL") -> None:
        """Have the next process that reaches a named point of the code receive a signal there (crash_points.py)."""
        (self.folder / "points" / point).write_text(how)

    def is_armed(self, point: str) -> bool:
        """Tell whether nobody has reached the point yet."""
        return (self.folder / "points" / point).exists()

    # Processes -----------------------------------------------------------------------------------------------

    def manage(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """Run a management command; return its standard output.

        Raises:
            AssertionError: it failed; with what it said.
        """
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=REPOSITORY,
            env=self.environment(**environment),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, f"manage.py {arguments[0]}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
        return done.stdout

    def start(self, name: str, **environment: str) -> None:
        """Start a part that does not run: ``web``, ``beat`` or a worker's name; with settings of its own, if given."""
        self._extra[name] = environment
        part = self.parts.setdefault(
            name, Part(name, self._command(name), cwd=REPOSITORY, log=self.folder / "logs" / f"{name}.log")
        )
        part.start(self.environment(**environment))

    def restart(self, name: str, **environment: str) -> None:
        """Kill a part if it runs, and start it with other settings; workers: wait until it is ready."""
        part = self.parts[name]
        if part.is_running:
            part.kill()
        before = part.text().count(" ready.")
        self.start(name, **environment)
        if name not in (WEB, BEAT):
            self.api.until(lambda: part.text().count(" ready.") > before, f"{name} ready\n{part.tail()}")

    def stop_workers(self) -> None:
        """Ask all workers to stop in good order, and wait."""
        for worker in self.workers:
            self.parts[worker.name].terminate()

    def heal(self) -> None:
        """Bring everything back that a case took away, so that the next one begins in good health."""
        for marker in (self.folder / "points").iterdir():
            marker.unlink(missing_ok=True)
        self.simulator.faults.clear()
        self.way.open()
        self.redis.heal()
        for name in (WEB, BEAT, *(worker.name for worker in self.workers)):
            self.thaw(name)
            if not self.parts[name].is_running or self._extra[name]:
                self.restart(name)
        for name in set(self.parts) - {WEB, BEAT, *(worker.name for worker in self.workers)}:
            self.parts.pop(name).kill()
        self.wait_until_up()

    def _start_all(self) -> None:
        for worker in self.workers:
            self.start(worker.name)
        self.start(BEAT)
        self.start(WEB)

    def _command(self, name: str) -> list[str]:
        celery = [sys.executable, "-m", "celery", "-A", "lacportal"]
        if name == WEB:
            port = self.url.rpartition(":")[2]
            return [sys.executable, "-m", "gunicorn", "lacportal.wsgi", "--bind", f"127.0.0.1:{port}"]
        if name.startswith(BEAT):
            return [*celery, "beat"]
        worker = next((worker for worker in self.workers if worker.name == name), Worker(name))
        return [
            *(*celery, "worker", "-Q", worker.queues, "-n", f"{name}@%h"),
            *("-c", str(worker.children), "--loglevel", "INFO"),
        ]

    def thaw(self, name: str) -> None:
        """Let a frozen part and its children run on."""
        self.parts[name].signal_group(signal.SIGCONT)

    def children_of_workers(self) -> list[int]:
        """Return the forked processes of all workers."""
        return [pid for worker in self.workers for pid in self.parts[worker.name].children]

    def ring(self, key: str, queue: str) -> None:
        """Put one message for an export into a queue, as the doorbell does."""
        broker = self.redis.url.replace("unix://", "redis+socket://", 1)
        with Celery(broker=broker).connection_for_write() as connection:
            Celery().send_task("exports.advance", args=[key], queue=queue, connection=connection, ignore_result=True)

    def give_back_what_nobody_acknowledged(self) -> None:
        """Let the visibility time-out of all messages be over, and do what each worker then does now and then."""
        with redis.Redis.from_url(self.redis.url) as client:
            for tag in client.zrange("unacked_index", 0, -1):
                client.zadd("unacked_index", {tag: 1})
        broker = self.redis.url.replace("unix://", "redis+socket://", 1)
        with Celery(broker=broker).connection_for_write() as connection:
            connection.default_channel.qos.restore_visible(interval=1)

    # Looking inside ------------------------------------------------------------------------------------------

    def warm(self, command: str) -> list[str]:
        """Run a command of `warm_commands` in a process that stays up; return what it found, a line each.

        Raises:
            AssertionError: the process broke.
        """
        if self._warm is None:
            self._warm = subprocess.Popen(
                [sys.executable, "-m", "tests.support.warm_commands"],
                cwd=REPOSITORY,
                env=self.environment(DJANGO_SETTINGS_MODULE="lacportal.settings"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._warm.stdin is not None
        assert self._warm.stdout is not None
        self._warm.stdin.write(command + "\n")
        self._warm.stdin.flush()
        answer = self._warm.stdout.readline()
        assert answer, "the process of commands ended"
        return list(json.loads(answer))

    def warm_manage(self, *arguments: str, **environment: str) -> list[str]:
        """Run a management command there, as `manage` would; return the lines of its standard output."""
        return self.warm(f"manage {json.dumps([arguments, environment])}")

    def tails(self) -> str:
        """Return the ends of all logs."""
        return "\n".join(f"--- {name}\n{part.tail()}" for name, part in self.parts.items())

    def files(self) -> list[str]:
        """Return the names in the folder of files."""
        return sorted(entry.name for entry in self.export_root.iterdir()) if self.export_root.exists() else []


def _unhurried() -> dict[str, str]:
    """On a busy machine a worker that lives may be silent for seconds: leases and patience are longer there."""
    return {name: f"{float(QUICK[name]) * slowness():.1f}" for name in ("EXPORT_LEASE_SECONDS", "EXPORT_STALL_SECONDS")}


def new_token() -> str:
    """Return a workspace token of the documented form: 55 lower-case letters and digits."""
    return ("canary" + secrets.token_hex(30))[:55]


def wait_while(condition: Any, what: str, seconds: float = 60) -> None:
    """Wait until a condition of this process's own no longer holds.

    Raises:
        TimeoutError: it still holds after ``seconds``.
    """
    end = time.monotonic() + seconds * slowness()
    while condition():
        if time.monotonic() > end:
            raise TimeoutError(f"still after {seconds:g} s: {what}")
        time.sleep(0.02)


def _address_of(origin: str) -> tuple[str, int]:
    parts = urlsplit(origin)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
