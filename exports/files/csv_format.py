"""CSV by RFC 4180: CRLF, quotes where needed, UTF-8 with a byte order mark, which Excel needs for Japanese."""

import csv
import io
from typing import IO, Final, cast

import polars as pl

from exports.files.columns import ColumnFinder
from exports.files.conversion import Job
from exports.files.formulas import guarded_names
from exports.files.frames import columns_for, guarded, write_frames
from exports.files.sinks import HashedFile
from exports.files.text_rows import DELIMITERS, NOTHING_KNOWN, Traits

_LINE_END: Final = "\r\n"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def write_csv(job: Job, target: HashedFile) -> int:
    """All rows as CSV. Absent and null are empty cells; an empty text is a pair of quotes.

    Raises `ValueError` for a delimiter other than comma, semicolon or tab.
    """
    if job.delimiter not in DELIMITERS:
        raise ValueError("the delimiter is a comma, a semicolon or a tab")
    return write_frames(job, _CsvFile(job, target))


class _CsvFile:
    blocks_ahead = 4

    def __init__(self, job: Job, target: HashedFile) -> None:
        self.finder = ColumnFinder()
        self._job = job
        self._target = target

    def plan(self) -> list[str]:
        return columns_for(self._job.data_type, self.finder.names)

    def begin(self, rows: int) -> list[str]:
        columns = self.plan()
        self._target.begin()
        header = io.StringIO()
        names = guarded_names(columns) if self._job.guard else columns
        csv.writer(header, delimiter=self._job.delimiter, lineterminator=_LINE_END).writerow(names)
        self._target.write(_BYTE_ORDER_MARK if self._job.bom else b"")
        self._target.write(header.getvalue().encode())
        return columns

    def make(self, frame: pl.DataFrame, traits: Traits = NOTHING_KNOWN) -> list[bytes]:
        table = guarded(frame) if self._job.guard and not traits.is_harmless else frame
        # Looking at each cell for what needs quotes takes more than half of the time of writing it.
        is_bare = self._job.delimiter in traits.bare_with
        if table.width == 1:
            table, is_bare = table.fill_null(""), False  # a line with nothing on it would be no row
        body = _Pieces()
        table.write_csv(
            cast(IO[bytes], body),
            include_header=False,
            separator=self._job.delimiter,
            line_terminator=_LINE_END,
            quote_style="never" if is_bare else "necessary",
            batch_size=max(table.height, 1),  # other threads have tables of their own
        )
        return body.pieces

    def put(self, made: list[bytes]) -> None:
        for piece in made:
            self._target.write(piece)

    def finish(self) -> None:
        """Nothing stands behind the last row."""


class _Pieces:
    """What polars needs of a file. Each piece is kept as it comes: a `BytesIO` would copy it several times to grow."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, piece: bytes) -> int:
        self.pieces.append(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing is held back."""
