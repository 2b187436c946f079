"""One connection, and the things that may end it early: the clock, a silence, and ``abort()``.

``requests`` bounds each wait but not their sum, and has no way to let another thread end a read. So sockets are
dialled and read here, where every wait is cut to what is left.
"""

import http.client
import io
import math
import queue
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any, Literal

from urllib3.exceptions import HeaderParsingError
from urllib3.util.response import assert_header_parsing

from exports.analytics_cloud.pace import Pace

FaultReason = Literal[
    "aborted",
    "dns",
    "connection",
    "tls",
    "timeout",
    "deadline",
    "silence",
    "too_slow",
    "incomplete",
    "malformed",
]
Address = tuple[socket.AddressFamily, socket.SocketKind, int, Any]

# Large enough that an 8 KiB chunk of a Java server does not cost a system call of its own.
BUFFER_BYTES = 256 * 1024
END_OF_HEADERS = (b"\r\n", b"\n")
INTERIM_MOST = 100  # responses, and lines of each


class LineFault(Exception):
    """The connection ended, or was ended, too early. Its text is ``reason`` and nothing else."""

    def __init__(self, reason: FaultReason) -> None:
        super().__init__(reason)
        self.reason: FaultReason = reason


class Line:
    """One connection from dialling to closing; it is used once.

    Attributes:
        deadline: the ``time.monotonic()`` at which every wait ends.
        silence: the longest single wait for bytes, in seconds.
        pace: the minimum rate to keep, once the file comes.
        waited: seconds spent waiting for bytes so far; our own slowness is not in it.
        delivered: bytes received so far, HTTP's framing included.
        aborted: whether ``abort`` was called.
        head: the head of the response, once one is being read.
    """

    def __init__(self, *, deadline: float, on_close: Callable[["Line"], None]) -> None:
        self.deadline = deadline
        self.silence = math.inf
        self.pace: Pace | None = None
        self.waited = 0.0
        self.delivered = 0
        self.aborted = False
        self.head: LineResponse | None = None
        self._on_close = on_close
        # Re-entrant: abort() may be called by a signal handler in the thread that holds it.
        self._lock = threading.RLock()
        self._handle: socket.socket | None = None
        self._lookup: queue.SimpleQueue[list[Address] | None] = queue.SimpleQueue()

    def abort(self) -> None:
        """End the connection at once, from any thread or signal handler, for good."""
        with self._lock:
            self.aborted = True
            self._lookup.put(None)
            if self._handle is not None:
                with suppress(OSError):
                    self._handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection. May be called twice."""
        with self._lock:
            self._hold(None)
        self._on_close(self)

    def fault(self, reason: FaultReason) -> LineFault:
        """Return the fault to raise: an abort explains every other fault."""
        return LineFault("aborted" if self.aborted else reason)

    def patience(self, longest: float = math.inf) -> float:
        """Return how many seconds the next wait may take.

        Raises:
            LineFault: aborted, or no time is left.
        """
        left = self.deadline - monotonic()
        if self.aborted or left <= 0:
            raise self.fault("deadline")
        return min(left, longest)

    def dial(
        self, host: str, port: int, longest: float, options: Sequence[tuple[int, int, int | bytes]]
    ) -> socket.socket:
        """Return a connected socket, its time-out set for a TLS handshake.

        Args:
            longest: seconds for the look-up, and for each address.

        Raises:
            LineFault: ``dns``, ``connection``, ``timeout``, ``deadline`` or ``aborted``.
        """
        fault = LineFault("connection")
        for family, kind, protocol, address in self._resolve(host.strip("[]"), port, longest):
            try:
                return self._connect(family, kind, protocol, address, longest, options)
            except TimeoutError:
                fault = LineFault("timeout")
            except OSError:
                fault = LineFault("connection")
        raise self.fault(fault.reason)

    def _connect(
        self,
        family: socket.AddressFamily,
        kind: socket.SocketKind,
        protocol: int,
        address: Any,
        longest: float,
        options: Sequence[tuple[int, int, int | bytes]],
    ) -> socket.socket:
        sock = socket.socket(family, kind, protocol)
        try:
            for option in options:
                sock.setsockopt(*option)
            self._hold(sock)
            sock.settimeout(self.patience(longest))
            sock.connect(address)
            sock.settimeout(self.patience(longest))
        except BaseException:
            sock.close()
            raise
        return sock

    def _hold(self, sock: socket.socket | None) -> None:
        # A duplicate: TLS moves the descriptor into another object, and a closed number may be used anew.
        with self._lock:
            if self._handle is not None:
                self._handle.close()
            self._handle = None if sock is None else sock.dup()

    def _resolve(self, host: str, port: int, longest: float) -> list[Address]:
        with suppress(socket.gaierror):
            return _look_up(host, port, socket.AI_NUMERICHOST)
        # A resolver takes its own time and can't be interrupted: it is left behind in a thread.
        threading.Thread(target=self._answer_lookup, args=(host, port), daemon=True).start()
        try:
            found = self._lookup.get(timeout=self.patience(longest))
        except queue.Empty:
            raise self.fault("timeout") from None
        if not found:
            raise self.fault("dns")
        return found

    def _answer_lookup(self, host: str, port: int) -> None:
        try:
            self._lookup.put(_look_up(host, port))
        except OSError:
            self._lookup.put([])


def _look_up(host: str, port: int, flags: int = 0) -> list[Address]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]


class _Tap(io.RawIOBase):
    """The socket's bytes, each wait cut to what the line has left."""

    def __init__(self, sock: socket.socket, line: Line) -> None:
        self._sock = sock
        # Keeps the descriptor open after http.client has closed its own socket object.
        self._reference = sock.makefile("rb", buffering=0)
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        line = self._line
        self._sock.settimeout(line.patience(line.silence))
        began = monotonic()
        try:
            size = self._sock.recv_into(buffer)
        except TimeoutError:
            raise line.fault("deadline" if monotonic() >= line.deadline else "silence") from None
        except ssl.SSLError:
            raise line.fault("tls") from None
        except OSError:
            raise line.fault("connection") from None
        finally:
            line.waited += monotonic() - began
        if line.aborted:
            raise line.fault("aborted")
        line.delivered += size
        # Here and not where pieces are handed out: the framing may drip too.
        if size and line.pace is not None and not line.pace.is_kept(line.waited, line.delivered):
            raise line.fault("too_slow")
        return size

    def close(self) -> None:
        self._reference.close()
        super().close()


