"""XLSX: names in row 1, rows from the first sheet on, a further sheet every 1,048,575 rows.

XlsxWriter makes the workbook: its parts, styles, panes and filters, and the headers. It takes a Python call per
cell for the rest, a minute and a half for a million rows; so the rows are put between its header row and its end of
sheet here, as the XML it would write, made a column at a time and streamed: no temporary file, flat memory.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from typing import Final

import polars as pl
import xlsxwriter

from exports.files.columns import ColumnFinder
from exports.files.conversion import SHEET_ROWS, Job
from exports.files.formulas import guarded_names
from exports.files.frames import by_place, columns_for, guarded, write_frames
from exports.files.sinks import HashedFile
from exports.files.text_rows import NOTHING_KNOWN, Traits
from exports.files.zip_writer import ZipWriter

_SHEET_BYTES: Final = 2**32 - 2**26  # beyond 4 GiB a part needs ZIP64, which Excel calls damaged
_XML_ROWS: Final = 2_000  # at a time: as XML a row is several times its size
_CELL_UNITS: Final = 32_767
_CUT_MARK: Final = " …[cut]"
_MAX_NAME: Final = 25

# Sums are what a spreadsheet is for; everything else stays text, ids above all, which a double would round.
_COUNTS: Final = frozenset(
    ("views", "reads", "entrances", "exits", "bounce", "ctaClicks", "timeOnPage", "directAccess", "indirectAccess")
    + ("individualscount", "identitiescount")
)
_WHOLE_NUMBER: Final = r"\A(?:0|-?[1-9][0-9]{0,14})\z"
# What XML cannot hold, and text that reads like the escape for it (ECMA-376 Part 1, 22.4.2.4).
_ODD: Final = "[\x00-\x08\x0b-\x1f\ufffe\uffff]|_x[0-9A-Fa-f]{4}_"
# Marks, and what becomes of them, longer ones first. Cells need no place of their own: none is left out.
_ROW_NUMBER: Final = "row number"
_NEXT, _ROW_END, _NULL, _COUNT_START, _COUNT_END, _NUMBER_END = "\x01", "\x02", "\x03", "\x04", "\x05", "\x06"
_TEXT: Final = ('<c t="inlineStr"><is><t xml:space="preserve">', "</t></is></c>")
_COUNT: Final = ("<c><v>", "</v></c>")
_MARKUP: Final = (
    (_NUMBER_END + _NEXT + _COUNT_START, '">' + _COUNT[0]),
    (_NUMBER_END + _NEXT, '">' + _TEXT[0]),
    (_COUNT_END + _NEXT + _COUNT_START, _COUNT[1] + _COUNT[0]),
    (_NEXT + _COUNT_START, _TEXT[1] + _COUNT[0]),
    (_COUNT_END + _NEXT, _COUNT[1] + _TEXT[0]),
    (_NEXT, _TEXT[1] + _TEXT[0]),
    (_COUNT_END + _ROW_END, _COUNT[1] + '</row><row r="'),
    (_ROW_END, _TEXT[1] + '</row><row r="'),
    (_NULL.join(_TEXT), "<c/>"),
)
_EXTENT: Final = re.compile(rb'(<(?:dimension|autoFilter) ref=")[^"]*(")')
_ODD_LETTER: Final = re.compile("([\x00-\x08\x0b-\x1f])|([\ufffe\uffff])|_(?=x[0-9A-Fa-f]{4}_)")


def write_xlsx(job: Job, target: HashedFile) -> int:
    """All rows as a workbook. A text longer than a cell holds (32,767 UTF-16 units) is cut, and says so."""
    sheet_rows = SHEET_ROWS
    while True:
        try:
            return write_frames(job, _XlsxFile(job, target, sheet_rows), scan_first=True)
        except _SheetTooLarge:
            sheet_rows //= 2


class _SheetTooLarge(Exception):
    """So many rows make a part of 4 GiB."""


class _XlsxFile:
    blocks_ahead = 2

    def __init__(self, job: Job, target: HashedFile, sheet_rows: int) -> None:
        self.finder = ColumnFinder()
        self._job = job
        self._target = target
        self._sheet_rows = sheet_rows

    def plan(self) -> list[str]:
        return columns_for(self._job.data_type, self.finder.names)

    def begin(self, rows: int) -> list[str]:
        columns = self.plan()
        self._target.begin()
        self._columns = columns
        names = guarded_names(columns) if self._job.guard else columns
        counts = [min(self._sheet_rows, rows - start) for start in range(0, rows, self._sheet_rows)] or [0]
        self._archive = ZipWriter(self._target)
        self._sheets = self._copy_parts(_workbook(self._job.data_type, names, len(counts)), counts)
        self._open_sheet()
        return columns

    def make(self, frame: pl.DataFrame, traits: Traits = NOTHING_KNOWN) -> pl.DataFrame:
        return frame

    def put(self, made: pl.DataFrame) -> None:
        start = 0
        while start < made.height:
            if self._row == self._sheet_rows:
                self._close_sheet()
                self._open_sheet()
            piece = made.slice(start, min(_XML_ROWS, self._sheet_rows - self._row))
            xml = _rows_xml(piece, self._row + 2, guard=self._job.guard)
            if self._archive.unpacked_bytes + len(xml) > _SHEET_BYTES:
                raise _SheetTooLarge
            self._archive.write(xml)
            self._row += piece.height
            start += piece.height

    def finish(self) -> None:
        self._close_sheet()
        self._archive.finish()

    def _copy_parts(self, workbook: bytes, counts: list[int]) -> Iterator[tuple[str, bytes, bytes]]:
        """Copy what is not a sheet; name, start and end of each sheet come back to be filled in between."""
        sheets: list[tuple[str, bytes, bytes]] = []
        with zipfile.ZipFile(io.BytesIO(workbook)) as template:
            for part in template.infolist():
                content = template.read(part)
                if part.filename.startswith("xl/worksheets/"):
                    extent = f"A1:{_letters(len(self._columns) - 1)}{counts[len(sheets)] + 1}".encode()
                    content = _EXTENT.sub(rb"\g<1>%b\g<2>" % extent, content)
                    end = content.index(b"</sheetData>")
                    sheets.append((part.filename, content[:end], content[end:]))
                else:
                    self._archive.add(part.filename, content)
        return iter(sheets)

    def _open_sheet(self) -> None:
        name, start, self._sheet_end = next(self._sheets)
        self._archive.begin(name)
        self._archive.write(start)
        self._row = 0

    def _close_sheet(self) -> None:
        self._archive.write(self._sheet_end)
        self._archive.end()


def _workbook(data_type: str, names: list[str], sheets: int) -> bytes:
    """A workbook of `sheets` sheets with nothing but headers."""
    made = io.BytesIO()
    title = re.sub(r"[^\w -]", "_", data_type)[:_MAX_NAME] or "rows"
    with xlsxwriter.Workbook(made, {"in_memory": True}) as workbook:
        bold = workbook.add_format({"bold": True})
        for number in range(1, sheets + 1):
            sheet = workbook.add_worksheet(title if number == 1 else f"{title} {number}")
            for place, name in enumerate(names):
                sheet.write_string(0, place, _cut(name), bold)
                sheet.set_column(place, place, min(max(len(name) + 4, 12), 40))
            sheet.freeze_panes(1, 0)
            sheet.autofilter(0, 0, 0, len(names) - 1)
    return made.getvalue()


def _rows_xml(frame: pl.DataFrame, first_row: int, *, guard: bool) -> bytes:
    """The rows of `frame` as `<row>` elements, numbered from `first_row`.

    Written as delimited text first, with control characters, which no text holds by then, for marks: polars does
    that ten times as fast as it puts strings together.
    """
    plain = by_place(frame)
    shown = _fit_for_xml(by_place(guarded(frame)) if guard else plain)
    number = pl.int_range(first_row, first_row + frame.height).cast(pl.String)
    marked = [(number + _NUMBER_END).alias(_ROW_NUMBER)]
    for name, place in zip(frame.columns, plain.columns, strict=True):
        text = pl.lit(shown[place])
        if name in _COUNTS:
            count = pl.concat_str(pl.lit(_COUNT_START), pl.lit(plain[place]), pl.lit(_COUNT_END))
            text = pl.when(pl.lit(plain[place]).str.contains(_WHOLE_NUMBER)).then(count).otherwise(text)
        marked.append(text.alias(place))
    made = io.BytesIO()
    pl.select(marked).write_csv(
        made, include_header=False, separator=_NEXT, line_terminator=_ROW_END, null_value=_NULL, quote_style="never"
    )
    xml = made.getvalue()
    for mark, markup in _MARKUP:
        xml = xml.replace(mark.encode(), markup.encode())
    return b'<row r="' + xml.removesuffix(b'<row r="')


def _fit_for_xml(frame: pl.DataFrame) -> pl.DataFrame:
    """Text that XML and a cell can hold. Most columns need nothing and are only looked at."""
    look = frame.select(
        pl.all().str.contains(_ODD).any().name.prefix("odd "),
        (pl.all().str.len_bytes() > _CELL_UNITS).any().name.prefix("long "),
        pl.all().str.contains("[&<>]").any().name.prefix("mark "),
    ).row(0, named=True)
    mended = []
    for name in frame.columns:
        text = frame[name]
        if look[f"long {name}"]:
            text = text.map_elements(_cut, pl.String)
        if look[f"odd {name}"]:
            text = text.map_elements(_escaped, pl.String)
        if look[f"mark {name}"]:
            for letter, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
                text = text.str.replace_all(letter, entity, literal=True)
        mended.append(text)
    return pl.DataFrame(mended)


def _cut(text: str) -> str:
    units = text.encode("utf-16-le")
    if len(units) <= 2 * _CELL_UNITS:
        return text
    kept = units[: 2 * (_CELL_UNITS - len(_CUT_MARK))].decode("utf-16-le", "ignore")
    return kept + _CUT_MARK


def _escaped(text: str) -> str:
    return _ODD_LETTER.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    if found[1]:
        return f"_x{ord(found[1]):04X}_"
    return "\ufffd" if found[2] else "_x005F_"


def _letters(place: int) -> str:
    """The name of a column: A to Z, AA, …"""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
