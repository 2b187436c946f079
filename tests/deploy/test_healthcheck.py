"""The container's health check asks as the public name, and tells good from bad by its exit code."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[2] / "deploy" / "healthcheck.py"


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        named = self.headers["Host"] == "exports.example.com" and self.headers["X-Forwarded-Proto"] == "https"
        self.send_response(200 if named and self.path == "/health/live" else 503)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def _check(address: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(PROGRAM), address],
        env=os.environ | {"PUBLIC_URL": "https://exports.example.com"},
        capture_output=True,
        text=True,
        timeout=20,
    )


def test_healthy_portal_exits_0(port: int) -> None:
    assert _check(f"http://127.0.0.1:{port}/health/live").returncode == 0


def test_unhealthy_portal_exits_1_and_says_why(port: int) -> None:
    done = _check(f"http://127.0.0.1:{port}/other")
    assert done.returncode == 1
    assert "503" in done.stderr


def test_absent_portal_exits_1(port: int) -> None:
    assert _check("http://127.0.0.1:1/health/live").returncode == 1
