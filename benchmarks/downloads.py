"""Twenty people download one file at once, and nginx serves it itself. ``python -m benchmarks.downloads [--quick]``

Three servers of the same folder take turns: nginx alone; the production set-up (deploy/nginx/portal.conf in front of
gunicorn, X-Accel); the demo's server (gunicorn alone). Each round every person loads the whole file by curl, while
somebody opens pages (beside nginx alone, the demo's). Memory is that of all web processes together. Goals: 0.9 × nginx
in production, 0.7 × in the demo.
"""

import argparse
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from benchmarks.databases import database_url
from benchmarks.portal import Portal, descendants, free_port, memory
from benchmarks.settings import set_up
from benchmarks.tables import print_table, quantile
from tests.support.nginx_server import find_nginx, nginx

PEOPLE = 20
PAGE_EVERY = 0.5
SERVERS = ("nginx alone", "production", "demo")
ALONE = """server {{
        listen 127.0.0.1:{plain};
        location / {{
            root {files};
            sendfile on;
            tcp_nopush on;
        }}
    }}"""


class Round(NamedTuple):
    """Megabytes per second, seconds that pages took, and MiB of web memory before and at most."""

    rate: float
    pages: list[float]
    before: float
    most: float


def measure(megabytes: int, rounds: int, folder: Path) -> None:
    """Let the servers take turns, and print the table."""
    program = find_nginx()
    if program is None:
        raise SystemExit("nginx is missing: install Debian's `nginx-light`.")
    with ExitStack() as stack:
        url = stack.enter_context(database_url("sqlite"))
        demo = Portal(url, "redis://127.0.0.1:1/0", folder)
        name, path = _make_ready(demo, megabytes * 1_000_000)
        web = stack.enter_context(demo.serving())
        accelerated = _twin(demo)
        behind = stack.enter_context(accelerated.serving())
        front, plain = stack.enter_context(_nginx(program, folder, accelerated, demo.export_root))
        addresses = {
            "nginx alone": (f"http://127.0.0.1:{plain}/{name}", demo.port, web.pid),
            "production": (f"http://127.0.0.1:{front}{path}", front, behind.pid),
            "demo": (f"http://127.0.0.1:{demo.port}{path}", demo.port, web.pid),
        }
        for server in SERVERS:
            _round(*addresses[server], demo.token, megabytes)  # everything is loaded once
        found: dict[str, list[Round]] = {server: [] for server in SERVERS}
        for _ in range(rounds):
            for server in SERVERS:
                found[server].append(_round(*addresses[server], demo.token, megabytes))
    lines = []
    best = {server: max(one.rate for one in found[server]) for server in SERVERS}
    for server in SERVERS:
        pages = [seconds for one in found[server] for seconds in one.pages]
        lines.append(
            [
                server,
                f"{best[server]:,.0f} MB/s",
                f"{best[server] / best['nginx alone']:.2f} ×",
                f"{quantile(pages, 0.5):.2f}, {quantile(pages, 0.95):.2f} s ({len(pages)})",
                f"{max(one.most - one.before for one in found[server]):.0f} MiB",
            ]
        )
    print_table(
        f"{PEOPLE} people at once, {megabytes:,} MB each, best of {rounds} rounds",
        ["", "throughput", "of nginx", "pages meanwhile: p50, p95 (number)", "web memory grew by"],
        lines,
    )


def _twin(portal: Portal) -> Portal:
    """The same portal on another port, told to leave bytes to nginx."""
    twin = object.__new__(Portal)
    twin.__dict__.update(portal.__dict__)
    twin.port = free_port()
    twin.folder = portal.folder / "twin"
    twin.folder.mkdir()
    twin.environment = portal.environment | {
        "GUNICORN_BIND": f"127.0.0.1:{twin.port}",
        "PUBLIC_URL": f"http://127.0.0.1:{twin.port}",
        "EXPORT_ACCEL_LOCATION": "/stored/",
    }
    return twin


def _make_ready(portal: Portal, size: int) -> tuple[str, str]:
    """Put a file of chance into the store; return its name there and the path of its download."""
    set_up(**{name: portal.environment[name] for name in ("DATABASE_URL", "EXPORT_ROOT", "PUBLIC_URL")})
    from django.utils import timezone  # noqa: PLC0415

    from benchmarks.filling import make_workspaces  # noqa: PLC0415
    from exports.models import Export, User, Workspace  # noqa: PLC0415 - Django must be ready
    from tests.support.cast import make_ready_export  # noqa: PLC0415

    bob, spaces = make_workspaces(timezone.now(), 1)
    assert isinstance(bob, User)
    assert isinstance(spaces[0], Workspace)
    piece = os.urandom(1_000_000)
    export = make_ready_export(spaces[0], bob, piece * (size // len(piece)))
    # Said to be there after it was written, as in life; what is touched later is read again before it is handed out.
    Export.objects.filter(pk=export.pk).update(ready_at=timezone.now())
    return export.stored_name, f"/api/v1/exports/{export.pk}/file"


@contextmanager
def _nginx(program: str, folder: Path, portal: Portal, files: Path) -> Iterator[tuple[int, int]]:
    """Run nginx; yield the port in front of the portal and the one that serves the folder itself."""
    front, plain = free_port(), free_port()
    web, alone = f"127.0.0.1:{portal.port}", ALONE.format(plain=plain, files=files)
    with nginx(program, folder / "nginx", port=front, web=web, files=files, more=alone):
        yield front, plain


def _round(url: str, port: int, pid: int, token: str, megabytes: int) -> Round:
    pids = descendants(pid)
    before = most = sum(map(memory, pids))
    pages: list[float] = []
    ended = threading.Event()

    def look_at_pages() -> None:
        nonlocal most
        while not ended.wait(PAGE_EVERY):
            began = time.perf_counter()
            line = HTTPConnection("127.0.0.1", port, timeout=60)
            line.request("GET", "/accounts/login/")
            answer = line.getresponse()
            answer.read()
            pages.append(time.perf_counter() - began)
            assert answer.status == 200, answer.status
            most = max(most, sum(map(memory, pids)))

    watcher = threading.Thread(target=look_at_pages)
    watcher.start()
    command = ["curl", "-sf", "-o", "/dev/null", "-w", "%{size_download}", "-H", f"Authorization: Bearer {token}", url]
    began = time.perf_counter()
    people = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(PEOPLE)]
    said = [person.communicate()[0] for person in people]
    seconds = time.perf_counter() - began
    ended.set()
    watcher.join()
    assert all(int(size) == megabytes * 1_000_000 for size in said), said
    return Round(PEOPLE * megabytes / seconds, pages, before, most)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20 MB, one round")
    parser.add_argument("--megabytes", type=int, default=500, help="size of the file (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lac-benchmark-") as folder:
        if options.quick:
            measure(20, 1, Path(folder))
        else:
            measure(options.megabytes, options.rounds, Path(folder))


if __name__ == "__main__":
    main()
