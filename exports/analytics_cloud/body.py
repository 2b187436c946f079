"""The bytes of one response body as they arrive, its HTTP framing checked strictly.

Read here because http.client takes the rest of a cut chunk header for a size, and urllib3 waits to fill a piece.
"""

import re
from collections.abc import Callable

from exports.analytics_cloud.line import Line, LineFault, LineReader, LineResponse

LONGEST_LINE = 8 * 1024
MOST_TRAILERS = 100
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\n]*)?\r?\n")


class Body:
    """A response body; undecoded, in pieces, each as large as what is there.

    Attributes:
        line: the connection it comes over.
        declared: the ``Content-Length``, where there is one.
    """

    def __init__(self, line: Line, head: LineResponse, *, close: Callable[[], None]) -> None:
        self.line = line
        self.declared: int | None = head.length
        self._reader: LineReader = head.fp
        self._chunked = bool(head.chunked)
        self._left: int = head.length or 0
        self._first_chunk = True
        self._ended = head.length == 0
        self._close = close

    @property
    def at_hand(self) -> int:
        """Bytes, framing included, that can be read without waiting."""
        return self._reader.at_hand

    def read_some(self, limit: int) -> bytes:
        """Return 1 to ``limit`` bytes, or ``b""`` at the end of a body that came whole as far as HTTP can tell.

        Raises:
            LineFault: ``incomplete`` or ``malformed`` by its framing, or whatever ended the line.
        """
        if self._ended:
            return b""
        if self._chunked and self._left == 0 and self._next_chunk() == 0:
            self._ended = True
            return b""
        framed = self._chunked or self.declared is not None
        piece = self._reader.read1(min(limit, self._left) if framed else limit)
        if not piece:
            if framed:
                raise LineFault("incomplete")
            self._ended = True
        elif framed:
            self._left -= len(piece)
            self._ended = self._left == 0 and not self._chunked
        return piece

    def _next_chunk(self) -> int:
        if not self._first_chunk and self._framing_line() not in (b"\r\n", b"\n"):
            raise LineFault("malformed")
        self._first_chunk = False
        size = _CHUNK_SIZE.fullmatch(self._framing_line())
        if size is None:
            raise LineFault("malformed")
        self._left = int(size[1], 16)
        if self._left == 0:
            self._pass_trailers()
        return self._left

    def _framing_line(self) -> bytes:
        line = self._reader.readline(LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise LineFault("malformed" if len(line) == LONGEST_LINE else "incomplete")
        return line

    def _pass_trailers(self) -> None:
        # After the last chunk every byte of the body is here: some servers leave the blank line out.
        for _ in range(MOST_TRAILERS):
            if self._reader.readline(LONGEST_LINE) in (b"\r\n", b"\n", b""):
                return
        raise LineFault("malformed")

    def close(self) -> None:
        """Let go of the connection. May be called twice."""
        self._close()
        self.line.close()
