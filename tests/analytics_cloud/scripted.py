"""A real server that says exactly what a test tells it to, byte for byte, over a loopback socket."""

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self

Script = Callable[[socket.socket, threading.Event], None]


def head(status: str = "200 OK", headers: Mapping[str, str] | None = None) -> bytes:
    """The head of a response."""
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in (headers or {}).items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def reply(status: str = "200 OK", body: bytes = b"", content_type: str | None = None, **headers: str) -> bytes:
    """A whole response with its Content-Length; underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if content_type is not None:
        named["Content-Type"] = content_type
    return head(status, {"Content-Length": str(len(body)), **named}) + body


def chunk(body: bytes) -> bytes:
    """One chunk of a chunked body; the empty one ends it."""
    return f"{len(body):x}\r\n".encode() + body + b"\r\n"


def chunked(*pieces: bytes, content_type: str = "application/zip") -> bytes:
    """A whole chunked response."""
    framed = b"".join(chunk(piece) for piece in (*pieces, b""))
    return head(headers={"Content-Type": content_type, "Transfer-Encoding": "chunked"}) + framed


def say(*parts: bytes, every: float = 0.0) -> Script:
    """Send the parts one by one, and end the connection cleanly."""

    def script(sock: socket.socket, stop: threading.Event) -> None:
        for part in parts:
            sock.sendall(part)
            if every and stop.wait(every):
                return

    return script


def drip(start: bytes, rest: Iterable[bytes], every: float) -> Script:
    """Send the start at once and the rest piece by piece."""
    return say(start, *rest, every=every)


def stall(*parts: bytes) -> Script:
    """Send the parts, then say nothing more and keep the connection open."""

    def script(sock: socket.socket, stop: threading.Event) -> None:
        for part in parts:
            sock.sendall(part)
        stop.wait(20)

    return script


def reset(*parts: bytes, after: float = 0.05) -> Script:
    """Send the parts, then reset the connection."""

    def script(sock: socket.socket, stop: threading.Event) -> None:
        for part in parts:
            sock.sendall(part)
        stop.wait(after)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return script


class ScriptedServer:
    """Answers each connection with the next of its scripts; the last one serves all that follow.

    Attributes:
        requests: the heads of the requests as received.
        port: where it listens.
    """

    def __init__(self, *scripts: bytes | Script, tls: ssl.SSLContext | None = None) -> None:
        self.requests: list[bytes] = []
        self._scripts = [say(script) if isinstance(script, bytes) else script for script in scripts]
        self._tls = tls
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.02)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def origin(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def paths(self) -> list[str]:
        """The request targets in the order they came."""
        return [request.split(b" ")[1].decode() for request in self.requests]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        served = 0
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            script = self._scripts[min(served, len(self._scripts) - 1)]
            served += 1
            thread = threading.Thread(target=self._serve, args=(sock, script))
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket, script: Script) -> None:
        sock.settimeout(20)
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                piece = sock.recv(65536)
                if not piece:
                    return
                request += piece
            self.requests.append(request)
            script(sock, self._stop)
        except OSError:
            # The client ended it, which is what many tests are about.
            pass
        finally:
            sock.close()


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for another thread to get somewhere."""
    ends = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends, "it never happened"
        time.sleep(0.005)
