"""Rows in which every value is text, read without looking at each: most files are nothing else.

(analytics-cloud-api.md §4: numbers are strings, NULL is an absent key.) polars reads rows as text on all cores, but
leniently: it passes over keys it was not told of, and writes other values its own way. Counting the bytes of a
block proves that there is nothing of that in it, at a tenth of what reading every row for it costs, and without the
interpreter's lock.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl
import pyarrow as pa

MAX_CELLS: Final = 4_000_000
DELIMITERS: Final = (",", ";", "\t")
_QUOTE, _COLON, _START, _LINE_FEED = b'":{\n'
# What may stand before a string in JSON, but at the end of none of the keys that are read here.
_BEFORE_STRINGS: Final = b"{[,: \t\r\n"
# A formula starts with one of these, an escape, or a full-width twin (exports/files/formulas.py).
_FORMULA_BYTES: Final = b"=+-@\\\xef"


@dataclass(frozen=True)
class Traits:
    """What is known of all cells of a table, so that nobody needs to look at each again."""

    is_harmless: bool = False
    """No text starts with what a spreadsheet would run."""

    bare_with: frozenset[str] = frozenset()
    """Delimiters with which no cell of a CSV file needs quotes."""


NOTHING_KNOWN: Final = Traits()


@dataclass(frozen=True)
class _Counts:
    rows: int
    texts: int
    traits: Traits


@dataclass(frozen=True)
class TextRows:
    """Rows as a table of text."""

    frame: pl.DataFrame
    traits: Traits


def read_text_rows(block: bytes, columns: Sequence[str], known: Collection[str]) -> TextRows | None:
    """The rows of `block`, whole lines, with all of `columns`.

    None unless every row stands at the start of a line and has nothing but texts, under keys that are all `known`,
    none of them there twice.
    """
    counts = _count(block)
    names = [name for name in columns if name in known]
    if counts is None or not names or counts.rows * len(columns) > MAX_CELLS:
        return None
    try:
        frame = pl.read_ndjson(block, schema=dict.fromkeys(names, pl.String))
    except pl.exceptions.PolarsError:
        return None
    # As many texts found as there are: no key was passed over, and none is there twice.
    found = frame.height * frame.width - sum(column.null_count() for column in frame)
    if frame.height != counts.rows or found != counts.texts:
        return None
    return TextRows(arranged(frame, columns), counts.traits)


def arranged(frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """`frame` with just these columns, in this order, empty where it has none."""
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    return pl.DataFrame({name: frame[name] if name in frame.columns else nothing for name in columns})


def _count(block: bytes) -> _Counts | None:
    """How many rows and texts `block` has; None when it may hold anything else.

    A text follows its key as `":"`. Keys and texts of different such joints are different strings, so as many joints
    as a quarter of the quotes leave no other string in the block: any value that is no text would need one for its
    key, and records and lists stand behind a key too.
    """
    plain = block
    has_escapes = b"\\" in block
    if has_escapes:
        # Quotes that are escaped end no string. Pairs of backslashes first: their second half escapes nothing.
        plain = block.replace(b"\\\\", b"..").replace(b'\\"', b"..")
    size = len(plain)
    if not plain.startswith(b"{") or not plain.endswith(b'"}\n'):
        return None
    letters = pl.Series(pa.UInt8Array.from_buffers(pa.uint8(), size, [None, pa.py_buffer(plain)]))
    is_quote = letters == _QUOTE
    joints = is_quote.slice(0, size - 3) & (letters == _COLON).slice(1, size - 3) & is_quote.slice(2, size - 3)
    texts = int(joints.sum())
    if is_quote.sum() != 4 * texts:
        return None
    # The string `":"` would look like a joint, but for what stands before it.
    before = letters.slice(0, size - 4).filter(joints.slice(1, size - 4))
    if _has_any(before, _BEFORE_STRINGS):
        return None
    # What stands behind each line feed but the last.
    starts = letters.slice(1, size - 1).filter((letters == _LINE_FEED).slice(0, size - 1))
    if not (starts == _START).all():
        return None
    rows = len(starts) + 1
    first = letters.slice(3, size - 3).filter(joints)
    bare_with: frozenset[str] = frozenset()
    # Quotes and line ends are escaped in JSON, and an empty text is a pair of quotes in CSV.
    if not has_escapes and not (first == _QUOTE).any():
        outside = {",": texts - rows}
        bare_with = frozenset(mark for mark in DELIMITERS if (letters == ord(mark)).sum() == outside.get(mark, 0))
    return _Counts(rows, texts, Traits(not _has_any(first, _FORMULA_BYTES), bare_with))


def _has_any(letters: pl.Series, of: bytes) -> bool:
    return any((letters == byte).any() for byte in of)
