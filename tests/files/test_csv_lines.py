"""Lines of CSV without tables: the same bytes as by way of a table, for whatever text."""

import io
import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.files.csv_lines import LINE_END, TextLines
from exports.files.formulas import FORMULA_STARTS
from exports.files.frames import guarded

COLUMNS = ["title", "city", "名前"]
DELIMITERS = [",", ";", "\t"]
odd = st.sampled_from(
    ["", *FORMULA_STARTS, "a,b", "a;b", 'q"', "\r", "x\ny", "\x01", "ﾃ", "'=", " =", "&<>", "😀", "-1"]
)
texts = st.builds(str.__add__, odd | st.just("plain"), st.text(st.characters(exclude_characters="\x00", codec="utf-8")))
rows_of_text = st.lists(st.dictionaries(st.sampled_from(COLUMNS), texts | odd), max_size=6)


def block_of(rows: list[dict[str, str]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def by_table(rows: list[dict[str, str]], delimiter: str, *, guard: bool) -> bytes:
    frame = pl.from_dicts(rows, schema=dict.fromkeys(COLUMNS, pl.String)) if rows else pl.DataFrame()
    body = io.BytesIO()
    if rows:
        table = guarded(frame) if guard else frame
        table.write_csv(body, include_header=False, separator=delimiter, line_terminator=LINE_END)
    return body.getvalue()


@settings(max_examples=200, deadline=None)
@given(rows_of_text, st.sampled_from(DELIMITERS), st.booleans())
def test_lines_are_those_of_a_table(rows: list[dict[str, str]], delimiter: str, guard: bool) -> None:
    lines = TextLines(COLUMNS, delimiter, guard=guard)
    assert lines.lines(block_of(rows)) == (len(rows), by_table(rows, delimiter, guard=guard))


@pytest.mark.parametrize("place", COLUMNS)
@pytest.mark.parametrize("text", ["=1", "＠x", "", "a,b", 'a"b', "a\rb", "a\nb"])
def test_one_odd_cell_among_many_is_found_wherever_it_stands(place: str, text: str) -> None:
    plain = dict.fromkeys(COLUMNS, "plain")
    for rows in ([plain | {place: text}, plain], [plain, plain | {place: text}, plain], [plain, plain | {place: text}]):
        made = TextLines(COLUMNS, ",", guard=True).lines(block_of(rows))
        assert made == (len(rows), by_table(rows, ",", guard=True))


@pytest.mark.parametrize(
    "line",
    [
        b'{"title":1}',
        b'{"title":null}',
        b'{"title":true}',
        b'{"title":["a"]}',
        b'{"title":{"a":"b"}}',
        b'{"unknown":"a"}',
        b'{"title":"\\u0000"}',
        b'{"title":"\x00"}',
    ],
)
def test_what_is_not_plain_text_is_left_to_tables(line: bytes) -> None:
    assert TextLines(COLUMNS, ",", guard=True).lines(b'{"title":"a"}\n' + line + b"\n") is None


@pytest.mark.parametrize("columns", [["title"], ["title", 'a"b'], ["title", "a\\b"]])
def test_columns_that_need_care_are_left_to_tables(columns: list[str]) -> None:
    assert TextLines(columns, ",", guard=True).lines(b'{"title":"a"}\n') is None
