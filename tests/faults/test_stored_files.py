"""What happens to files once they are stored: somebody meddles with them, or their time is over."""

import hashlib
import socket
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.faults.case import Case, moment
from tests.support.stack import wait_while


def remove(path: Path) -> None:
    path.unlink()


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)


def alter(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"meddled")


@pytest.mark.parametrize("meddle", [remove, cut, alter])
def test_file_changed_behind_our_back_never_served_said_and_run_again(
    case: Case, meddle: Callable[[Path], None]
) -> None:
    place = case.place()
    key = case.queue_one(place)
    case.wait_ready([key])
    case.accept(key, "failed")
    path = case.stored(key)
    meddle(path)
    answer = case.api.call("GET", f"exports/{key}/file")
    assert answer.status_code == 410
    assert answer.json()["code"] == "file_lost"
    export = case.api.export(key)
    assert export["status"] == "failed"
    assert export["error"]["code"] == "file_lost"
    assert "again" in export["error"]["next_action"]
    assert "file_lost" in case.api.codes(key)
    again = case.api.call("POST", f"exports/{key}/run-again")
    assert again.status_code == 201
    case.accept(again.json()["id"])
    case.wait_ready([again.json()["id"]])


@pytest.mark.parametrize("meddle", [remove, cut, alter])
def test_file_changed_behind_our_back_audit_tells(case: Case, meddle: Callable[[Path], None]) -> None:
    key = case.queue_one(case.place())
    case.wait_ready([key])
    meddle(case.stored(key))
    assert [line for line in case.stack.warm("audit") if key in line]
    assert case.api.call("GET", f"exports/{key}/file").status_code == 410
    case.accept(key, "failed")


def test_copied_from_a_backup_with_the_same_bytes_served(case: Case) -> None:
    key = case.queue_one(case.place())
    case.wait_ready([key])
    path = case.stored(key)
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    assert case.api.digest_of_file(key) == hashlib.sha256(content).hexdigest()


def test_expired_gone_and_said(case: Case) -> None:
    case.stack.restart("worker", EXPORT_RETENTION_HOURS=str(3 / 3600))
    key = case.queue_one(case.place())
    (export,) = case.wait_ready([key])
    assert (moment(export["expires_at"]) - moment(export["ready_at"])).total_seconds() == pytest.approx(3, abs=0.01)
    (export,) = case.api.wait_for([key], "expired")
    case.accept(key, "expired")
    answer = case.api.call("GET", f"exports/{key}/file")
    assert answer.status_code == 410
    assert answer.json()["code"] == "expired"
    assert export["sha256"]
    assert export["rows"] == 300
    wait_while(lambda: any(name.startswith(key) for name in case.stack.files()), "its bytes", 3)


@pytest.mark.slow
def test_expired_in_the_middle_of_a_slow_download_reader_has_all_of_it_and_the_next_is_told(case: Case) -> None:
    stack = case.stack
    rows, stack.simulator.rows = stack.simulator.rows, 80_000  # far more than the sockets in between hold
    try:
        stack.restart(
            "worker",
            EXPORT_RETENTION_HOURS=str(5 / 3600),
            EXPORT_MAX_BYTES="100000000",
            EXPORT_MAX_UNPACKED_BYTES="1000000000",
        )
        key = case.queue_one(case.place())
        (export,) = case.wait_ready([key])
        reader = slow_reader(case, key)
        case.api.wait_for([key], "expired")
        time.sleep(1)
        assert not any(name.startswith(key) for name in stack.files())
        with reader:
            answer = reader.makefile("rb").read()
    finally:
        stack.simulator.rows = rows
    case.accept(key, "expired")
    body = answer.partition(b"\r\n\r\n")[2]
    assert len(body) == export["bytes"]
    assert hashlib.sha256(body).hexdigest() == export["sha256"]
    assert case.api.call("GET", f"exports/{key}/file").status_code == 410


def slow_reader(case: Case, key: str) -> socket.socket:
    """Ask for a file and read only its first bytes; the rest waits at the server, far more than fits a socket."""
    address = urlsplit(case.stack.url)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    connection.settimeout(60)
    connection.connect((address.hostname, address.port))
    request = f"GET /api/v1/exports/{key}/file HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n"
    connection.sendall(f"{request}Authorization: Bearer {case.api.token}\r\n\r\n".encode())
    assert connection.recv(12, socket.MSG_PEEK).startswith(b"HTTP/1.1 200")
    return connection
