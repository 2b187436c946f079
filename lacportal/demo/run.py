"""The demo from start to end."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from lacportal.demo.check import CheckFailed, check
from lacportal.demo.child import Child
from lacportal.demo.display import Bars, greet
from lacportal.demo.folder import ROLES, DemoFolder, Running
from lacportal.demo.portal import Export, Portal, PortalRefused
from lacportal.demo.ports import Claims, choose_port
from lacportal.demo.supervisor import Stopped, Supervisor
from lacportal.demo.surroundings import SIMULATOR_PACE, source_folder, surroundings
from lacportal.embedded import EmbeddedRedis, embedded_redis

TYPES = ("event", "identity", "individual", "membership", "page", "segment")
SIMULATOR_PORT = 8099
START_SECONDS = 90.0
LOOK_SECONDS = 0.5


class DemoFailed(RuntimeError):
    """The demo could not do what it was asked for; the text is a sentence for people."""


class Demo:
    """Everything between the command and its end."""

    def __init__(self, *, console: Console, folder: Path, port: int, once: bool, seconds: float) -> None:
        self._console = console
        self._folder = DemoFolder(folder)
        self._wanted_port = port
        self._once = once
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._environment: dict[str, str] = {}

    def run(self) -> None:
        """Run until Ctrl-C, or with ``once`` until the files were checked.

        Raises:
            AlreadyRunning: in this folder.
            DemoFailed: it could not start; with ``once`` also when the files were not there in time, or not whole.
        """
        lock = self._folder.lock()
        before = self._folder.running()
        claims = Claims()
        port = choose_port(self._wanted_port, take=claims.take)
        if port != self._wanted_port:
            self._console.print(f"Port {self._wanted_port} is taken; the pages are at port {port}.")
        simulator_port = choose_port(before.simulator_port or SIMULATOR_PORT, take=claims.take)
        address = f"http://localhost:{port}"
        self._folder.note_running(Running(process=os.getpid(), address=address, simulator_port=simulator_port))
        supervisor = Supervisor(self._console, lock)
        try:
            self._start(supervisor, address, port, simulator_port)
        except Stopped:
            if self._once:
                raise DemoFailed("Stopped before the files were there.") from None
        finally:
            self._console.print("Stopping ...")
            supervisor.stop()

    def _start(self, supervisor: Supervisor, address: str, port: int, simulator_port: int) -> None:
        simulator = f"http://127.0.0.1:{simulator_port}"
        with self._console.status("Starting ..."):
            redis_url = os.environ.get("REDIS_URL") or self._start_redis(supervisor)
            secrets = self._folder.secrets()
            self._environment = surroundings(
                folder=self._folder, secrets=secrets, address=address, simulator=simulator, redis_url=redis_url
            )
            self._start_child(
                supervisor,
                "simulator",
                *("manage.py", "simulator", "--port", str(simulator_port), *SIMULATOR_PACE),
                *("--log", str(self._folder.logs / "simulator-requests.jsonl")),
            )
            workspace = self._prepare(supervisor)
            secrets = self._folder.secrets()
            self._start_portal(supervisor, port)
            portal = Portal(address, secrets.api_token)
            self._wait_for_pages(supervisor, portal)
        greet(
            self._console,
            address=address,
            people={f"{role}@demo.example": secrets.passwords[role] for role in ROLES},
            api_token=secrets.api_token,
            folder=str(self._folder.path),
            simulator=simulator,
        )
        exports = self._export_everything(supervisor, portal, workspace)
        if self._once:
            self._check(portal, exports)
            return
        self._console.print("\nRunning; Ctrl-C stops everything.")
        while True:
            supervisor.sleep(1)

    def _start_redis(self, supervisor: Supervisor) -> str:
        folder = self._folder.path / "redis"
        server = embedded_redis(folder)
        child = Child("redis", server.command(), dict(os.environ), self._folder.logs)
        supervisor.start(child)
        if not self._answers(supervisor, server, child):
            # Another version may have written what lies there. The queue is the database; nothing is lost with it.
            folder.rename(self._folder.path / f"redis-unreadable-{int(time.time())}")
            folder.mkdir()
            if not self._answers(supervisor, server, child):
                raise DemoFailed(f"The bundled Redis does not start. The end of {child.log}:\n{child.last_words()}")
        return server.url

    def _answers(self, supervisor: Supervisor, server: EmbeddedRedis, child: Child) -> bool:
        deaths = child.deaths
        end = time.monotonic() + 15
        while time.monotonic() < end and child.deaths == deaths:
            if server.is_answering():
                return True
            supervisor.sleep(0.05)
        return False

    def _prepare(self, supervisor: Supervisor) -> str:
        """Bring the database up to date in a process of its own; return the workspace's id."""
        with (self._folder.logs / "prepare.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  # nosec B603  # our own program
                [sys.executable, "-m", "lacportal.demo.prepare", str(self._folder.path)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=source_folder(),
                env=self._environment,
            )
            try:
                while process.poll() is None:
                    supervisor.sleep(0.1)
            finally:
                process.kill()
            said, _ = process.communicate()
        if process.returncode:
            raise DemoFailed(
                f"The database of the demo could not be brought up to date; {log.name} tells why. To begin anew, "
                f"delete {self._folder.path}"
            )
        return str(json.loads(said)["workspace"])

    def _start_portal(self, supervisor: Supervisor, port: int) -> None:
        self._start_child(
            supervisor,
            "web",
            *("-m", "gunicorn", "lacportal.wsgi", "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"),
            *("--workers", "2", "--threads", "32", "--no-control-socket", "--graceful-timeout", "5"),
        )
        self._start_child(
            supervisor,
            "worker",
            *("-m", "celery", "-A", "lacportal", "worker", "-Q", "poll,transfer,convert", "--concurrency", "4"),
            *("--loglevel", "INFO", "--without-gossip", "--without-mingle"),
        )
        self._start_child(supervisor, "beat", *("-m", "celery", "-A", "lacportal", "beat", "--loglevel", "INFO"))

    def _start_child(self, supervisor: Supervisor, name: str, *arguments: str) -> None:
        supervisor.start(Child(name, [sys.executable, *arguments], self._environment, self._folder.logs))

    def _wait_for_pages(self, supervisor: Supervisor, portal: Portal) -> None:
        end = time.monotonic() + START_SECONDS
        while not portal.is_up():
            if time.monotonic() > end:
                raise DemoFailed(f"The pages did not come up within {START_SECONDS:g} s; see {self._folder.logs}")
            supervisor.sleep()

    def _export_everything(self, supervisor: Supervisor, portal: Portal, workspace: str) -> list[Export]:
        """Queue one export of each type, and show them until none is active."""
        try:
            exports = [portal.queue(workspace, data_type) for data_type in TYPES]
        except PortalRefused as problem:
            raise DemoFailed(f"The exports could not be queued. {problem}") from problem
        with Bars(self._console) as bars:
            while True:
                for export in exports:
                    bars.show(export)
                waiting = [export for export in exports if export.is_active]
                if not waiting:
                    return exports
                if self._once and time.monotonic() > self._end:
                    where = ", ".join(f"{export.type} ({export.waits_for or export.status})" for export in waiting)
                    raise DemoFailed(
                        f"Not ready within {self._seconds:g} seconds: {where}. The logs are in {self._folder.logs}"
                    )
                supervisor.sleep(LOOK_SECONDS)
                exports = [self._look(portal, export) for export in exports]

    def _look(self, portal: Portal, export: Export) -> Export:
        if not export.is_active:
            return export
        try:
            return portal.look(export)
        except PortalRefused:
            return export  # the web process may just be starting again; the supervisor says so

    def _check(self, portal: Portal, exports: list[Export]) -> None:
        for export in exports:
            if export.status != "ready":
                raise DemoFailed(f"{export.type} ended as {export.status}. {export.problem}")
            try:
                path = check(portal, export, self._folder.path / "downloads")
            except (CheckFailed, PortalRefused) as problem:
                raise DemoFailed(f"The file of {export.type} is not right. {problem}") from problem
            self._console.print(
                f"{export.type:<12}downloaded, unzipped and checked: {export.rows:,} rows, SHA-256 "
                f"{(export.sha256 or '')[:12]}…  {path}",
                soft_wrap=True,
                highlight=False,
            )
        self._console.print(f"All {len(exports)} files are whole.")
