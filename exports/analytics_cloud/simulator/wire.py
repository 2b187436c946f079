"""Wire faults: how an answer travels when the network is ill. Each passes the pieces on, or doesn't."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from exports.analytics_cloud.simulator.faults import Fault

# Waits so many seconds; raises when the client hung up or the server stops.
Pause = Callable[[float], None]


class ConnectionReset(Exception):  # noqa: N818 - what happens, not what went wrong
    """The connection ends with a reset instead of a clean end."""


class ConnectionEnded(Exception):  # noqa: N818 - what happens, not what went wrong
    """The connection ends cleanly in the middle of the answer."""


def through(pieces: Iterable[bytes], fault: Fault, pause: Pause) -> Iterator[bytes]:
    """The pieces of an answer (the head is the first) as the fault lets them pass."""
    return _WIRES[fault.kind](iter(pieces), fault, pause)


def _drip(pieces: Iterator[bytes], fault: Fault, pause: Pause) -> Iterator[bytes]:
    yield next(pieces)
    for piece in pieces:
        yield from _slowly(piece, fault, pause)


def _drip_headers(pieces: Iterator[bytes], fault: Fault, pause: Pause) -> Iterator[bytes]:
    yield from _slowly(next(pieces), fault, pause)
    yield from pieces


def _slowly(piece: bytes, fault: Fault, pause: Pause) -> Iterator[bytes]:
    for at in range(0, len(piece), fault["size"]):
        yield piece[at : at + fault["size"]]
        pause(fault["pause"])


def _reset(pieces: Iterator[bytes], fault: Fault, pause: Pause) -> Iterator[bytes]:
    yield from _first(pieces, fault["after"])
    raise ConnectionReset


def _hang_up(pieces: Iterator[bytes], fault: Fault, pause: Pause) -> Iterator[bytes]:
    yield from _first(pieces, fault["after"])
    raise ConnectionEnded


def _silence(pieces: Iterator[bytes], fault: Fault, pause: Pause) -> Iterator[bytes]:
    yield from _first(pieces, fault["after"])
    pause(fault["seconds"])
    raise ConnectionReset


def _first(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (piece := next(pieces, b"")):
        yield piece[:size]
        size -= len(piece)


def _missing_last_chunk(pieces: Iterator[bytes], fault: Fault, pause: Pause) -> Iterator[bytes]:
    held = next(pieces)
    for piece in pieces:
        yield held
        held = piece


_WIRES: Mapping[str, Callable[[Iterator[bytes], Fault, Pause], Iterator[bytes]]] = {
    "drip": _drip,
    "drip_headers": _drip_headers,
    "reset": _reset,
    "hang_up": _hang_up,
    "silence": _silence,
    "missing_last_chunk": _missing_last_chunk,
}
