"""Rows as tables of text: one frame a block, all with the same columns in the same order."""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Final, Protocol

import polars as pl

from exports.files.column_order import COLUMNS, ordered
from exports.files.columns import Look, mended, raw_columns
from exports.files.conversion import Job
from exports.files.formulas import FORMULA_STARTS
from exports.files.pipeline import ahead
from exports.files.row_blocks import row_blocks
from exports.files.rows import WHITE_SPACE

BLOCK_BYTES: Final = 4 * 1024 * 1024
_MAX_CELLS: Final = 4_000_000


class Finder(Protocol):
    """Learns the columns from the blocks it is shown."""

    @property
    def text_names(self) -> set[str]:
        """Keys whose values a fast reader takes as they are."""

    @property
    def raw_names(self) -> set[str]:
        """Keys whose values are kept to the letter."""

    def look(self, block: bytes) -> Look:
        """Take in the columns of `block`. Raises `TooManyColumns`."""

    def slow_rows(self, block: bytes) -> Iterator[dict[str, str | None]]:
        """Each row as text by column name, exactly."""


class FrameWriter(Protocol):
    """One format's file, written frame by frame."""

    @property
    def finder(self) -> Finder:
        """What has been seen of the rows."""

    def plan(self) -> object:
        """The layout that fits all rows seen so far; equal to another plan when the same file serves both."""

    def begin(self, rows: int) -> list[str]:
        """Start the file by the plan, dropping all that was written; returns the columns that frames must have.

        `rows` is how many will come, or 0 when that is not known.
        """

    def quick(self, block: bytes) -> Callable[[], int] | None:
        """Something that appends the rows of `block` and returns their number; None when they need a frame."""

    def add(self, frame: pl.DataFrame) -> None:
        """Append rows; all cells are text or null. Raises `PlanChanged` when the file does not hold them."""

    def finish(self) -> None:
        """Complete the file."""


class PlanChanged(Exception):
    """The file must be begun again by another plan."""


def write_frames(job: Job, writer: FrameWriter, *, scan_first: bool = False) -> int:
    """Write all rows of `job`; returns their number.

    Writing starts by what the first block shows, while later blocks are still to come. A file in which a further
    column turns up later is begun again when all has been seen: reading everything twice to be safe would cost
    every file what few need. `scan_first` does read twice, for a format that must know more.
    """
    rows = None if scan_first else _attempt(job, writer, None)
    if rows is None:
        expected = sum(writer.finder.look(block).rows for block in _blocks(job))
        while rows is None:
            rows = _attempt(job, writer, expected)
    return rows


def _attempt(job: Job, writer: FrameWriter, expected: int | None) -> int | None:
    """Write all rows; None when they did not fit the plan that the file was begun with.

    `expected` is the number of rows when all have been seen before, else None.
    """
    columns = None if expected is None else writer.begin(expected)
    plan = writer.plan()
    rows = 0
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="frames") as hand, closing(_blocks(job)) as blocks:
            writing: Future[int] | None = None
            for block in blocks:
                quick = None if columns is None else writer.quick(block)
                look = writer.finder.look(block) if quick is None else None
                # The next block is looked at while this one is written; one at a time keeps memory and order.
                rows += writing.result() if writing else 0
                job.on_progress(rows)
                if quick is not None:
                    writing = hand.submit(quick)
                    continue
                assert look is not None
                if columns is None:
                    columns = writer.begin(0)
                    plan = writer.plan()
                elif writer.plan() != plan:
                    return None
                # The finder learns more while the block is written: what holds for this one is taken now.
                names = _Names(set(writer.finder.text_names), set(writer.finder.raw_names)) if look.is_fast else None
                writing = hand.submit(_write, writer, block, look.rows, columns, names)
            rows += writing.result() if writing else 0
    except PlanChanged:
        return None
    if columns is None:
        writer.begin(0)
    writer.finish()
    job.on_progress(rows)
    return rows


def columns_for(data_type: str, names: set[str]) -> list[str]:
    """The columns found, in order; those of the contract when no row has any."""
    return ordered(data_type, names) or list(COLUMNS.get(data_type.lower(), ("id",)))


def _blocks(job: Job) -> Generator[bytes, None, None]:
    with closing(ahead(row_blocks(job.source, job.source_kind, BLOCK_BYTES, job.mask))) as blocks:
        for block in blocks:
            yield mended(block)


@dataclass(frozen=True)
class _Names:
    text: set[str]
    raw: set[str]


def _write(writer: FrameWriter, block: bytes, rows: int, columns: list[str], names: _Names | None) -> int:
    for part, part_rows in _parts(block, rows, len(columns)):
        frame = _fast_frame(part, columns, names) if names else None
        if frame is None or frame.height != part_rows:
            schema = dict.fromkeys(columns, pl.String)
            frame = pl.from_dicts(list(writer.finder.slow_rows(part)), schema=schema)
        if frame.height != part_rows:
            raise AssertionError(f"{part_rows} rows became {frame.height}")
        writer.add(frame)
    return rows


def _parts(block: bytes, rows: int, width: int) -> Iterator[tuple[bytes, int]]:
    """`block` itself, or in pieces: many short rows among thousands of columns would make a table of any size."""
    if rows * width <= _MAX_CELLS:
        yield block, rows
        return
    lines = [line for line in block.split(b"\n") if line.strip(WHITE_SPACE)]
    step = max(1, _MAX_CELLS // width)
    for start in range(0, len(lines), step):
        some = lines[start : start + step]
        yield b"\n".join(some) + b"\n", len(some)


def _fast_frame(block: bytes, columns: list[str], names: _Names) -> pl.DataFrame | None:
    """The rows of a block without records; None when the fast readers refuse them after all.

    Lists are not for polars to read as text: it does not escape what it writes back.
    """
    raw = raw_columns(block, names.raw) if names.raw else {}
    if raw is None:
        return None
    try:
        frame = pl.read_ndjson(block, schema=dict.fromkeys(names.text, pl.String)) if names.text else pl.DataFrame()
    except pl.exceptions.PolarsError:
        return None
    kept = pl.DataFrame(raw, schema=dict.fromkeys(raw, pl.String))
    frame = kept if frame.is_empty() else frame.with_columns(kept.get_columns())
    absent = [pl.lit(None, pl.String).alias(name) for name in columns if name not in frame.columns]
    whole = frame.with_columns(absent)
    return pl.DataFrame({name: whole.get_column(name) for name in columns})


def guarded(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with an apostrophe before each text that a spreadsheet would run as a formula."""
    plain = by_place(frame)
    harmless = plain.select(_is_harmless(name) for name in plain.columns).row(0)
    starts = pl.Series(FORMULA_STARTS)
    made = plain.with_columns(
        pl.when(pl.col(name).str.head(1).is_in(starts.implode()))
        .then(pl.lit("'") + pl.col(name))
        .otherwise(pl.col(name))
        .alias(name)
        for name, is_harmless in zip(plain.columns, harmless, strict=True)
        if not is_harmless
    )
    made.columns = frame.columns
    return made


def by_place(frame: pl.DataFrame) -> pl.DataFrame:
    """`frame` with its columns called by their places: polars takes names such as `*` or `^a$` for several."""
    plain = frame.clone()
    plain.columns = [f"column {place}" for place in range(frame.width)]
    return plain


def _is_harmless(name: str) -> pl.Expr:
    """Whether a column has no formulas for sure: comparing whole ranges is quicker than taking first letters."""
    text = pl.col(name)
    digits = (text >= ".") & (text < "=")
    letters = (text >= "A") & (text < "＋")
    return (digits | letters).all().alias(name)
