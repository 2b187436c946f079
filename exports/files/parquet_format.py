"""Parquet with types: whole numbers as INT64, moments as UTC timestamps, lists and records as such.

Upstream writes 64-bit integers and moments as text (analytics-cloud-api.md §4); which fields those are is documented.
A column in which one value does not fit its type, to the digit, is text as a whole: nothing is bent or dropped.
"""

import io
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from exports.files.conversion import Job
from exports.files.frames import PlanChanged, columns_for, write_frames
from exports.files.shapes import ShapeFinder
from exports.files.sinks import HashedFile
from exports.files.text_rows import NOTHING_KNOWN, Traits

_GROUP_ROWS: Final = 20_000  # a group is packed while others are read: large ones would hold up what follows
_GROUP_BYTES: Final = 32 * 1024 * 1024
_BUFFER_BYTES: Final = 1024 * 1024  # Arrow writes thousands of small pieces
_ZONE: Final = r" ?(?:UTC|Z)\z"
_USUAL_END: Final = " UTC"
_SECONDS_LONG: Final = len("2023-03-01 12:01:44")
_MOMENT: Final = "%Y-%m-%d %H:%M:%S%.f"
_EXACT_MOMENT: Final = r"\A\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d{1,6})? ?(?:UTC|Z)\z"

_WHOLE: Final = {
    "event": frozenset({"channelId", "dataSourceId"}),
    "membership": frozenset({"channelId", "segmentId"}),
    "page": frozenset(
        ("channelId", "views", "reads", "entrances", "exits", "bounce", "ctaClicks")
        + ("timeOnPage", "directAccess", "indirectAccess")
    ),
    "segment": frozenset({"id", "authorid", "channelid", "individualscount", "identitiescount"}),
}
_MOMENTS: Final = frozenset({"eventDate", "createDate", "modifiedDate", "createdate", "modifieddate"})
_VARIED: Final = frozenset({"timeOnPage"})
_TIMESTAMP: Final = pl.Datetime("us", "UTC")
_ORDERED: Final = (pl.Int64(), pl.Float64(), _TIMESTAMP)


def write_parquet(job: Job, target: HashedFile) -> int:
    """All rows as Parquet, in row groups of some ten thousand rows."""
    writer = _ParquetFile(job, target)
    try:
        return write_frames(job, writer)
    finally:
        writer.close()


