"""Workbooks, read back by openpyxl."""

import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from exports.files import xlsx_format
from exports.files.columns import TooManyColumns
from exports.files.refusals import ArchiveRefused
from exports.files.sinks import HashedFile
from exports.files.xlsx_format import _letters
from exports.files.zip_reader import read_entry
from exports.files.zip_writer import ZipWriter
from tests.files.archives import page_rows
from tests.files.test_conversion import IDS, STARTS, lines_of, made


def sheets(body: bytes) -> dict[str, list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(body))
    return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book.worksheets}


def first_sheet(folder: Path, rows: list[dict[str, Any]], **options: Any) -> list[tuple[Any, ...]]:
    (found,) = sheets(made(folder, lines_of(rows), "xlsx", **options)).values()
    return found


def test_names_stand_in_row_1_and_rows_below(tmp_path: Path) -> None:
    body = made(tmp_path, page_rows(5000), "xlsx")
    (title, rows), = sheets(body).items()  # fmt: skip
    assert title == "page"
    assert rows[0] == ("eventDate", "title", "canonicalUrl", "channelId", "views")
    assert len(rows) == 5001
    assert rows[1] == (
        "2023-03-01 12:00:44.345 UTC", "ホーム", "https://www.example.com/0", "472514384234829061", 0,
    )  # fmt: skip
    assert rows[5000][4] == 4999
    sheet = openpyxl.load_workbook(io.BytesIO(body)).active
    assert (sheet.dimensions, sheet.freeze_panes, sheet.auto_filter.ref) == ("A1:E5001", "A2", "A1:E5001")


def test_every_digit_of_an_id_survives(tmp_path: Path) -> None:
    rows = [{"id": number, "name": str(number)} for number in IDS]
    found = first_sheet(tmp_path, rows, data_type="segment", guard=False)
    assert found[1:] == [(str(number), str(number)) for number in IDS]


def test_counts_are_numbers_where_a_double_holds_them(tmp_path: Path) -> None:
    views = ["0", "-7", "999999999999999", "1000000000000000", "007", "1.5", "x", "", None]
    found = first_sheet(tmp_path, [{"views": view, "city": "1"} for view in views], guard=False)
    assert [row[0] for row in found[1:]] == [
        0, -7, 999_999_999_999_999, "1000000000000000", "007", "1.5", "x", "", None,
    ]  # fmt: skip
    assert {row[1] for row in found[1:]} == {"1"}


@pytest.mark.parametrize(
    "text",
    [
        "a & b < c > d \"e\" 'f'",
        "<r><t>no markup</t></r>",
        "  blanks around  ",
        "two\nlines",
        "tab\tinside",
        "control \x00\x01\x02\x03\x04\x05\x06\x1f here",
        "carriage\rreturn",
        "reads like an escape: _x0041_ _x005F_",
        "ホームページ 😀",
    ],
)
def test_any_text_is_read_back_as_it_was(tmp_path: Path, text: str) -> None:
    for rows in ([{"title": text}], [{"title": text, "views": text}, {"views": "1"}]):
        found = first_sheet(tmp_path, rows)
        assert openpyxl.utils.escape.unescape(found[1][0]) == text


def test_letters_that_no_workbook_holds_are_replaced(tmp_path: Path) -> None:
    assert first_sheet(tmp_path, [{"title": "a\ufffeb\uffffc"}])[1] == ("a\ufffdb\ufffdc",)


@pytest.mark.parametrize(("text", "kept"), [("x" * 32_767, 32_767), ("ホ" * 32_767, 32_767), ("😀" * 16_383, 16_383)])
def test_text_that_just_fits_a_cell_is_whole(tmp_path: Path, text: str, kept: int) -> None:
    assert first_sheet(tmp_path, [{"title": text}])[1] == (text,)
    assert len(text) == kept


@pytest.mark.parametrize("text", ["x" * 32_768, "😀" * 16_384, "x" + "😀" * 20_000])
def test_text_too_long_for_a_cell_is_cut_and_says_so(tmp_path: Path, text: str) -> None:
    ((shown,),) = first_sheet(tmp_path, [{"title": text}])[1:]
    assert shown.endswith(" …[cut]")
    assert text.startswith(shown.removesuffix(" …[cut]"))
    assert 32_765 <= len(shown.encode("utf-16-le")) / 2 <= 32_767


