"""Rows as tables of text: one frame a block, all with the same columns in the same order."""

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, Protocol

import polars as pl

from exports.files.column_order import COLUMNS, ordered
from exports.files.columns import Look, mended, raw_columns
from exports.files.conversion import Job
from exports.files.formulas import FORMULA_STARTS
from exports.files.pipeline import ahead
from exports.files.row_blocks import row_blocks
from exports.files.rows import WHITE_SPACE
from exports.files.text_rows import MAX_CELLS, NOTHING_KNOWN, Traits, arranged, read_text_rows

BLOCK_BYTES: Final = 4 * 1024 * 1024
_HANDS: Final = 3  # a third for two cores: now and then one waits for the interpreter
_LONGEST_REST: Final = 64


class Finder(Protocol):
    """Learns the columns from the blocks it is shown."""

    @property
    def text_names(self) -> set[str]:
        """Keys whose values a fast reader takes as they are."""

    @property
    def raw_names(self) -> set[str]:
        """Keys whose values are kept to the letter."""

    @property
    def plain_names(self) -> set[str]:
        """Keys of which one more text teaches nothing."""

    def look(self, block: bytes) -> Look:
        """Take in the columns of `block`. Raises `TooManyColumns`."""

    def slow_rows(self, block: bytes) -> Iterator[dict[str, str | None]]:
        """Each row as text by column name, exactly."""


class FrameWriter(Protocol):
    """One format's file. Rows are made ready for it by several threads at once, and put into it in order by one."""

    blocks_ahead: int
    """How many are made ready besides the one whose turn it is, some 15 MiB each: fewer where putting takes longest."""

    @property
    def finder(self) -> Finder:
        """What has been seen of the rows."""

    def plan(self) -> object:
        """The layout that fits all rows seen so far; equal to another plan when the same file serves both."""

    def begin(self, rows: int) -> list[str]:
        """Start the file by the plan, dropping all that was written; returns the columns that frames must have.

        `rows` is how many will come, or 0 when that is not known.
        """

    def make(self, frame: pl.DataFrame, traits: Traits = NOTHING_KNOWN) -> Any:
        """What `put` takes, of rows as text or null. Raises `PlanChanged` when the file does not hold them."""

    def put(self, made: Any) -> None:
        """Append rows."""

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
    with ThreadPoolExecutor(_HANDS, thread_name_prefix="frames") as hands, closing(_blocks(job)) as blocks:
        attempt = _Attempt(job, writer, hands)
        try:
            if expected is not None:
                attempt.begin(expected)
            for block in blocks:
                attempt.take(block)
            return attempt.finish()
        except PlanChanged:
            return None
        finally:
            hands.shutdown(cancel_futures=True)


