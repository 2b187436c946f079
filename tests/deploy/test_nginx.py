"""The configuration in deploy/nginx with a real nginx in front of the portal."""

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
from tests.support.nginx_server import find_nginx, nginx
from tests.support.presence import missing

CONTENT = bytes(range(256)) * 4000


@pytest.fixture(scope="module")
def program() -> str:
    found = find_nginx()
    if found is None:
        missing("nginx", "Install Debian's `nginx-light` to try the configuration in deploy/nginx.")
    return found


@pytest.fixture
def address(
    program: str, live_server: LiveServer, tmp_path: Path, export_root: Path, settings: LazySettings
) -> Iterator[str]:
    """The address of an nginx in front of the live portal, both on one folder of files."""
    settings.EXPORT_ACCEL_LOCATION = "/stored/"
    port = choose_port(18400)
    web = live_server.url.removeprefix("http://")
    with nginx(program, tmp_path / "nginx", port=port, web=web, files=export_root):
        yield f"http://127.0.0.1:{port}"


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
