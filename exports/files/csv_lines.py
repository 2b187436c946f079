"""Rows in which every value is text as lines of CSV, without a table in between.

Most files are nothing else (analytics-cloud-api.md §4: numbers are strings, NULL is an absent key), and reading their
rows once, as text, costs less than looking through them and then making a table. Whatever else turns up in a block is
left to the tables of `frames`, which write the same bytes.
"""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from exports.files.columns import ODD_IN_NAME
from exports.files.formulas import FORMULA_STARTS, guarded_text

LINE_END: Final = "\r\n"

_FULL_WIDTH: Final = 0xEF  # the first byte of the twins, and of some letters that do no harm
# Stands for a key that a row does not have: no text holds it, once that has been looked for.
_ABSENT: Final = "\x00"
_astuple: Final = msgspec.structs.astuple


class TextLines:
    """Makes CSV of blocks of rows that have `columns` at most, all text.

    `guard` puts an apostrophe before text that a spreadsheet would run as a formula.
    """

    def __init__(self, columns: Sequence[str], delimiter: str, *, guard: bool) -> None:
        self._delimiter = delimiter
        self._guard = guard
        self._joints = len(columns) - 1
        # A lone empty cell would be an empty line, and a name may be one that the reader of rows cannot have.
        can_be = self._joints and not any(ODD_IN_NAME.search(name) for name in columns)
        self._decoder = _decoder(columns) if can_be else None
        mark = delimiter.encode()
        starts = (b"=+-@\t" + bytes([_FULL_WIDTH]) if guard else b"") + b"\n"
        self._marks = bytes.maketrans(starts, mark * len(starts))
        self._odd_place = mark * 2
        formulas = "".join(start for start in FORMULA_STARTS if start != delimiter) if guard else ""
        places = rf"(?:\A|{re.escape(delimiter)})(?:[{re.escape(formulas)}{re.escape(delimiter)}]|\Z)"
        self._find_odd_place = re.compile(places).search

    def lines(self, block: bytes) -> tuple[int, bytes] | None:
        """The number of rows in `block` and their lines; None when a value is no text, or a key is not known."""
        if self._decoder is None or b"\x00" in block or (b"\\" in block and b"\\u0000" in block):
            return None
        try:
            rows = self._decoder.decode_lines(block)
        except (msgspec.DecodeError, RecursionError):
            return None
        lines = list(map(self._delimiter.join, map(_astuple, rows)))
        text = "\n".join(lines).encode()
        if self._has_odd(text, len(lines)):
            for place, line in enumerate(lines):
                if self._is_odd(line):
                    lines[place] = self._delimiter.join(map(self._cell, _astuple(rows[place])))
            text = LINE_END.join(lines).encode()
        else:
            text = text.replace(b"\n", LINE_END.encode())
        return len(rows), text.replace(_ABSENT.encode(), b"") + (LINE_END.encode() if lines else b"")

    def _has_odd(self, text: bytes, rows: int) -> bool:
        """Whether some line must be written cell by cell. Looks at all of them at once: mostly there is none."""
        mark = self._odd_place[:1]
        if b'"' in text or b"\r" in text or text.count(b"\n") != max(rows - 1, 0):
            return True
        if text.count(mark) != self._joints * rows:
            return True
        # Line ends and starts of formulas become delimiters: two in a row are a formula, or an empty text.
        places = text.translate(self._marks)
        return self._odd_place in places or places.startswith(mark) or places.endswith(mark)

    def _is_odd(self, line: str) -> bool:
        return (
            line.count(self._delimiter) != self._joints
            or '"' in line
            or "\r" in line
            or "\n" in line
            or self._find_odd_place(line) is not None
        )

    def _cell(self, text: str) -> str:
        if self._guard:
            text = guarded_text(text)
        if not text or self._delimiter in text or '"' in text or "\r" in text or "\n" in text:
            return '"' + text.replace('"', '""') + '"'
        return text


def _decoder(columns: Sequence[str]) -> msgspec.json.Decoder[Any]:
    fields = [(f"field_{place}", str, msgspec.field(default=_ABSENT, name=name)) for place, name in enumerate(columns)]
    return msgspec.json.Decoder(msgspec.defstruct("Row", fields, forbid_unknown_fields=True, gc=False))