class _Attempt:
    """One file from begin to end: several blocks are made ready at once and put in order."""

    def __init__(self, job: Job, writer: FrameWriter, hands: ThreadPoolExecutor) -> None:
        self._job = job
        self._writer = writer
        self._hands = hands
        self._columns: list[str] | None = None
        self._rows = 0
        self._refusals = _Refusals()
        self._steps: deque[tuple[bytes, Future[_Made | None]]] = deque()

    def begin(self, rows: int) -> None:
        """Start the file by what has been seen."""
        self._columns = self._writer.begin(rows)
        self._plan = self._writer.plan()

    def take(self, block: bytes) -> None:
        """Have `block` made ready. Raises `PlanChanged`."""
        if self._columns is None:
            self._writer.finder.look(block)
            self.begin(0)
        assert self._columns is not None
        if self._refusals.is_worth_a_try():
            known = self._writer.finder.plain_names
            self._steps.append((block, self._hands.submit(_of_texts, self._writer, block, self._columns, known)))
        else:
            tables = self._look(block)
            if tables.are_many:
                self._put_all()
                self._put_tables(tables)
            else:
                self._steps.append((block, self._hands.submit(_of_tables, self._writer, tables)))
        if len(self._steps) > self._writer.blocks_ahead:
            self._put_next()

    def finish(self) -> int:
        """Put what is left; returns the number of rows. Raises `PlanChanged`."""
        self._put_all()
        if self._columns is None:
            self.begin(0)
        self._writer.finish()
        self._job.on_progress(self._rows)
        return self._rows

    def _look(self, block: bytes) -> "_Tables":
        look = self._writer.finder.look(block)
        if self._writer.plan() != self._plan:
            raise PlanChanged
        assert self._columns is not None
        # The finder learns more while tables are made: what holds for this block is taken now.
        finder = self._writer.finder
        names = _Names(set(finder.text_names), set(finder.raw_names)) if look.is_fast else None
        return _Tables(finder, block, look.rows, self._columns, names)

    def _put_all(self) -> None:
        while self._steps:
            self._put_next()

    def _put_next(self) -> None:
        block, making = self._steps.popleft()
        made = making.result()
        if made is None:
            self._refusals.add()
            self._put_tables(self._look(block))
            return
        if made.is_text:
            self._refusals.forget()
        for part in made.parts:
            self._writer.put(part)
        self._count(made.rows)

    def _put_tables(self, tables: "_Tables") -> None:
        """Put a block whose turn it is, with one table at a time in memory."""
        for frame in tables.frames():
            self._writer.put(self._writer.make(frame))
        self._count(tables.rows)

    def _count(self, rows: int) -> None:
        self._rows += rows
        self._job.on_progress(self._rows)


class _Refusals:
    """Of blocks by the quick reader of text: after each one in a row it rests for twice as many blocks."""

    def __init__(self) -> None:
        self._rest = 0
        self._left = 0

    def is_worth_a_try(self) -> bool:
        """Whether the next block is to be tried."""
        self._left -= 1
        return self._left < 0

    def add(self) -> None:
        """One more in a row."""
        self._rest = min(2 * self._rest + 1, _LONGEST_REST)
        self._left = self._rest

    def forget(self) -> None:
        """A block was taken."""
        self._rest = 0


@dataclass(frozen=True)
class _Made:
    parts: list[Any]
    rows: int
    is_text: bool


def _of_texts(writer: FrameWriter, block: bytes, columns: list[str], known: set[str]) -> _Made | None:
    rows = read_text_rows(block, columns, known)
    if rows is None:
        return None
    return _Made([writer.make(rows.frame, rows.traits)], rows.frame.height, is_text=True)


def _of_tables(writer: FrameWriter, tables: "_Tables") -> _Made:
    return _Made(list(map(writer.make, tables.frames())), tables.rows, is_text=False)


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


@dataclass(frozen=True)
class _Tables:
    """A block that was looked at; `names` when the fast readers take it."""

    finder: Finder
    block: bytes
    rows: int
    columns: list[str]
    names: _Names | None

    @property
    def are_many(self) -> bool:
        """Whether the block is taken in parts: many short rows among thousands of columns make a table of any size."""
        return self.rows * len(self.columns) > MAX_CELLS

    def frames(self) -> Iterator[pl.DataFrame]:
        """All rows, table by table."""
        for part, rows in self._parts():
            frame = _fast_frame(part, self.columns, self.names) if self.names else None
            if frame is None or frame.height != rows:
                schema = dict.fromkeys(self.columns, pl.String)
                frame = pl.from_dicts(list(self.finder.slow_rows(part)), schema=schema)
            if frame.height != rows:
                raise AssertionError(f"{rows} rows became {frame.height}")
            yield frame

    def _parts(self) -> Iterator[tuple[bytes, int]]:
        if not self.are_many:
            yield self.block, self.rows
            return
        lines = [line for line in self.block.split(b"\n") if line.strip(WHITE_SPACE)]
        step = max(1, MAX_CELLS // len(self.columns))
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
    return arranged(frame, columns)


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