class LineReader(io.BufferedReader):
    """A buffered reader that knows how many bytes can be had without waiting."""

    def __init__(self, sock: socket.socket, line: Line) -> None:
        super().__init__(_Tap(sock, line), BUFFER_BYTES)
        self._line = line
        self._taken = 0
        self.last_line = b""

    @property
    def at_hand(self) -> int:
        """Bytes received and not yet read."""
        return self._line.delivered - self._taken

    def readline(self, limit: int | None = -1, /) -> bytes:
        self.last_line = super().readline(limit)
        self._taken += len(self.last_line)
        return self.last_line

    def read1(self, size: int = -1, /) -> bytes:
        piece = super().read1(size)
        self._taken += len(piece)
        return piece


class _Socket:
    """What http.client needs of a socket: a file to read from."""

    def __init__(self, sock: socket.socket, line: Line) -> None:
        self._sock = sock
        self._line = line

    def makefile(self, mode: str) -> LineReader:
        return LineReader(self._sock, self._line)


class LineResponse(http.client.HTTPResponse):
    """The head of a response, refused when it was cut or can't be parsed to its end."""

    fp: LineReader

    def __init__(
        self,
        sock: socket.socket,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
        *,
        line: Line,
    ) -> None:
        super().__init__(_Socket(sock, line), 0, method, url)  # type: ignore[arg-type]
        line.head = self

    def begin(self) -> None:
        """Read the head.

        Raises:
            LineFault: ``incomplete`` when the connection ended within the head, which http.client takes for
                a short but whole one; ``malformed`` when a line of it can't be parsed, which would hide
                every later header, and which urllib3 would log with upstream's words.
        """
        super().begin()
        if self.fp.last_line not in END_OF_HEADERS:
            raise LineFault("incomplete")
        try:
            assert_header_parsing(self.msg)
        except HeaderParsingError:
            raise LineFault("malformed") from None

    def _read_status(self) -> tuple[str, int, str]:
        """Read on past interim responses (RFC 9110 §15.2); http.client does past 100 alone.

        Raises:
            LineFault: ``malformed`` when they don't end.
        """
        for _number in range(INTERIM_MOST):
            version, status, reason = super()._read_status()  # type: ignore[misc]
            if not 100 < status < 200 or status == 101:
                return version, status, reason
            for _line in range(INTERIM_MOST):
                if self.fp.readline(BUFFER_BYTES) in (*END_OF_HEADERS, b""):
                    break
        raise LineFault("malformed")
