"""What reached the server, when, what it got, and where that was against the contract or the portal's promises."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from exports.analytics_cloud.simulator.contract import FILE_KEPT, Key, format_date


@dataclass
class Entry:
    """One request. Times ending in `_at` are seconds since the epoch; `asked` is the simulator's own clock.

    A question is on the wire from `started_at` to `answered_at`, a download from there to `ended_at`; both times
    are taken just before the bytes leave, so that a client that acts on them can never look too early.
    """

    number: int
    started_at: float
    method: str
    path: str
    asked: datetime
    workspace: str | None = None
    key: Key | None = None
    answer: str = ""  # pending, running, file, probe, rejected, refused, not_found, ... or the fault's kind
    status: int | None = None
    fault: str | None = None
    token_sent: bool = False
    answered_at: float | None = None
    ended_at: float | None = None
    last_write_at: float | None = None
    peer_left_at: float | None = None
    bytes: int = 0
    sha256: str | None = None
    whole: bool = False  # a file that left complete and unharmed
    violations: list[str] = field(default_factory=list)

    def writes(self, size: int) -> None:
        """Say that so many bytes are about to leave."""
        self.last_write_at = time.time()
        self.bytes += size
        if self.is_download and self.answered_at is None:
            self.answered_at = self.last_write_at

    @property
    def is_download(self) -> bool:
        return self.answer == "file"

    def describe(self) -> dict[str, Any]:
        """The line of the log: no token, no body."""
        key = self.key
        return {
            "number": self.number,
            "started_at": _iso(self.started_at),
            "answered_at": _iso(self.answered_at),
            "ended_at": _iso(self.ended_at),
            "method": self.method,
            "path": self.path,
            "workspace": self.workspace,
            "type": key.type if key else None,
            "from": format_date(key.from_) if key else None,
            "to": format_date(key.to) if key else None,
            "answer": self.answer,
            "status": self.status,
            "fault": self.fault,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "whole": self.whole,
            "violations": self.violations,
        }


class Log:
    """All requests since the start, kept in memory and, with `path`, written as JSON Lines as each one ends."""

    def __init__(self, path: Path | None = None) -> None:
        self._lock = threading.Lock()
        self._entries: list[Entry] = []
        self._open: dict[int, tuple[Entry, socket.socket]] = {}
        self._path = path

    def begin(self, *, method: str, path: str, asked: datetime, connection: socket.socket) -> Entry:
        with self._lock:
            # Whoever hung up before this request came is no longer on the wire, though our thread may not know yet.
            for other, peer in self._open.values():
                if other.peer_left_at is None and has_left(peer):
                    other.peer_left_at = time.time()
            entry = Entry(number=len(self._entries) + 1, started_at=time.time(), method=method, path=path, asked=asked)
            self._entries.append(entry)
            self._open[entry.number] = (entry, connection)
            return entry

    def end(self, entry: Entry, *, sent: bool) -> None:
        """`sent`: all bytes of the answer leave; else the request ended because one side hung up. Safe twice."""
        with self._lock:
            if self._open.pop(entry.number, None) is None:
                return
            entry.ended_at = entry.last_write_at if sent and entry.last_write_at else time.time()
            entry.answered_at = entry.answered_at or entry.ended_at
            if self._path:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(entry.describe(), ensure_ascii=False) + "\n")

    def entries(self) -> list[Entry]:
        """Every request so far, in order of arrival; those under way have no `ended_at`."""
        with self._lock:
            return list(self._entries)

    def violations(self) -> list[str]:
        """One line per violation: a code, a colon, what happened (design: one lane per workspace)."""
        entries = self.entries()
        found = [f"{text} (request {entry.number})" for entry in entries for text in entry.violations]
        lanes: dict[str, list[Entry]] = defaultdict(list)
        for entry in entries:
            if entry.workspace is not None:
                lanes[entry.workspace].append(entry)
        for workspace, lane in lanes.items():
            found += _overlaps("two-questions", workspace, lane, _question)
            found += _overlaps("two-downloads", workspace, [e for e in lane if e.is_download], _download)
            found += _asked_after_stored(workspace, lane)
        return found


def has_left(connection: socket.socket) -> bool:
    """True when the client has closed its side; nothing is read."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _question(entry: Entry) -> tuple[float, float]:
    return entry.started_at, _earliest(entry.answered_at, entry.peer_left_at)


def _download(entry: Entry) -> tuple[float, float]:
    return entry.answered_at or entry.started_at, _earliest(entry.ended_at, entry.peer_left_at)


def _earliest(*moments: float | None) -> float:
    return min((moment for moment in moments if moment is not None), default=float("inf"))


def _overlaps(
    code: str, workspace: str, entries: list[Entry], span: Callable[[Entry], tuple[float, float]]
) -> list[str]:
    found: list[str] = []
    current: list[Entry] = []
    for entry in sorted(entries, key=lambda entry: span(entry)[0]):
        current = [other for other in current if span(other)[1] > span(entry)[0]]
        found += [
            f"{code}: {workspace} had requests {other.number} and {entry.number} on the wire at once"
            for other in current
        ]
        current.append(entry)
    return found


def _asked_after_stored(workspace: str, entries: list[Entry]) -> list[str]:
    """Questions for a key whose file had left whole less than 24 hours of the simulator's clock before."""
    stored: dict[Key, Entry] = {}
    found = []
    for entry in entries:
        if entry.key is None:
            continue
        before = stored.get(entry.key)
        if before is not None and _download(before)[1] <= entry.started_at and entry.asked - before.asked < FILE_KEPT:
            found.append(
                f"asked-after-stored: {workspace} asked again for {entry.key.type} "
                f"{format_date(entry.key.from_)} in request {entry.number}; request {before.number} gave the file"
            )
        if entry.whole:
            stored[entry.key] = entry
    return found


def _iso(moment: float | None) -> str | None:
    return datetime.fromtimestamp(moment, UTC).isoformat() if moment is not None else None
