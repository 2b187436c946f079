"""The profile of a stored file: one pass, memory that does not grow with the rows."""

from typing import Final

import polars as pl

from exports.files.columns import ColumnFinder
from exports.files.conversion import Job
from exports.files.frames import columns_for, write_frames
from exports.files.profile_document import FIRST_ROWS, Profile, encode_profile
from exports.files.sinks import HashedFile
from exports.files.tallies import ColumnTally, TimeTally
from exports.files.text_rows import NOTHING_KNOWN, Traits

# Beyond these a page would be of no use to anybody, and memory not bounded.
_COLUMNS_COUNTED: Final = 250
_CELL_MOST: Final = 2_000
_FIRST_MOST: Final = 2_000_000

# What the range filters, per type (analytics-cloud-api.md §1).
_DATE_COLUMNS: Final = ("eventDate", "createDate", "createdate")


def write_profile(job: Job, target: HashedFile) -> int:
    """The profile of all rows as JSON."""
    return write_frames(job, _ProfileFile(job, target))


class _ProfileFile:
    blocks_ahead = 2

    def __init__(self, job: Job, target: HashedFile) -> None:
        self.finder = ColumnFinder()
        self._job = job
        self._target = target

    def plan(self) -> list[str]:
        return columns_for(self._job.data_type, self.finder.names)

    def begin(self, rows: int) -> list[str]:
        self._names = self.plan()
        self._rows = 0
        self._first: list[list[str | None]] = []
        self._cut: list[tuple[int, int]] = []
        self._room = _FIRST_MOST
        self._tallies = {name: ColumnTally(name) for name in self._names[:_COLUMNS_COUNTED]}
        self._date_column = next((name for name in _DATE_COLUMNS if name in self._names), None)
        self._times = TimeTally()
        return self._names

    def make(self, frame: pl.DataFrame, traits: Traits = NOTHING_KNOWN) -> pl.DataFrame:
        return frame

    def put(self, made: pl.DataFrame) -> None:
        self._rows += made.height
        if len(self._first) < FIRST_ROWS and self._room > 0:
            self._keep_first(made)
        for name, tally in self._tallies.items():
            tally.add(made[name])
        if self._date_column:
            self._times.add(made[self._date_column])

    def finish(self) -> None:
        self._target.begin()
        self._target.write(
            encode_profile(
                Profile(
                    rows=self._rows,
                    names=self._names,
                    first=self._first,
                    cut=self._cut,
                    columns=[tally.column() for tally in self._tallies.values()],
                    date_column=self._date_column,
                    quarters=self._times.quarters(),
                    undated=self._times.undated,
                )
            )
        )

    def _keep_first(self, frame: pl.DataFrame) -> None:
        longest = max(_FIRST_MOST // FIRST_ROWS // max(len(self._names), 1), 40)
        most = min(_CELL_MOST, longest)
        for row in frame.head(FIRST_ROWS - len(self._first)).iter_rows():
            if self._room <= 0:
                return
            cells = [None if text is None else text[:most] for text in row]
            place = len(self._first)
            self._cut += [(place, at) for at, text in enumerate(row) if text is not None and len(text) > most]
            self._room -= sum(len(text) for text in cells if text is not None) + len(cells)
            self._first.append(cells)
