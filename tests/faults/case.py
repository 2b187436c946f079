"""One case: its own workspaces in a shared stack, what it had accepted, and what it may leave behind."""

import itertools
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from exports.analytics_cloud.simulator.log import Entry
from tests.support.part import children_of, holder_of
from tests.support.portal_api import PortalApi, window
from tests.support.stack import Stack, new_token, wait_while

TYPES = ("event", "identity", "individual", "membership", "page", "segment")
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """A workspace: its id in the portal, its name at Analytics Cloud, its token there."""

    id: str
    name: str
    token: str


class Case:
    """What a test does and what the checker then asks about.

    Attributes:
        tolerated: codes of simulator violations that this case can't avoid, such as those of a frozen process.
        ends: which statuses each accepted export may end in (default: ready).
        is_skewed: the portal's clock was not ours: its moments can't be compared with those of requests.
    """

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.tolerated: set[str] = set()
        self.ends: dict[str, tuple[str, ...]] = {}
        self.is_skewed = False
        self.places: dict[str, Place] = {}
        self.violations_before = set(stack.simulator.violations())
        self.handles_before = handles(stack)

    @property
    def api(self) -> PortalApi:
        """Return the site administrator's program."""
        return self.stack.api

    def place(self, origin: str = "") -> Place:
        """Make a workspace in the portal and at Analytics Cloud."""
        name = f"place-{next(_numbers)}"
        token = new_token()
        self.stack.canaries.append(token)
        self.stack.simulator.replace_token(name, token)
        key = self.api.make_workspace(name=name, origin=origin or self.stack.simulator.base_url, token=token)
        made = Place(key, name, token)
        self.places[key] = made
        return made

    def queue(self, place: Place, count: int = 1, *, first: int = 0, type: str = "", **more: Any) -> list[str]:
        """Queue different questions; return their ids. From now on none of them may be lost."""
        keys = []
        for number in range(first, first + count):
            kind = type or TYPES[number % len(TYPES)]
            made = self.api.queue(place.id, type=kind, day=number, **more)
            self.accept(made["id"])
            keys.append(made["id"])
        return keys

    def queue_one(self, place: Place, **more: Any) -> str:
        """Queue one question about pages."""
        return self.queue(place, 1, type="page", **more)[0]

    def accept(self, key: str, *ends: str) -> None:
        """Note an export that the portal said it took, and how it may end."""
        self.stack.accepted.add(key)
        self.ends[key] = ends or ("ready",)

    def wait_ready(self, keys: list[str], seconds: float = 180) -> list[dict[str, Any]]:
        """Wait until all are ready."""
        return self.api.wait_for(keys, "ready", seconds=seconds)

    def entries(self, place: Place) -> list[Entry]:
        """Return the requests that reached Analytics Cloud for a workspace."""
        return [entry for entry in self.stack.simulator.log if entry.workspace == place.name]

    def downloads(self, place: Place) -> list[Entry]:
        """Return the downloads of a workspace."""
        return [entry for entry in self.entries(place) if entry.is_download]

    def wait_for_download(self, place: Place, *, share: float = 0.0, number: int = 1, seconds: float = 120) -> Entry:
        """Wait until the n-th download of a workspace is under way and that share of its bytes has left."""

        def begun() -> list[Entry]:
            # Later ones count too: on a busy machine the first may have been cut before that share had left.
            found = self.downloads(place)[number - 1 :]
            return [entry for entry in found if entry.bytes >= share * self._size_of(entry)]

        wait_while(lambda: not begun(), f"no download number {number} of {place.name}\n{self.stack.tails()}", seconds)
        return begun()[0]

    def _size_of(self, entry: Entry) -> int:
        assert entry.key is not None
        made = self.stack.simulator.made(*entry.key)
        return 1 if made is None else max(made.bytes, 1)

    def part_of(self, key: str) -> Path | None:
        """Return the unfinished file of an export."""
        found = list(self.stack.export_root.glob(f"{key}-*.part"))
        return found[-1] if found else None

    def stored(self, key: str) -> Path:
        """Return the finished file of an export."""
        (found,) = [path for path in self.stack.export_root.glob(f"{key}-*") if path.suffix != ".part"]
        return found

    def downloader_of(self, key: str, seconds: float = 60) -> int:
        """Return the worker's child that is writing an export's file."""
        found: list[int] = []

        def look() -> bool:
            part = self.part_of(key)
            pid = holder_of(part, self.stack.children_of_workers()) if part else None
            found[:] = [pid] if pid else []
            return bool(found)

        wait_while(lambda: not look(), f"nobody downloads {key}\n{self.stack.tails()}", seconds)
        return found[0]

    def slow_download(self, place: Place, seconds: float = 4.0, times: int | None = 1) -> None:
        """Let the next file of a workspace take about so long to arrive, well above the minimum rate."""
        # 300 rows are 15 to 45 kB: slower than this and the portal rightly hangs up.
        assert seconds <= 24, "below the minimum rate"
        self.stack.simulator.faults.add(
            "drip", workspace=place.name, times=times, files_only=True, pause=seconds / 60, size=512
        )


def handles(stack: Stack) -> dict[int, int]:
    """Return how many files and connections each of the portal's processes holds open."""
    parts = [part.pid for part in stack.parts.values() if part.is_running]
    found = {}
    for pid in [*parts, *(child for part in parts for child in children_of(part))]:
        with suppress(OSError):
            found[pid] = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    return found


def asked_key(export: dict[str, Any]) -> tuple[datetime, datetime]:
    """Return an export's question as moments."""
    return moment(export["from"]), moment(export["to"])


def moment(text: str) -> datetime:
    """Read a date of the API."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC)


MILLISECOND = timedelta(milliseconds=1)
__all__ = ["MILLISECOND", "TYPES", "Case", "Place", "asked_key", "handles", "moment", "window"]
