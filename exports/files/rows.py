"""Checks rows as they stream past: one JSON object each, valid UTF-8, no longer than the limit."""

import codecs
import re
from collections.abc import Callable, Sequence
from io import BytesIO
from operator import itemgetter
from typing import Any, Final

import msgspec

from exports.files.dates import DateSpan
from exports.files.refusals import ArchiveRefused

WHITE_SPACE: Final = b" \t\r\n"
_LONG_LINE: Final = 1024 * 1024
_TEXT_STEP: Final = 64 * 1024
_LONGEST_DATE: Final = 128
_ABSENT: Final = msgspec.Raw(b"")

# What a server that fails in the middle of a file may say behind its last row: a status object, or an error in one of
# the usual shapes. Lower case. Documented rows have an id or an address (analytics-cloud-api.md §4); these have none.
# What a body begins with is judged at the door, which knows of the way, too (exports/analytics_cloud/verdicts.py).
_ANSWER_KEYS: Final = frozenset(
    (
        *("status", "type", "fromdate", "todate", "createddate", "starteddate", "message", "description"),
        *("error", "errors", "code", "title", "detail", "instance", "timestamp", "path", "exception", "trace"),
    )
)
_TELLING_KEYS: Final = frozenset(("message", "description", "error", "errors", "detail", "exception"))
_RANGE_KEYS: Final = frozenset(("status", "fromdate", "todate"))
_LONGEST_ANSWER: Final = 64 * 1024

# Any escape, so that an escaped backslash is never mistaken for the start of the next one; group 1 is half a pair.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)

_first_letter: Final = itemgetter(0)
_letter_before_line_feed: Final = itemgetter(-2)
_OPENING: Final = set(b"{")
_CLOSING: Final = set(b"}")


class _Event(msgspec.Struct, gc=False):
    date: str = msgspec.field(default="", name="eventDate")


class _Created(msgspec.Struct, gc=False):
    date: str = msgspec.field(default="", name="createDate")


class _CreatedLower(msgspec.Struct, gc=False):
    date: str = msgspec.field(default="", name="createdate")


class _Any(msgspec.Struct, gc=False):
    """Takes any value for a date without building it: a row of brackets would fill memory otherwise."""

    eventDate: msgspec.Raw = _ABSENT  # noqa: N815 - the field's own name
    createDate: msgspec.Raw = _ABSENT  # noqa: N815 - the field's own name
    createdate: msgspec.Raw = _ABSENT


_Row = type[_Event] | type[_Created] | type[_CreatedLower]

# What the range filters is the date worth showing (analytics-cloud-api.md §1); types unknown to us are created.
_BY_TYPE: Final[dict[str, _Row]] = {"event": _Event, "page": _Event, "segment": _CreatedLower}
_DATE_FIELDS: Final[dict[type, tuple[str, ...]]] = {
    _Event: ("eventDate",),
    _Created: ("createDate", "createdate"),
    _CreatedLower: ("createdate", "createDate"),
}
_decode_any: Final = msgspec.json.Decoder(_Any).decode
_decode_keys: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text: Final = msgspec.json.Decoder(str).decode


def mend_surrogates(row: bytes) -> bytes:
    r"""Replace each `\uD8xx` escape that has lost its other half by `\ufffd`.

    A title cut by length in the middle of an emoji leaves one. It is JSON by the grammar and no text at all,
    so parsers refuse the row; a row is not worth losing for it.
    """
    return _ESCAPE.sub(lambda found: rb"\ufffd" if found[1] else found[0], row)


