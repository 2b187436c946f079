"""Finds the columns of a file while it streams past."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from exports.files.rows import WHITE_SPACE, mend_surrogates

_MAX_COLUMNS: Final = 16_384  # as many as a worksheet has
_MAX_RECORD_DEPTH: Final = 8
_ABSENT: Final = msgspec.UNSET

# What a fast reader takes as it is. A record, or a number with a fraction or an exponent, which it would bend to a
# double, sends its block down the slow way; so does a list nested deeper than any documented one.
_Scalar = str | int | bool | None
_Plain = (
    _Scalar | list[_Scalar | list[_Scalar] | dict[str, _Scalar | list[_Scalar] | dict[str, _Scalar | list[_Scalar]]]]
)

_ODD_IN_NAME: Final = re.compile(r'[\\"\x00-\x1f]')

_decode_row: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode
_decode_plain: Final = msgspec.json.Decoder(_Plain).decode


class TooManyColumns(Exception):
    """More columns than a worksheet can hold: the keys of these rows are not column names."""


@dataclass(frozen=True)
class Look:
    """What one block holds. `is_plain`: a fast reader of the finder's `plain_names` bends nothing in it."""

    rows: int
    is_plain: bool


class ColumnFinder:
    """Collects the columns of the blocks it is shown."""

    def __init__(self) -> None:
        self._plain: set[str] = set()
        self._nulls: set[str] = set()
        self._records: set[str] = set()
        self._fields: set[str] = set()
        self._known: msgspec.json.Decoder[Any] | None = None

    @property
    def names(self) -> set[str]:
        """All columns so far, records taken apart as `field.inner`. A record that is null somewhere adds none."""
        return self._plain | self._fields | (self._nulls - self._records)

    @property
    def plain_names(self) -> set[str]:
        """Those that stand at top level of a row."""
        return self._plain | (self._nulls - self._records)

    def look(self, block: bytes) -> Look:
        """Take in the columns of `block`. Raises `TooManyColumns`."""
        if self._known is not None:
            try:
                return Look(len(self._known.decode_lines(block)), is_plain=True)
            except (msgspec.DecodeError, RecursionError):
                pass  # something new: look closely
        before = self.plain_names
        rows = 0
        is_plain = True
        for cells in rows_of(block):
            rows += 1
            for key, value in cells.items():
                is_plain = self._take(key, value) and is_plain
            if len(self._plain) + len(self._nulls) + len(self._fields) > _MAX_COLUMNS:
                raise TooManyColumns
        if self.plain_names != before:
            self._known = _decoder(self.plain_names)
        return Look(rows, is_plain and bool(self.plain_names))

    def _take(self, key: str, value: msgspec.Raw) -> bool:
        if _is_record(value):
            self._records.add(key)
            self._fields.update(name for name, _ in flattened(key, value))
            return False
        (self._nulls if memoryview(value)[0] == ord("n") else self._plain).add(key)
        return _is_plain(value)


def rows_of(block: bytes) -> Iterator[dict[str, msgspec.Raw]]:
    """Each row of `block` with its values as raw JSON text."""
    for line in block.split(b"\n"):
        if not line.strip(WHITE_SPACE):
            continue
        yield _decode_row(line)


def flat_rows(block: bytes) -> Iterator[dict[str, str | None]]:
    """Each row of `block` as text by column name, records taken apart; slow and exact."""
    for cells in rows_of(block):
        row: dict[str, str | None] = {}
        for key, value in cells.items():
            for name, text in flattened(key, value):
                # A key at top level keeps its name, should a record's field come to be called the same.
                if name == key or name not in row:
                    row[name] = text
        yield row


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


def _is_plain(value: msgspec.Raw) -> bool:
    try:
        _decode_plain(value)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _decoder(names: Iterable[str]) -> msgspec.json.Decoder[Any] | None:
    """A reader that accepts plain values of known columns only, much faster than looking at each key.

    None for names that such a reader cannot have.
    """
    if any(_ODD_IN_NAME.search(name) for name in names):
        return None
    fields = [
        (f"column_{place}", _Plain | msgspec.UnsetType, msgspec.field(default=_ABSENT, name=name))
        for place, name in enumerate(names)
    ]
    row = msgspec.defstruct("KnownRow", fields, forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(row)
