"""The open download: bytes as they arrive, ended when they stop, crawl, or are too many (`design.md` §5)."""

from time import monotonic
from types import TracebackType
from typing import Literal, NoReturn, Self

from exports.analytics_cloud.body import Body
from exports.analytics_cloud.line import FaultReason, LineFault
from exports.analytics_cloud.pace import Pace

CutReason = Literal[
    "incomplete",  # ended too early, or zero bytes
    "reset",
    "stalled",  # not one byte for stall_seconds
    "too_slow",  # less than minimum_rate over stall_seconds
    "deadline",
    "too_large",
    "aborted",
]
PIECE_BYTES = 1024 * 1024
# A chunk's header and a little more: with less than this at hand the next read would wait.
WORTH_READING = 64

CUTS: dict[FaultReason, CutReason] = {
    "aborted": "aborted",
    "deadline": "deadline",
    "silence": "stalled",
    "too_slow": "too_slow",
    "incomplete": "incomplete",
    "malformed": "incomplete",
}


class DownloadCut(Exception):
    """The file did not come whole; what arrived is worth nothing. Its text is ``reason`` and nothing else."""

    def __init__(self, reason: CutReason) -> None:
        super().__init__(reason)
        self.reason: CutReason = reason


class BodyStream:
    """An iterator over the file's bytes as received, in pieces of up to 1 MiB.

    It never waits to fill a piece. Read it to its end or close it; it is a context manager for that.

    Args:
        lead: what was read of the body already.
        stall_seconds: the longest silence, and the window over which ``minimum_rate`` is measured.
        minimum_rate: bytes per second.
        download_deadline: seconds from now.
        fault: what broke the body off after the lead, while it was not known to be the file.

    Attributes:
        received: bytes handed out so far.
        declared: the size the server announced, rarely known.
    """

    def __init__(
        self,
        body: Body,
        lead: bytes,
        *,
        stall_seconds: float,
        max_bytes: int,
        minimum_rate: float,
        download_deadline: float,
        fault: FaultReason | None = None,
    ) -> None:
        self.received = 0
        self.declared = body.declared
        self._body = body
        self._lead = lead
        self._max_bytes = max_bytes
        self._cut: CutReason | None = None if fault is None else CUTS.get(fault, "reset")
        if fault == "deadline":
            # The question's time ran out, not the file's.
            self._cut = "stalled"
        self._over = fault is not None
        body.line.deadline = monotonic() + download_deadline
        body.line.silence = stall_seconds
        body.line.pace = Pace(minimum_rate, stall_seconds)
        body.line.pace.is_kept(body.line.waited, body.line.delivered)

    def __repr__(self) -> str:
        return f"<BodyStream: {self.received} bytes received>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """Return the next piece, never an empty one.

        Raises:
            DownloadCut: the file will not come whole; raised again at every later call.
        """
        piece, self._lead = self._lead or self._gather(), b""
        if not piece:
            self._finish()
        self.received += len(piece)
        if max(self.received, self.declared or 0) > self._max_bytes:
            self._finish("too_large")
        return piece

    def _gather(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while not self._over and size < PIECE_BYTES and (not pieces or self._body.at_hand >= WORTH_READING):
            try:
                piece = self._body.read_some(PIECE_BYTES - size)
            except LineFault as fault:
                # What came before it is handed out first.
                self._cut = CUTS.get(fault.reason, "reset")
                self._over = True
            else:
                self._over = not piece
                pieces.append(piece)
                size += len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _finish(self, cut: CutReason | None = None) -> NoReturn:
        self._over = True
        self._cut = cut or self._cut
        if self._cut is None and self.received == 0:
            # HTTP calls an empty body whole; the contract calls it a back end that failed (§2).
            self._cut = "incomplete"
        self.close()
        if self._cut is not None:
            raise DownloadCut(self._cut)
        raise StopIteration

    def close(self) -> None:
        """Let go of the connection. What was not read yet is lost, and reading on raises."""
        if not self._over:
            self._over = True
            self._cut = "aborted"
        self._lead = b""
        self._body.close()
