"""A small TCP proxy on this machine: a line that can be refused, cut, or lose the answer to one message."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

PIECE = 64 * 1024


class TcpProxy:
    """Passes bytes between whoever connects to `port` and a server; can be told to misbehave.

    Args:
        target: host and port of the server.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None
        self._links: set[_Link] = set()
        self._wanted: list[bytes] = []
        self.port = 0
        self.lost = 0

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refuse()

    def open(self) -> None:
        """Take connections, on the same port as before; does so already: nothing happens."""
        if self._listener is not None:
            return
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self.port))
        listener.listen(128)
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def refuse(self) -> None:
        """Refuse connections from now on, and cut those that are open."""
        listener, self._listener = self._listener, None
        if listener is not None:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept()
            listener.close()
        self.cut()

    def cut(self) -> None:
        """Cut all open connections."""
        with self._lock:
            links, self._links = self._links, set()
        for link in links:
            link.close()

    def lose_answer(self, message: bytes, times: int = 1) -> None:
        """Let the server get the next message that contains ``message``, and lose its answer and the connection."""
        with self._lock:
            self._wanted += [message] * times

    @property
    def still_to_lose(self) -> int:
        """Return how many of the answers to lose have not come by yet."""
        with self._lock:
            return len(self._wanted)

    def forget(self) -> None:
        """Lose nothing more."""
        with self._lock:
            self._wanted.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _address = listener.accept()
            except OSError:
                return  # closed by `refuse`
            try:
                server = socket.create_connection(self._target, timeout=10)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            link = _Link(client, server, self._is_to_lose)
            with self._lock:
                self._links.add(link)
            link.start()

    def _is_to_lose(self, piece: bytes) -> bool:
        with self._lock:
            for message in self._wanted:
                if message in piece:
                    self._wanted.remove(message)
                    self.lost += 1
                    return True
        return False


class _Link:
    """One connection through the proxy."""

    def __init__(self, client: socket.socket, server: socket.socket, is_to_lose: Callable[[bytes], bool]) -> None:
        self._client = client
        self._server = server
        self._is_to_lose = is_to_lose
        self._loses_next = False

    def start(self) -> None:
        threading.Thread(target=self._pump, args=(self._client, self._server, True), daemon=True).start()
        threading.Thread(target=self._pump, args=(self._server, self._client, False), daemon=True).start()

    def close(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _pump(self, source: socket.socket, target: socket.socket, is_question: bool) -> None:
        try:
            while piece := source.recv(PIECE):
                if is_question:
                    self._loses_next = self._is_to_lose(piece)
                elif self._loses_next:
                    break  # the server did it; nobody will know
                target.sendall(piece)
        except OSError:
            pass  # one side is gone: so is the other
        finally:
            self.close()
