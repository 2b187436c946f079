"""Finds the columns of a file while it streams past."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from exports.files.rows import WHITE_SPACE, mend_surrogates

MAX_COLUMNS: Final = 16_384  # as many as a worksheet has
FIRST_LOOK: Final = 256 * 1024  # bytes that are looked at closely before anything is known
_MAX_RECORD_DEPTH: Final = 8
_LONG_NUMBER: Final = 64
_TEXT: Final = str | int | bool | None
_RAW: Final = str | int | float | bool | None | list[msgspec.Raw]

ODD_IN_NAME: Final = re.compile(r'[\\"\x00-\x1f]')

_decode_row: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


class TooManyColumns(Exception):
    """More columns than a worksheet can hold: the keys of these rows are not column names."""


@dataclass(frozen=True)
class Look:
    """What one block holds. `is_fast`: nothing in it needs to be taken apart."""

    rows: int
    is_fast: bool

    def and_then(self, other: "Look") -> "Look":
        """What both hold."""
        return Look(self.rows + other.rows, self.is_fast and other.is_fast)


class ColumnFinder:
    """Collects the columns of the blocks it is shown, records taken apart as `field.inner`."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._raws: set[str] = set()
        self._nulls: set[str] = set()
        self._records: set[str] = set()
        self._fields: set[str] = set()
        self._wholes: set[str] = set()  # records without fields
        self._known: msgspec.json.Decoder[Any] | None = None

    @property
    def names(self) -> set[str]:
        """All columns so far. A record that is null somewhere adds none of its own name."""
        top = self._texts | self._raws | self._wholes | (self._nulls - self._records)
        return top | set(map(self._own, self._fields))

    @property
    def text_names(self) -> set[str]:
        """Keys whose values a fast reader takes as they are: text, whole numbers, true and false."""
        return (self._texts | (self._nulls - self._records)) - self._raws

    @property
    def raw_names(self) -> set[str]:
        """Keys with lists, or with numbers that a fast reader would bend to a double."""
        return self._raws

    @property
    def plain_names(self) -> set[str]:
        """Keys of which one more text teaches nothing."""
        return self._texts | self._raws

    def look(self, block: bytes) -> Look:
        """Take in the columns of `block`. Raises `TooManyColumns`."""
        if not self.names and (cut := block.find(b"\n", FIRST_LOOK) + 1):
            return self._look(block[:cut]).and_then(self._look(block[cut:]))
        return self._look(block)

    def _look(self, block: bytes) -> Look:
        if self._known is not None:
            try:
                return Look(len(self._known.decode_lines(block)), is_fast=True)
            except (msgspec.DecodeError, RecursionError):
                pass  # something new: look closely
        rows = 0
        is_fast = True
        for cells in rows_of(block):
            rows += 1
            for key, value in cells.items():
                is_fast = self._take(key, value) and is_fast
            if sum(map(len, (self._texts, self._raws, self._nulls, self._fields, self._wholes))) > MAX_COLUMNS:
                raise TooManyColumns
        types = dict.fromkeys(self.text_names, _TEXT) | dict.fromkeys(self.raw_names, _RAW)
        self._known = decoder_of(types)
        return Look(rows, is_fast and bool(types))

    def slow_rows(self, block: bytes) -> Iterator[dict[str, str | None]]:
        """Each row as text by column name; slow and exact."""
        for cells in rows_of(block):
            row: dict[str, str | None] = {}
            for key, value in cells.items():
                for name, text in flattened(key, value):
                    if name == key:
                        row[name] = text
                    else:
                        row.setdefault(self._own(name), text)
            yield row

    def _own(self, field: str) -> str:
        """The column of a record's field: a key at top level keeps its name, should it be called the same."""
        is_taken = any(field in names for names in (self._texts, self._raws, self._nulls, self._wholes))
        return f"{field} (2)" if is_taken else field

    def _take(self, key: str, value: msgspec.Raw) -> bool:
        raw = bytes(value)
        match raw[:1]:
            case b"{":
                self._records.add(key)
                for name, _ in flattened(key, value):
                    (self._wholes if name == key else self._fields).add(name)
                return False
            case b"n":
                self._nulls.add(key)
            case b'"' | b"t" | b"f":
                self._texts.add(key)
            case b"[":
                self._raws.add(key)
            case _:
                (self._texts if raw.removeprefix(b"-").isdigit() and len(raw) < _LONG_NUMBER else self._raws).add(key)
        return True


def rows_of(block: bytes) -> Iterator[dict[str, msgspec.Raw]]:
    """Each row of `block` with its values as raw JSON text."""
    for line in block.split(b"\n"):
        if not line.strip(WHITE_SPACE):
            continue
        yield _decode_row(line)


def raw_columns(block: bytes, names: set[str]) -> dict[str, list[str | None]] | None:
    """The values of the keys `names` in all rows, as text, to the letter; None when that takes the slow way."""
    decoder = decoder_of(dict.fromkeys(names, msgspec.Raw))
    if decoder is None:
        return None
    rows = decoder.decode_lines(block)
    return {
        name: [None if (raw := getattr(row, field)) is msgspec.UNSET else text_of(raw) for row in rows]
        for name, field in _field_names(names).items()
    }


def decoder_of(types: dict[str, Any]) -> msgspec.json.Decoder[Any] | None:
    """A reader of rows with keys of these types, much faster than looking at each key.

    It refuses keys it does not know unless all it knows is to be taken raw. None for names it cannot have.
    """
    if any(ODD_IN_NAME.search(name) for name in types):
        return None
    picks = set(types.values()) == {msgspec.Raw}
    fields = [
        (field, types[name] | msgspec.UnsetType if not picks else msgspec.Raw | msgspec.UnsetType, _unset(name))
        for name, field in _field_names(types).items()
    ]
    row = msgspec.defstruct("Known", fields, forbid_unknown_fields=not picks, gc=False)
    return msgspec.json.Decoder(row)


def _field_names(names: Iterable[str]) -> dict[str, str]:
    return {name: f"field_{place}" for place, name in enumerate(sorted(names))}


def _unset(name: str) -> Any:
    return msgspec.field(default=msgspec.UNSET, name=name)


def flattened(name: str, value: msgspec.Raw, depth: int = 0) -> Iterator[tuple[str, str | None]]:
    """The cells of one value: itself, or those of its fields as `name.field` when it is a record that has any."""
    if not _is_record(value) or depth == _MAX_RECORD_DEPTH:
        yield name, text_of(value)
        return
    fields = _decode_row(value)
    if not fields:
        yield name, "{}"
    for key, inner in fields.items():
        yield from flattened(f"{name}.{key}", inner, depth + 1)


def text_of(value: msgspec.Raw) -> str | None:
    """A value as it stands in a cell: text as it reads, numbers and lists as they are written, null as None."""
    raw = bytes(value)
    if raw.startswith(b'"'):
        return _decode_text(raw)
    return None if raw == b"null" else raw.decode()


def mended(block: bytes) -> bytes:
    """`block` with lone halves of surrogate pairs replaced: every reader but the gate stumbles over them."""
    if b"\\" in block and (b"\\ud" in block or b"\\uD" in block):
        return mend_surrogates(block)
    return block


def _is_record(value: msgspec.Raw) -> bool:
    return memoryview(value)[0] == ord("{")
