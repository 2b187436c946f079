"""Rows as tables of text: one frame a block, all with the same columns in the same order."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
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

    def begin(self, columns: list[str]) -> None:
        """Start the file, dropping all that was written."""

    def add(self, frame: pl.DataFrame) -> None:
        """Append rows; all cells are text or null."""

    def finish(self) -> None:
        """Complete the file."""


def write_frames(job: Job, writer: FrameWriter) -> int:
    """Write all rows of `job`; returns their number.

    Writing starts with the columns of the first block, while later blocks are still to come. A file in which
    a further column turns up later is begun again, once, with all of them: reading everything twice to be safe
    would cost every file what few need.
    """
    finder = ColumnFinder()
    rows = _attempt(job, writer, finder)
    if rows is None:
        for block in _blocks(job):
            finder.look(block)
        rows = _attempt(job, writer, finder)
        assert rows is not None
    return rows


def _attempt(job: Job, writer: FrameWriter, finder: ColumnFinder) -> int | None:
    """Write all rows; None when a column turned up that the file was not begun with."""
    columns: list[str] | None = None if not finder.names else ordered(job.data_type, finder.names)
    names = finder.names
    if columns is not None:
        writer.begin(columns)
    rows = 0
    with ThreadPoolExecutor(1, thread_name_prefix="frames") as hand:
        writing: Future[int] | None = None
        for block in _blocks(job):
            look = finder.look(block)
            # The next block is looked at while this one is written; one at a time keeps memory and order.
            rows += writing.result() if writing else 0
            job.on_progress(rows)
            if columns is None:
                names = finder.names
                columns = ordered(job.data_type, names) or _columns_of_nothing(job.data_type)
                writer.begin(columns)
            elif finder.names != names:
                return None
            plain_names = sorted(finder.plain_names) if look.is_plain else None
            writing = hand.submit(_write, writer, block, look.rows, columns, plain_names)
        rows += writing.result() if writing else 0
    if columns is None:
        writer.begin(_columns_of_nothing(job.data_type))
    writer.finish()
    job.on_progress(rows)
    return rows


def _blocks(job: Job) -> Iterator[bytes]:
    for block in ahead(row_blocks(job.source, job.source_kind, BLOCK_BYTES)):
        yield mended(block)


def _columns_of_nothing(data_type: str) -> list[str]:
    return list(COLUMNS.get(data_type.lower(), ("id",)))


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
