"""`ONCE=1` is content with whole files alone, and says what is wrong with others."""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lacportal.demo.check import CheckFailed, check
from lacportal.demo.portal import Export, Portal, PortalRefused

ROWS = b'{"title":"Home"}\n{"title":"News"}\n'


def _zip(**entries: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.json", content)
    return whole.getvalue()


class _Files(ThreadingHTTPServer):
    """Answers every question with one body, as the portal's file address does."""

    body = b""
    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Files

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def files() -> Iterator[_Files]:
    with _Files() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def portal(files: _Files) -> Portal:
    return Portal(f"http://127.0.0.1:{files.server_port}", "lac_token")


def _export_of(body: bytes, rows: int = 2) -> Export:
    return Export(
        id="1",
        type="page",
        status="ready",
        rows=rows,
        bytes=len(body),
        bytes_received=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        waits_for="",
        problem="",
    )


def test_whole_file_is_unzipped_beside(files: _Files, portal: Portal, tmp_path: Path) -> None:
    files.body = _zip(data=ROWS)
    assert check(portal, _export_of(files.body), tmp_path).read_bytes() == ROWS
    assert (tmp_path / "page.zip").read_bytes() == files.body


def test_file_without_rows_is_whole(files: _Files, portal: Portal, tmp_path: Path) -> None:
    files.body = _zip(data=b"")
    assert check(portal, _export_of(files.body, rows=0), tmp_path).read_bytes() == b""


@pytest.mark.parametrize(
    ("body", "promise", "sentence"),
    [
        (_zip(data=ROWS), {"bytes": 1}, "page: bytes should be 1 by the receipt, but the file has"),
        (_zip(data=ROWS), {"sha256": "0" * 64}, "page: SHA-256 should be 000"),
        (_zip(data=ROWS), {"rows": 3}, "page: rows should be 3 by the receipt, but the file has 2"),
        (_zip(data=ROWS, more=ROWS), {}, "page: number of entries should be 1"),
        (_zip(data=ROWS)[:-9], {}, "page: the file could not be unzipped"),
        (_zip(data=b'{"title":\n'), {"rows": 1}, "page: a row is not JSON"),
    ],
)
def test_file_that_is_not_what_was_promised_is_named(
    files: _Files, portal: Portal, tmp_path: Path, body: bytes, promise: dict[str, object], sentence: str
) -> None:
    files.body = body
    with pytest.raises(CheckFailed, match=sentence):
        check(portal, replace(_export_of(body), **promise), tmp_path)  # type: ignore[arg-type]


def test_file_that_is_not_given_is_told_with_the_portals_words(files: _Files, portal: Portal, tmp_path: Path) -> None:
    files.status, files.body = 410, b'{"title":"Expired"}'
    with pytest.raises(PortalRefused, match=r"GET exports/1/file: 410 .*Expired"):
        check(portal, _export_of(b""), tmp_path)


def test_portal_that_is_away_is_told_without_a_traceback(tmp_path: Path) -> None:
    with pytest.raises(PortalRefused, match="no answer"):
        check(Portal("http://127.0.0.1:1", "lac_token"), _export_of(b""), tmp_path)
