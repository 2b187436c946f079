"""The simulator's own time: the real one, the real one moved, or one that only moves when told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the simulator reads the time; `advance` moves it ahead by seconds."""

    def now(self) -> datetime: ...

    def advance(self, seconds: float) -> None: ...


class RunningClock:
    """Runs like the real clock, from `start` (UTC) or from the present."""

    def __init__(self, start: datetime | None = None) -> None:
        self._ahead = start - datetime.now(UTC) if start else timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        self._ahead += timedelta(seconds=seconds)


class VirtualClock:
    """Stands still until `advance` is called: for tests that cross hours in no time."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
