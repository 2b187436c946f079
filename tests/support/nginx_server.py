"""A real nginx with the configuration in deploy/nginx, for the tests and the benchmarks."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import die_with_parent, stop

PORTAL = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "portal.conf"
WHOLE = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/portal.conf;
    {more}
}}
"""


def find_nginx() -> str | None:
    """Return the program, or None where there is none."""
    return shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")


@contextmanager
def nginx(program: str, folder: Path, *, port: int, web: str, files: Path, more: str = "") -> Iterator[None]:
    """Run nginx in front of a portal from the moment it listens.

    Args:
        folder: made here, for its configuration, logs and temporary files.
        port: where it listens on 127.0.0.1.
        web: host and port of the portal.
        files: the folder that the portal stores files in.
        more: further configuration, within ``http``.
    """
    folder.mkdir()
    told = PORTAL.read_text()
    for ours, here in (
        ("server web:8000;", f"server {web};"),
        ("listen 8080;", f"listen 127.0.0.1:{port};"),
        ("alias /srv/exports/;", f"alias {files}/;"),
    ):
        assert told.count(ours) == 1
        told = told.replace(ours, here)
    (folder / "portal.conf").write_text(told)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(WHOLE.format(folder=folder, user=user, more=more))
    process = subprocess.Popen(
        [program, "-c", str(folder / "nginx.conf"), "-p", str(folder)],
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < end, (folder / "error.log").read_text()
                time.sleep(0.05)
        yield
    finally:
        stop(process)
