"""Takes one JSON array of objects apart in bounded memory (one server version sends segments so)."""

import re
from typing import Final

from exports.files.refusals import ArchiveRefused
from exports.files.rows import RowCheck

_BLANK: Final = re.compile(rb"[ \t\r\n]*")
# Everything up to the next bracket, strings whole. Stops at a quotation mark whose string has not ended yet.
_NO_BRACKET: Final = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)

_MAX_DEPTH: Final = 1000  # where Python's own recursion limit stops the readers of single rows


class ArraySplitter:
    """Cuts an array into its elements as it streams past; each must be an object.

    Whether an element is valid JSON is for the caller to check. Raises `ArchiveRefused` whose `line` is the
    element's number. Memory: one piece, and one element of at most `max_element_bytes`.
    """

    def __init__(self, max_element_bytes: int) -> None:
        self.elements = 0
        self._max_element_bytes = max_element_bytes
        self._buffer = bytearray()
        self._awaited = b"["
        self._depth = 0
        self._scanned = 0

    def feed(self, piece: bytes, found: list[bytes]) -> None:
        """Append the elements that end in `piece` to `found`, those before a refusal too."""
        self._buffer += piece
        position = 0
        while True:
            if self._depth:
                end = self._element_end()
                if not end:
                    break
                self._measure(end - position)
                found.append(bytes(self._buffer[position:end]))
                self.elements += 1
                self._awaited = b",]"
                position = end
            else:
                position = self._between(position)
                if position == len(self._buffer):
                    break
        del self._buffer[:position]
        self._scanned -= position if self._depth else self._scanned
        if self._depth:
            self._measure(len(self._buffer))

    def finish(self) -> None:
        """Refuse an array that has not been closed."""
        if self._awaited or self._depth:
            raise ArchiveRefused("last_line_incomplete", line=self.elements + 1)

    def _between(self, position: int) -> int:
        """Step over one mark between elements; the start of an element is left in place."""
        blank = _BLANK.match(self._buffer, position)
        position = blank.end() if blank else position
        if position == len(self._buffer):
            return position
        mark = bytes(self._buffer[position : position + 1])
        if not self._awaited:
            raise ArchiveRefused("trailing_bytes")
        if mark not in self._awaited:
            raise ArchiveRefused("not_an_object", line=self.elements + 1)
        if mark == b"{":
            self._depth = 1
            self._scanned = position + 1
            return position
        self._awaited = {b"[": b"{]", b",": b"{", b"]": b""}[mark]
        return position + 1

    def _element_end(self) -> int:
        """Where the current element ends, or 0 while its end has not arrived."""
        while True:
            skipped = _NO_BRACKET.match(self._buffer, self._scanned)
            self._scanned = skipped.end() if skipped else self._scanned
            mark = self._buffer[self._scanned : self._scanned + 1]
            if not mark or mark == b'"':
                return 0
            self._scanned += 1
            self._depth += 1 if mark in b"{[" else -1
            if not self._depth:
                return self._scanned
            if self._depth > _MAX_DEPTH:
                raise ArchiveRefused("too_deep", line=self.elements + 1)

    def _measure(self, count: int) -> None:
        if count > self._max_element_bytes:
            self._buffer.clear()
            raise ArchiveRefused("line_too_long", line=self.elements + 1)


class ArrayRows:
    """The rows of one JSON array, with the same face as `LineRows`."""

    def __init__(self, check: RowCheck, max_line_bytes: int) -> None:
        self._check = check
        self._splitter = ArraySplitter(max_line_bytes)

    def feed(self, piece: bytes) -> None:
        """Check the elements that end in `piece`. Raises `ArchiveRefused` with the element's number."""
        before = self._splitter.elements
        found: list[bytes] = []
        try:
            self._splitter.feed(piece, found)
        finally:
            # An element that is no object may throw the splitter off behind it: the first fault is the one to tell.
            if not self._check.many(found):
                for number, element in enumerate(found, before + 1):
                    self._check.one(element, number)

    def finish(self) -> None:
        """Refuse an array that has not been closed, and one whose last element is no row."""
        self._splitter.finish()
        self._check.refuse_answer(self._splitter.elements)