class _ParquetFile:
    blocks_ahead = 4

    def __init__(self, job: Job, target: HashedFile) -> None:
        self.finder = ShapeFinder()
        self._job = job
        self._target = target
        self._texts: set[str] = set()
        self._file: pq.ParquetWriter | None = None

    def plan(self) -> tuple[tuple[str, pl.DataType], ...]:
        names = columns_for(self._job.data_type, self.finder.names)
        return tuple((name, self._type_of(name)) for name in names)

    def begin(self, rows: int) -> list[str]:
        self.close()
        self._target.begin()
        self._schema = pl.Schema(self.plan())
        # Types as Parquet has them: Arrow's own schema beside them would have readers make views, which few know.
        schema = pa.schema([(name, _arrow_type(dtype)) for name, dtype in self._schema.items()])
        varied = _VARIED | {name for name, dtype in self._schema.items() if dtype == _TIMESTAMP}
        self._output = io.BufferedWriter(_Output(self._target), _BUFFER_BYTES)
        self._file = pq.ParquetWriter(
            self._output,
            schema,
            compression="zstd",
            compression_level=1,
            # What readers skip groups by. Texts stand in no order: their least and greatest would skip nothing.
            write_statistics=[name for name, dtype in self._schema.items() if dtype in _ORDERED],
            # Each of these stands in few rows: the file is a fifth larger with dictionaries of them.
            use_dictionary=[path for path in _paths(schema) if path not in varied],
            store_schema=False,
        )
        self._held: list[pa.Table] = []
        self._held_rows = self._held_bytes = 0
        return list(self._schema)

    def make(self, frame: pl.DataFrame, traits: Traits = NOTHING_KNOWN) -> pa.Table:
        columns = []
        for name, dtype in self._schema.items():
            if dtype == pl.String:
                # As polars holds it: copied for others it would take as long as all the rest here.
                columns.append(frame[name].to_arrow(compat_level=pl.CompatLevel.newest()))
                continue
            typed = _cast_usual(frame[name], dtype)
            if typed is None:
                typed = self._typed(frame[name], dtype).to_arrow(compat_level=pl.CompatLevel.oldest())
            columns.append(typed)
        if self._texts & {name for name, dtype in self._schema.items() if dtype != pl.String}:
            raise PlanChanged
        return pa.Table.from_arrays(columns, list(self._schema))

    def put(self, made: pa.Table) -> None:
        self._held.append(made)
        self._held_rows += made.num_rows
        self._held_bytes += made.nbytes
        if self._held_rows >= _GROUP_ROWS or self._held_bytes >= _GROUP_BYTES:
            self._write_group()

    def finish(self) -> None:
        self._write_group()
        self.close()

    def close(self) -> None:
        """Let go of a file that was begun."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._output.flush()

    def _write_group(self) -> None:
        if self._held and self._file is not None:
            self._file.write_table(pa.concat_tables(self._held), row_group_size=self._held_rows)
        self._held = []
        self._held_rows = self._held_bytes = 0

    def _type_of(self, name: str) -> pl.DataType:
        shape = self.finder.columns.get(name)
        if name in self._texts:
            return pl.String()
        dtype = shape.dtype() if shape is not None else pl.String()
        if dtype != pl.String or (shape is not None and shape.kinds - {"text"}):
            return dtype
        if name in _WHOLE.get(self._job.data_type.lower(), ()):
            return pl.Int64()
        return _TIMESTAMP if name in _MOMENTS else dtype

    def _typed(self, text: pl.Series, dtype: pl.DataType) -> pl.Series:
        """`text` as `dtype`. What does not fit makes the column text, in a file begun again."""
        try:
            typed = _cast(text, dtype)
        except pl.exceptions.PolarsError:
            typed = None
        if typed is None or typed.null_count() != text.null_count():
            self._texts.add(text.name)
            return text
        return typed


def _paths(schema: pa.Schema) -> list[str]:
    """What Parquet calls the columns, those within lists and records too."""
    empty = io.BytesIO()
    pq.write_table(schema.empty_table(), empty)
    return [column.path for column in pq.ParquetFile(empty).schema]


def _arrow_type(dtype: pl.DataType) -> pa.DataType:
    if dtype == pl.String:
        return pa.string_view()
    return pl.Series(dtype=dtype).to_arrow(compat_level=pl.CompatLevel.oldest()).type


def _cast_usual(text: pl.Series, dtype: pl.DataType) -> pa.Array | None:
    """`text` as `dtype` where each value is written as usual: what `_cast` makes of it, much faster; else None."""
    if dtype == pl.Int64:
        numbers = text.cast(pl.Int64, strict=False)
        # No sign and no zero in front: written back it reads the same.
        is_usual = ((text >= "1") & (text < ":")) | (text == "0")
        return numbers.to_arrow() if is_usual.all() and numbers.null_count() == text.null_count() else None
    return _usual_moments(text.to_arrow(compat_level=pl.CompatLevel.oldest())) if dtype == _TIMESTAMP else None


def _usual_moments(text: pa.Array) -> pa.Array | None:
    try:
        if pc.all(pc.ends_with(text, _USUAL_END)).as_py():
            plain = pc.utf8_slice_codeunits(text, 0, -len(_USUAL_END))
            # Arrow takes a date alone too, and hours without seconds.
            if (pc.min(pc.binary_length(plain)).as_py() or 0) >= _SECONDS_LONG:
                return plain.cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        pass
    return None


def _cast(text: pl.Series, dtype: pl.DataType) -> pl.Series | None:
    """None, or nulls where there were none, when a value does not fit."""
    if dtype == pl.String:
        return text
    if dtype == pl.Boolean:
        return (text == "true").alias(text.name)
    if dtype == pl.Int64:
        numbers = text.cast(pl.Int64, strict=False)
        # Written back it must read the same: "007" and "+7" are no numbers to be counted with.
        return numbers if (numbers.cast(pl.String) == text).all() else None
    if dtype == pl.Float64:
        numbers = text.cast(pl.Float64, strict=False)
        return None if numbers.is_infinite().any() else numbers
    if dtype == _TIMESTAMP:
        if not _all_match(text, _EXACT_MOMENT):
            return None
        if text.str.ends_with(_USUAL_END).all():
            usual = text.str.to_datetime(_MOMENT + _USUAL_END, time_unit="us", strict=False)
            if usual.null_count() == text.null_count():
                return usual.dt.replace_time_zone("UTC")
        plain = text.str.replace(_ZONE, "").str.replace("T", " ", literal=True)
        return plain.str.to_datetime(_MOMENT, time_unit="us", strict=False).dt.replace_time_zone("UTC")
    return text.str.json_decode(dtype)


def _all_match(text: pl.Series, pattern: str) -> bool:
    return bool(text.str.contains(pattern).all())


class _Output(io.RawIOBase):
    """The target as Arrow wants a file: it may not seek, and closing it is not Arrow's to do."""

    def __init__(self, target: HashedFile) -> None:
        super().__init__()
        self._target = target

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._target.bytes

    def write(self, data: pa.Buffer) -> int:
        return self._target.write(memoryview(data))
