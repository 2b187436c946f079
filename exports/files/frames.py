"""Rows as tables of text: one frame a block, all with the same columns in the same order."""

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

import polars as pl

from exports.files.column_order import COLUMNS, ordered
from exports.files.columns import ColumnFinder, flat_rows, mended
from exports.files.conversion import Job
from exports.files.pipeline import ahead
from exports.files.row_blocks import row_blocks

BLOCK_BYTES: Final = 8 * 1024 * 1024

# What a spreadsheet takes for the start of a formula, their full-width twins, and the blanks it skips before one.
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


class FrameWriter(Protocol):
    """One format's file, written frame by frame."""

    def begin(self, columns: list[str], rows: int) -> None:
        """Start the file, dropping all that was written. `rows` is how many will come, if scanned first, else 0."""

    def add(self, frame: pl.DataFrame) -> None:
        """Append rows; all cells are text or null."""

    def finish(self) -> None:
        """Complete the file."""


def write_frames(job: Job, writer: FrameWriter, *, scan_first: bool = False) -> int:
    """Write all rows of `job`; returns their number.

    Writing starts with the columns of the first block, while later blocks are still to come. A file in which
    a further column turns up later is begun again, once, with all of them: reading everything twice to be safe
    would cost every file what few need. `scan_first` does read twice, for a format that must know more.
    """
    finder = ColumnFinder()
    rows = None if scan_first else _attempt(job, writer, finder, None)
    if rows is None:
        rows = sum(finder.look(block).rows for block in _blocks(job))
        rows = _attempt(job, writer, finder, _Shape(_columns(job, finder), rows))
        assert rows is not None
    return rows


@dataclass(frozen=True)
class _Shape:
    columns: list[str]
    rows: int


def _attempt(job: Job, writer: FrameWriter, finder: ColumnFinder, shape: _Shape | None) -> int | None:
    """Write all rows; None when a column turned up that the file was not begun with."""
    names = finder.names
    if shape is not None:
        writer.begin(shape.columns, shape.rows)
    rows = 0
    with ThreadPoolExecutor(1, thread_name_prefix="frames") as hand, closing(_blocks(job)) as blocks:
        writing: Future[int] | None = None
        for block in blocks:
            look = finder.look(block)
            # The next block is looked at while this one is written; one at a time keeps memory and order.
            rows += writing.result() if writing else 0
            job.on_progress(rows)
            if shape is None:
                names = finder.names
                shape = _Shape(_columns(job, finder), 0)
                writer.begin(shape.columns, shape.rows)
            elif finder.names != names:
                return None
            plain_names = sorted(finder.plain_names) if look.is_plain else None
            writing = hand.submit(_write, writer, block, look.rows, shape.columns, plain_names)
        rows += writing.result() if writing else 0
    if shape is None:
        writer.begin(_columns(job, finder), 0)
    writer.finish()
    job.on_progress(rows)
    return rows


def _columns(job: Job, finder: ColumnFinder) -> list[str]:
    """The columns found, in order; those of the contract when no row has any."""
    return ordered(job.data_type, finder.names) or list(COLUMNS.get(job.data_type.lower(), ("id",)))


def _blocks(job: Job) -> Generator[bytes, None, None]:
    with closing(ahead(row_blocks(job.source, job.source_kind, BLOCK_BYTES))) as blocks:
        for block in blocks:
            yield mended(block)


def _write(writer: FrameWriter, block: bytes, rows: int, columns: list[str], plain_names: list[str] | None) -> int:
    frame = _fast_frame(block, columns, plain_names) if plain_names else None
    if frame is None or frame.height != rows:
        frame = pl.from_dicts(list(flat_rows(block)), schema=dict.fromkeys(columns, pl.String))
    if frame.height != rows:
        raise AssertionError(f"{rows} rows became {frame.height}")
    writer.add(frame)
    return rows


def _fast_frame(block: bytes, columns: list[str], plain_names: list[str]) -> pl.DataFrame | None:
    """The rows of a plain block; None when the fast reader refuses them after all."""
    try:
        frame = pl.read_ndjson(block, schema=dict.fromkeys(plain_names, pl.String))
    except pl.exceptions.PolarsError:
        return None
    absent = [pl.lit(None, pl.String).alias(name) for name in columns if name not in frame.columns]
    return frame.with_columns(absent).select(columns)


def guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with an apostrophe before each text that a spreadsheet would run as a formula."""
    starts = pl.Series(_FORMULA_STARTS)
    return frame.with_columns(
        pl.when(pl.col(name).str.head(1).is_in(starts.implode()))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name in frame.columns
    )


def guarded_names(names: list[str]) -> list[str]:
    """Column names likewise."""
    return ["'" + name if name.startswith(_FORMULA_STARTS) else name for name in names]
