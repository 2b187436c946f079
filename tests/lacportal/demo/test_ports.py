"""Ports: the wanted one, or the next free one."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lacportal.demo.ports import Claims, choose_port, is_free

CHOOSES = """
import sys
from pathlib import Path
from lacportal.demo.ports import Claims, choose_port
print(choose_port(int(sys.argv[1]), take=Claims(Path(sys.argv[2])).take), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server


def test_taken_port_is_passed_over(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert not is_free(port)
    chosen = choose_port(port)
    assert chosen != port
    assert is_free(chosen)


def test_free_port_is_taken_as_wanted(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert choose_port(port) == port


def test_port_that_was_chosen_already_is_passed_over(listener: socket.socket, tmp_path: Path) -> None:
    port = listener.getsockname()[1]
    listener.close()
    claims = Claims(tmp_path / "ports")
    assert choose_port(port, take=claims.take) == port
    assert choose_port(port, take=claims.take) != port


def test_two_that_start_in_the_same_second_choose_two_ports(listener: socket.socket, tmp_path: Path) -> None:
    port = listener.getsockname()[1]
    listener.close()
    command = [sys.executable, "-c", CHOOSES, str(port), str(tmp_path / "ports")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    first, second, third = (subprocess.Popen(command, **pipes) for _ in range(3))
    try:
        chosen = [int(one.stdout.readline()) for one in (first, second, third)]
        assert len(set(chosen)) == 3
        assert min(chosen) == port
    finally:
        for one in (first, second, third):
            one.communicate()
    assert choose_port(port, take=Claims(tmp_path / "ports").take) == port


def test_port_somebody_has_under_the_name_localhost_is_passed_over() -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6")
    with socket.socket(socket.AF_INET6) as server:
        server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            server.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 on this machine")
        server.listen()
        assert not is_free(server.getsockname()[1])


def test_impossible_port_becomes_some_free_one() -> None:
    assert is_free(choose_port(70000))
