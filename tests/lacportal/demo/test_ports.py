"""Ports: the wanted one, or the next free one."""

import socket
from collections.abc import Iterator

import pytest

from lacportal.demo.ports import choose_port, is_free


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


def test_port_promised_to_somebody_else_is_passed_over(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    listener.close()
    assert choose_port(port, taken=[port]) != port


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