class RowCheck:
    """Checks complete rows, counts them and keeps the span of their dates."""

    def __init__(self, data_type: str) -> None:
        row = _BY_TYPE.get(data_type.lower(), _Created)
        self.rows = 0
        self.span = DateSpan()
        self._last: bytes | bytearray = b""
        self._fields = _DATE_FIELDS[row]
        decoder = msgspec.json.Decoder(row)
        self._decode: Callable[[bytes], _Event | _Created | _CreatedLower] = decoder.decode
        self._decode_lines: Callable[[bytes], list[Any]] = decoder.decode_lines

    def block(self, block: bytes) -> int:
        """Check whole lines at once, the usual kind of them only; return how many, or 0: go one by one.

        In a usual block each line starts with "{" and ends with "}". A line feed between "}" and "{" can't be inside
        of an object, so as many objects as lines are one on each.
        """
        lines = BytesIO(block).readlines()
        if not set(map(_first_letter, lines)) <= _OPENING or not set(map(_letter_before_line_feed, lines)) <= _CLOSING:
            return 0
        try:
            if not block.isascii():
                b"".join([line for line in lines if not line.isascii()]).decode()
            dates = [row.date for row in self._decode_lines(block)]
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            return 0
        if len(dates) != len(lines):
            return 0
        self._take(dates, lines)
        return len(lines)

    def many(self, rows: Sequence[bytes]) -> bool:
        """Check `rows` quickly. False when one of them is unusual; nothing is counted then: go one by one."""
        try:
            for row in rows:
                if not row.isascii():
                    row.decode()
            dates = [row.date for row in map(self._decode, rows)]
        except (UnicodeDecodeError, msgspec.DecodeError, RecursionError):
            return False
        self._take(dates, rows)
        return True

    def one(self, row: bytes | bytearray, line: int) -> None:
        """Check one row of any size without copying it. Raises `ArchiveRefused` with `line`."""
        if not is_utf8(row):
            raise ArchiveRefused("bad_utf8", line=line)
        found = _decode_row(row, line)
        self._count(1, row)
        self.span.add([date for date in [self._date(found)] if date])

    def refuse_answer(self, line: int) -> None:
        """Refuse a last row that is an answer of the server's. Raises `ArchiveRefused` with `line`."""
        try:
            keys = {key.lower() for key in _decode_keys(mend_surrogates(bytes(self._last)))} if self._last else set()
        except msgspec.DecodeError:
            return  # passed already, in a spelling that only the row's own reader takes
        if keys <= _ANSWER_KEYS and (keys & _TELLING_KEYS or keys >= _RANGE_KEYS):
            raise ArchiveRefused("ends_in_an_answer", line=line)

    def _count(self, rows: int, last: bytes | bytearray) -> None:
        self.rows += rows
        self._last = last if len(last) <= _LONGEST_ANSWER else b""  # a longer one is no answer, and takes memory

    def _take(self, dates: list[str], rows: Sequence[bytes]) -> None:
        """Count rows by what the usual spelling of their date says; they are read again only where it is missing."""
        if rows:
            self._count(len(rows), rows[-1])
        if "" in dates:
            if len(self._fields) > 1:
                dates = [date or self._other_date(row) for date, row in zip(dates, rows, strict=True)]
            dates = [date for date in dates if date]
        self.span.add(dates)

    def _other_date(self, row: bytes) -> str:
        return self._date(_decode_any(row))

    def _date(self, row: _Any) -> str:
        for field in self._fields:
            raw: msgspec.Raw = getattr(row, field)
            if memoryview(raw).nbytes > _LONGEST_DATE:
                continue
            try:
                return _decode_text(raw)
            except msgspec.DecodeError:
                continue  # another kind of value, or none: not a date, and no fault of the row
        return ""


class LineRows:
    """Takes JSON Lines in pieces of any size.

    Lines end with a line feed; a carriage return before it is white space. Blank lines hold no row and are
    passed over, but counted in line numbers. The last line needs no line feed if its object is complete.
    Memory: one piece, and one line of at most `max_line_bytes`.
    """

    def __init__(self, check: RowCheck, max_line_bytes: int) -> None:
        self._check = check
        self._max_line_bytes = max_line_bytes
        self._lines = 0
        self._last_row = 0
        self._part = bytearray()

    def feed(self, piece: bytes) -> None:
        """Check the lines that end in `piece`. Raises `ArchiveRefused` with the line's number."""
        end = piece.rfind(b"\n") + 1
        if not end:
            self._keep(piece)
            return
        start = 0
        if len(self._part) > _LONG_LINE:
            start = piece.index(b"\n") + 1
            self._keep(piece[: start - 1])
            self._one(self._part)
            self._part = bytearray()
        if start < end:
            block = bytes(self._part) + piece[start:end] if self._part else piece[start:end]
            self._part.clear()
            if len(block) <= self._max_line_bytes and (usual := self._check.block(block)):
                self._lines += usual
                self._last_row = self._lines
            else:
                lines = block.split(b"\n")
                lines.pop()
                self._many(lines, len(block))
        self._keep(piece[end:])

    def finish(self) -> None:
        """Check what stands behind the last line feed, and what the last row is."""
        if self._part.strip(WHITE_SPACE):
            try:
                self._one(self._part)
            except ArchiveRefused as refused:
                if refused.code == "too_deep":
                    raise
                raise ArchiveRefused("last_line_incomplete", line=refused.line) from None
        self._check.refuse_answer(self._last_row)

    def _keep(self, part: bytes) -> None:
        if len(self._part) + len(part) > self._max_line_bytes:
            self._part.clear()
            raise ArchiveRefused("line_too_long", line=self._lines + 1)
        self._part += part

    def _many(self, lines: Sequence[bytes], total: int) -> None:
        if total <= self._max_line_bytes and self._check.many(lines):
            self._lines += len(lines)
            self._last_row = self._lines
            return
        for line in lines:
            if len(line) > self._max_line_bytes:
                raise ArchiveRefused("line_too_long", line=self._lines + 1)
            self._one(line)

    def _one(self, line: bytes | bytearray) -> None:
        if line.strip(WHITE_SPACE):
            self._check.one(line, self._lines + 1)
            self._last_row = self._lines + 1
        self._lines += 1


def is_utf8(text: bytes | bytearray) -> bool:
    """Whether `text` is valid UTF-8, looked at in steps: one emoji makes a string four times its bytes."""
    if text.isascii():
        return True
    view = memoryview(text)
    position = 0
    try:
        while position < len(view):
            step = view[position : position + _TEXT_STEP]
            _, taken = codecs.utf_8_decode(step, "strict", position + len(step) == len(view))
            position += taken
    except UnicodeDecodeError:
        return False
    finally:
        view.release()
    return True


def _decode_row(row: bytes | bytearray, line: int) -> _Any:
    try:
        try:
            return _decode_any(row)
        except msgspec.DecodeError:
            if b"\\ud" not in row and b"\\uD" not in row:
                raise
        return _decode_any(mend_surrogates(bytes(row)))
    except msgspec.DecodeError:
        raise ArchiveRefused("not_an_object", line=line) from None
    except RecursionError:
        raise ArchiveRefused("too_deep", line=line) from None
