"""The types of columns, found from the values of all rows: what a typed format needs and CSV does not."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Final

import msgspec
import polars as pl

from exports.files.columns import FIRST_LOOK, MAX_COLUMNS, ODD_IN_NAME, Look, TooManyColumns, rows_of, text_of
from exports.files.rows import WHITE_SPACE

_MAX_DEPTH: Final = 16
_EXACT_IN_DOUBLE: Final = 2**53
_LONGEST: Final = 2**63
_TEXT_KINDS: Final = {"text", "truth", "whole", "long"}
_Whole: Final = Annotated[int, msgspec.Meta(ge=-_LONGEST, le=_LONGEST - 1)]
_decode_row: Final = msgspec.json.Decoder(dict[str, Any]).decode
_decode_raw: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode: Final = msgspec.json.Decoder().decode


class Shape:
    """What has been seen of one value: kinds of it, and the shapes within lists and records. Null is no kind."""

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.item: Shape | None = None
        self.fields: dict[str, Shape] = {}

    def take(self, value: Any, depth: int = 0) -> int:
        """Take in one value; returns how many fields of records were new."""
        new = 0
        match value:
            case None:
                pass
            case bool():
                self.kinds.add("truth")
            case str():
                self.kinds.add("text")
            case int():
                self.kinds.add(_kind_of_whole(value))
            case float():
                self.kinds.add("fraction")
            case msgspec.Raw():
                self.kinds.add("huge")
            case _ if depth == _MAX_DEPTH:
                self.kinds.add("deep")
            case list():
                self.kinds.add("list")
                self.item = self.item or Shape()
                for inner in value:
                    new += self.item.take(inner, depth + 1)
            case dict():
                self.kinds.add("record")
                for name, inner in value.items():
                    if name not in self.fields:
                        self.fields[name] = Shape()
                        new += 1
                    new += self.fields[name].take(inner, depth + 1)
        return new

    def dtype(self) -> pl.DataType:
        """The type that holds all of it; JSON text where no other does."""
        if self.kinds == {"truth"}:
            return pl.Boolean()
        if self.kinds and self.kinds <= {"whole", "long"}:
            return pl.Int64()
        if "fraction" in self.kinds and self.kinds <= {"whole", "fraction"}:
            return pl.Float64()
        if self.kinds == {"list"} and self.item is not None:
            return pl.List(self.item.dtype())
        if self.kinds == {"record"} and self.fields:
            return pl.Struct({name: self.fields[name].dtype() for name in sorted(self.fields)})
        return pl.String()

    def type_to_check(self) -> Any:
        """A type that a quick reader accepts exactly when a value would teach nothing new; None when there is none."""
        if self.kinds & {"fraction", "huge", "deep"}:
            return None  # a reader of doubles takes any whole number too, however long
        wanted: Any = None
        for kind, plain in (("text", str), ("whole", _Whole), ("long", _Whole), ("truth", bool)):
            if kind in self.kinds:
                wanted = plain if wanted is None else wanted | plain
        if self.item is not None:
            inner = self.item.type_to_check()
            if inner is None:
                return None
            items = types.GenericAlias(list, (inner,))
            wanted = items if wanted is None else wanted | items
        if "record" in self.kinds:
            record = type_of_record(self.fields)
            if record is None:
                return None
            wanted = record if wanted is None else wanted | record
        return msgspec.UnsetType | None if wanted is None else wanted | None


def type_of_record(fields: dict[str, Shape]) -> Any:
    """A record of these fields and no others; None when there can be none."""
    members = []
    for place, (name, shape) in enumerate(fields.items()):
        wanted = shape.type_to_check()
        if wanted is None or ODD_IN_NAME.search(name):
            return None
        members.append((f"field_{place}", wanted | msgspec.UnsetType, msgspec.field(default=msgspec.UNSET, name=name)))
    return msgspec.defstruct("Known", members, forbid_unknown_fields=True, gc=False)


def _kind_of_whole(number: int) -> str:
    if abs(number) <= _EXACT_IN_DOUBLE:
        return "whole"
    return "long" if -_LONGEST <= number < _LONGEST else "huge"


def _values(line: bytes) -> Iterator[tuple[str, Any]]:
    """The values of a row; one that holds a number beyond all machine numbers stays raw."""
    try:
        yield from _decode_row(line).items()
    except msgspec.DecodeError:
        for name, raw in _decode_raw(line).items():
            try:
                yield name, _decode(raw)
            except msgspec.DecodeError:
                yield name, raw


class ShapeFinder:
    """Finds the columns and their types; records stay whole."""

    def __init__(self) -> None:
        self.columns: dict[str, Shape] = {}
        self._fields = 0
        self._known: msgspec.json.Decoder[Any] | None = None

    @property
    def names(self) -> set[str]:
        """All columns so far."""
        return set(self.columns)

    @property
    def text_names(self) -> set[str]:
        """Keys whose values a fast reader takes as they are."""
        return {name for name, shape in self.columns.items() if shape.kinds <= _TEXT_KINDS}

    @property
    def raw_names(self) -> set[str]:
        """Keys with lists, records, or numbers that a fast reader would bend."""
        return set(self.columns) - self.text_names

    @property
    def plain_names(self) -> set[str]:
        """Keys of which one more text teaches nothing."""
        return {name for name, shape in self.columns.items() if "text" in shape.kinds}

    def look(self, block: bytes) -> Look:
        """Take in the columns of `block`. Raises `TooManyColumns`."""
        if not self.columns and (cut := block.find(b"\n", FIRST_LOOK) + 1):
            return self._look(block[:cut]).and_then(self._look(block[cut:]))
        return self._look(block)

    def _look(self, block: bytes) -> Look:
        if self._known is not None:
            try:
                return Look(len(self._known.decode_lines(block)), is_fast=True)
            except (msgspec.DecodeError, RecursionError):
                pass  # something new: look closely
        rows = 0
        for line in block.split(b"\n"):
            if not line.strip(WHITE_SPACE):
                continue
            rows += 1
            for name, value in _values(line):
                shape = self.columns.get(name)
                if shape is None:
                    shape = self.columns[name] = Shape()
                    self._fields += 1
                self._fields += shape.take(value)
            if self._fields > MAX_COLUMNS:
                raise TooManyColumns
        known = type_of_record(self.columns)
        self._known = None if known is None else msgspec.json.Decoder(known)
        return Look(rows, is_fast=bool(self.columns))

    def slow_rows(self, block: bytes) -> Iterator[dict[str, str | None]]:
        """Each row as text by column name."""
        for cells in rows_of(block):
            yield {name: text_of(value) for name, value in cells.items()}
