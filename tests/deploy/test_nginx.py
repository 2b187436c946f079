"""The configuration in deploy/nginx with a real nginx in front of the portal."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from django.conf import LazySettings
from pytest_django.live_server_helper import LiveServer

from exports.models import Export
from exports.services.api_tokens import make_api_token
from lacportal.demo.ports import choose_port
from tests.support.cast import Cast, make_cast, make_ready_export
from tests.support.presence import missing
from tests.support.processes import die_with_parent, stop

CONFIGURATION = Path(__file__).resolve().parents[2] / "deploy" / "nginx" / "portal.conf"
CONTENT = bytes(range(256)) * 4000
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
}}
"""


@pytest.fixture(scope="module")
def program() -> str:
    found = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if found is None:
        missing("nginx", "Install Debian's `nginx-light` to try the configuration in deploy/nginx.")
    return found


@pytest.fixture
def address(
    program: str, live_server: LiveServer, tmp_path: Path, export_root: Path, settings: LazySettings
) -> Iterator[str]:
    """The address of an nginx in front of the live portal, both on one folder of files."""
    settings.EXPORT_ACCEL_LOCATION = "/stored/"
    folder = tmp_path / "nginx"
    folder.mkdir()
    port = choose_port(18400)
    told = CONFIGURATION.read_text()
    for ours, here in (
        ("server web:8000;", f"server {live_server.url.removeprefix('http://')};"),
        ("listen 8080;", f"listen 127.0.0.1:{port};"),
        ("alias /srv/exports/;", f"alias {export_root}/;"),
    ):
        assert told.count(ours) == 1
        told = told.replace(ours, here)
    (folder / "portal.conf").write_text(told)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(WHOLE.format(folder=folder, user=user))
    process = subprocess.Popen(
        [program, "-c", str(folder / "nginx.conf"), "-p", str(folder)],
        start_new_session=True,
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    end = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            assert time.monotonic() < end, (folder / "error.log").read_text()
            time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    stop(process)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast()


@pytest.fixture
def export(cast: Cast, export_root: Path) -> Export:
    return make_ready_export(cast.acme, cast.bob, CONTENT)


@pytest.fixture
def headers(cast: Cast) -> dict[str, str]:
    return {"Authorization": f"Bearer {make_api_token(user=cast.vera, name='nginx')[1]}"}


def test_file_comes_from_the_disk_as_the_portal_named_it(address: str, export: Export, headers: dict[str, str]) -> None:
    answer = requests.get(f"{address}/api/v1/exports/{export.pk}/file", headers=headers, timeout=10)
    assert answer.status_code == 200, answer.text
    assert answer.content == CONTENT
    assert answer.headers["Server"] == "nginx"
    assert "X-Accel-Redirect" not in answer.headers
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="acme-page-')
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_download_that_broke_off_goes_on_where_it_was(address: str, export: Export, headers: dict[str, str]) -> None:
    there = f"{address}/api/v1/exports/{export.pk}/file"
    etag = requests.get(there, headers=headers, timeout=10).headers["ETag"]
    rest = requests.get(there, headers=headers | {"Range": "bytes=1000-", "If-Range": etag}, timeout=10)
    assert (rest.status_code, rest.content) == (206, CONTENT[1000:])
    assert rest.headers["Content-Range"] == f"bytes 1000-{len(CONTENT) - 1}/{len(CONTENT)}"


def test_stranger_gets_nothing_neither_by_the_front_nor_by_the_back_door(
    address: str, cast: Cast, export: Export
) -> None:
    stranger = {"Authorization": f"Bearer {make_api_token(user=cast.charlie, name='nginx')[1]}"}
    assert requests.get(f"{address}/api/v1/exports/{export.pk}/file", headers=stranger, timeout=10).status_code == 404
    back = requests.get(f"{address}/stored/{export.stored_name}", timeout=10)
    assert back.status_code == 404
    assert CONTENT not in back.content


def test_health_of_nginx_and_of_the_portal_are_told_apart(address: str, transactional_db: None) -> None:
    assert requests.get(f"{address}/health/nginx", timeout=10).text == "ok\n"
    assert requests.get(f"{address}/health/live", timeout=10).status_code == 200