@pytest.mark.parametrize("start", STARTS)
def test_text_that_starts_a_formula_is_guarded_unless_told_otherwise(tmp_path: Path, start: str) -> None:
    row = {"title": start + "1+1", "views": start + "2+2", start + "x": "y"}
    names, cells = first_sheet(tmp_path, [row])
    assert [openpyxl.utils.escape.unescape(cell) for cell in cells] == ["'" + start + "1+1", "'" + start + "2+2", "y"]
    assert openpyxl.utils.escape.unescape(names[2]) == "'" + start + "x"
    body = made(tmp_path, lines_of([row]), "xlsx", guard=False)
    cells = next(openpyxl.load_workbook(io.BytesIO(body)).active.iter_rows(min_row=2))
    assert {cell.data_type for cell in cells} <= {"s", "inlineStr"}
    assert openpyxl.utils.escape.unescape(cells[0].value) == start + "1+1"


def test_no_rows_make_a_sheet_of_names(tmp_path: Path) -> None:
    (rows,) = sheets(made(tmp_path, b"", "xlsx")).values()
    assert len(rows) == 1
    assert rows[0][0] == "eventDate"


@pytest.mark.parametrize(("count", "expected"), [(99, [99]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_rows_beyond_a_sheet_go_on_in_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, expected: list[int]
) -> None:
    monkeypatch.setattr(xlsx_format, "SHEET_ROWS", 100)
    found = sheets(made(tmp_path, page_rows(count), "xlsx"))
    assert [len(rows) - 1 for rows in found.values()] == expected
    assert list(found) == ["page", "page 2", "page 3"][: len(expected)]
    assert [row[4] for rows in found.values() for row in rows[1:]] == list(range(count))
    assert len({rows[0] for rows in found.values()}) == 1


def test_sheet_that_would_be_too_large_is_split_sooner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_format, "SHEET_ROWS", 4000)
    monkeypatch.setattr(xlsx_format, "_SHEET_BYTES", 500_000)
    found = sheets(made(tmp_path, page_rows(5000), "xlsx"))
    assert [len(rows) - 1 for rows in found.values()] == [1000] * 5


def test_column_that_turns_up_late_is_in_every_row(tmp_path: Path) -> None:
    rows = [{"title": "x" * 1000} for _ in range(9_000)]
    found = first_sheet(tmp_path, [*rows, {"zz": "9"}])
    assert found[0] == ("title", "zz")
    assert found[-1] == (None, "9")
    assert found[1][1] is None


def test_odd_type_makes_a_valid_title(tmp_path: Path) -> None:
    assert list(sheets(made(tmp_path, b"", "xlsx", data_type="a/b:[c]*?" + "x" * 40))) == ["a_b__c___" + "x" * 16]
    assert list(sheets(made(tmp_path, b"", "xlsx", data_type=""))) == ["rows"]


def test_same_rows_make_the_same_bytes(tmp_path: Path) -> None:
    bodies = [made(tmp_path, page_rows(50), "xlsx") for _ in range(2)]
    parts = [[(part.filename, part.CRC) for part in zipfile.ZipFile(io.BytesIO(body)).infolist()] for body in bodies]
    names = {name for (name, crc) in set(parts[0]) ^ set(parts[1])}
    assert names <= {"docProps/core.xml"}  # holds the time it was made


def test_columns_are_named_by_letters() -> None:
    assert [_letters(place) for place in (0, 25, 26, 701, 702, 16_383)] == ["A", "Z", "AA", "ZZ", "AAA", "XFD"]


def test_failed_conversions_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(TooManyColumns):
        made(tmp_path, lines_of([{f"k{number}": 1 for number in range(16_385)}]), "xlsx")
    with pytest.raises(ArchiveRefused):
        made(tmp_path, b"{}", "xlsx", source_kind="zip_array")
    assert not (tmp_path / "target").exists()


def test_archive_written_from_front_to_back_passes_the_gates_own_reader(tmp_path: Path) -> None:
    content = page_rows(1000)
    with HashedFile(tmp_path / "made") as target:
        archive = ZipWriter(target)
        archive.add("ページ.json", content)
        archive.finish()
    with (tmp_path / "made").open("rb") as file:
        entry = read_entry(file, target.bytes)
    assert (entry.name, entry.unpacked_bytes) == ("ページ.json", len(content))
    assert zipfile.ZipFile(tmp_path / "made").testzip() is None
