"""Rows of nothing but text, read by counting: the same table as by reading each row, or none."""

import io
import json
import random
from pathlib import Path

import msgspec
import openpyxl
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.files import frames, parquet_format
from exports.files.columns import ColumnFinder
from exports.files.formulas import FORMULA_STARTS
from exports.files.frames import guarded
from exports.files.text_rows import TextRows, read_text_rows
from tests.files.archives import page_rows
from tests.files.test_conversion import made

COLUMNS = ["title", "city", "名前", "a:b"]
odd = st.sampled_from(
    ["", *FORMULA_STARTS, "a,b", 'q"', "\r", "x\ny", "\x00", "ﾃ", "😀", "\\", '\\"', ":", ",", "{", "}\n{", '":"', '"']
)
texts = st.builds(str.__add__, odd | st.just("plain"), st.text(st.characters(codec="utf-8"), max_size=4) | odd)
rows_of_text = st.lists(st.dictionaries(st.sampled_from(COLUMNS), texts | odd, min_size=1), min_size=1, max_size=6)


def block_of(rows: list[dict[str, str]], *, ascii_only: bool = False, blanks: bool = False) -> bytes:
    separators = (", ", ": ") if blanks else (",", ":")
    return "".join(json.dumps(row, ensure_ascii=ascii_only, separators=separators) + "\n" for row in rows).encode()


def read(block: bytes) -> TextRows | None:
    return read_text_rows(block, COLUMNS, set(COLUMNS))


def by_row(block: bytes) -> pl.DataFrame:
    return pl.from_dicts(list(ColumnFinder().slow_rows(block)), schema=dict.fromkeys(COLUMNS, pl.String))


def taken(block: bytes) -> TextRows:
    found = read(block)
    assert found is not None, block
    return found


@settings(max_examples=200, deadline=None)
@given(rows_of_text, st.booleans())
def test_texts_are_those_found_row_by_row(rows: list[dict[str, str]], ascii_only: bool) -> None:
    block = block_of(rows, ascii_only=ascii_only)
    if any(":" in row.values() for row in rows):  # looks like what stands between a key and its text
        assert read(block) is None
        return
    found = taken(block)
    assert found.frame.equals(by_row(block))
    assert not found.traits.is_harmless or guarded(found.frame).equals(found.frame)
    for delimiter in found.traits.bare_with:
        usual = found.frame.write_csv(separator=delimiter)
        assert found.frame.write_csv(separator=delimiter, quote_style="never") == usual


PIECES = [
    b'"',
    b":",
    b",",
    b"{",
    b"}",
    b"\n",
    b" ",
    b"\\",
    b"1",
    b"null",
    b"[",
    b"]",
    b'":"',
    b'"title":',
    b'":":"',
    b"x",
]


@settings(max_examples=300, deadline=None)
@given(rows_of_text, st.randoms(use_true_random=False), st.integers(1, 3))
def test_whatever_is_done_to_a_block_is_read_the_same_or_refused(
    rows: list[dict[str, str]], chance: random.Random, times: int
) -> None:
    block = block_of(rows)
    for _ in range(times):
        at = chance.randrange(len(block) + 1)
        block = block[:at] + chance.choice([b"", *PIECES]) + block[at + chance.randrange(3) :]
    found = read(block)
    if found is not None:
        try:
            expected = by_row(block)
        except msgspec.DecodeError:
            pytest.fail(f"{block!r} is no JSON, and was taken")
        assert found.frame.equals(expected)


values = texts | st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
nested = st.recursive(
    values, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts | odd, inner, max_size=2)
)
keys = st.sampled_from([*COLUMNS, ":", ",", "unknown", ""]) | odd


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.tuples(keys, nested), min_size=1, max_size=4), min_size=1, max_size=3), st.booleans())
def test_rows_with_anything_else_are_refused(rows: list[list[tuple[str, object]]], blanks: bool) -> None:
    separators = (", ", ": ") if blanks else (",", ":")
    lines = [
        "{" + separators[0].join(f"{json.dumps(key)}{separators[1]}{json.dumps(value)}" for key, value in row) + "}\n"
        for row in rows
    ]
    found = read("".join(lines).encode())
    if found is not None:
        assert all(isinstance(value, str) and key in COLUMNS for row in rows for key, value in row)
        assert all(len({key for key, _ in row}) == len(row) for row in rows)
        assert found.frame.equals(by_row("".join(lines).encode()))


@pytest.mark.parametrize(
    "line",
    [
        b'{"title":1}',
        b'{"title":null}',
        b'{"title":true}',
        b'{"title":["a"]}',
        b'{"title":{"a":"b"}}',
        b'{"unknown":"a"}',
        b'{"title":"a","title":"b"}',
        b'{"title":"a","t\\u0069tle":"b"}',
        b'{"title":1,"city":2, ":": ":"}',
        b'{"title":["a"],"city": "b"}',
        b"",
        b"null",
        b' {"title":"a"}',
        b'{"title":"a"}{"title":"b"}',
        b'{"title":"a"},',
        b'{"title":"a\xff"}',
        b'{"title":"a" "city":"b"}',
    ],
)
def test_one_odd_line_has_its_block_refused(line: bytes) -> None:
    plain = b'{"title":"a","city":"b"}\n'
    assert read(plain * 2) is not None
    for block in (line + b"\n" + plain, plain + line + b"\n" + plain, plain + line + b"\n"):
        assert read(block) is None, block


def test_formulas_are_seen_wherever_they_stand() -> None:
    plain = dict.fromkeys(COLUMNS, "plain")
    assert taken(block_of([plain])).traits.is_harmless
    for start in FORMULA_STARTS:
        for place in COLUMNS:
            assert not taken(block_of([plain, plain | {place: start + "1"}, plain])).traits.is_harmless


def test_what_needs_quotes_is_seen_wherever_it_stands() -> None:
    plain = dict.fromkeys(COLUMNS, "plain")
    assert taken(block_of([plain, {"title": "plain"}])).traits.bare_with == {",", ";", "\t"}
    for place in COLUMNS:
        for text, left in ((",", {";", "\t"}), ("a;b", {",", "\t"}), ("a\tb", set()), ("", set()), ('q"', set())):
            assert taken(block_of([plain, plain | {place: text}, plain])).traits.bare_with == left


def test_usual_rows_are_taken() -> None:
    block = page_rows(2_000)
    names = {name for line in block.splitlines() for name in json.loads(line)}
    assert read_text_rows(block, sorted(names), names) is not None


TYPED = {
    "views": ["7", "-12", "0", str(2**63 - 1), str(-(2**63))],
    "eventDate": ["2023-03-01 12:01:44.345 UTC", "0001-01-01 00:00:00 UTC", "1969-12-31 23:59:59.5 UTC"],
    "title": ["", "=1", "a,b", 'q"', "\\", "x\ny", "😀", "plain"],
}


def rows_with(chance: random.Random, number: int) -> list[dict[str, str]]:
    some = [name for name in TYPED for _ in range(9)]
    return [
        {name: chance.choice(TYPED[name]) for name in dict.fromkeys(chance.choices(some, k=9))} for _ in range(number)
    ]


@pytest.mark.parametrize("format_name", ["csv", "xlsx", "parquet", "profile"])
def test_file_is_the_same_whichever_way_its_blocks_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_name: str
) -> None:
    """The quick reader refuses rows with blanks in them; each block of one file goes either way."""
    monkeypatch.setattr(frames, "BLOCK_BYTES", 256 * 1024)  # the least that is read at once
    chance = random.Random(7)  # noqa: S311 - the same rows each time
    rows = rows_with(chance, 12_000)
    quick, slow, mixed = block_of(rows), block_of(rows, blanks=True), b""
    for start in range(0, len(rows), 1_500):
        mixed += block_of(rows[start : start + 1_500], blanks=chance.random() < 0.5)  # noqa: PLR2004 - as often as not
    assert len(quick) > 3 * frames.BLOCK_BYTES
    files = [made(tmp_path, content, format_name) for content in (quick, slow, mixed)]
    if format_name == "xlsx":
        tables = [list(openpyxl.load_workbook(io.BytesIO(body)).active.values) for body in files]
        assert tables[0] == tables[1] == tables[2]
    elif format_name == "parquet":
        found = [pq.read_table(io.BytesIO(body)) for body in files]
        assert found[0].equals(found[1])
        assert found[0].equals(found[2])
        assert found[0].num_rows == len(rows)
        assert str(found[0].schema.field("views").type) == "int64"
    else:
        assert files[0] == files[1] == files[2]


@pytest.mark.parametrize("late", [{"views": "x"}, {"views": "007"}, {"eventDate": "2023-03-01"}, {"new": "1"}])
@pytest.mark.parametrize("blanks", [False, True])
def test_late_block_that_changes_the_plan_begins_the_file_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, late: dict[str, str], blanks: bool
) -> None:
    monkeypatch.setattr(frames, "BLOCK_BYTES", 256 * 1024)
    rows = rows_with(random.Random(3), 12_000)  # noqa: S311 - the same rows each time
    found = pq.read_table(io.BytesIO(made(tmp_path, block_of(rows) + block_of([late], blanks=blanks), "parquet")))
    ((name, text),) = late.items()
    assert found[name].to_pylist() == [row.get(name) for row in rows] + [text]


numbers = st.sampled_from(["", "-", "+1", "007", "-0", "0x1", " 1", "1 ", "1.0", "1e3"]) | st.integers().map(str)
digits = st.integers(0, 99).map("{:02}".format)
moments = st.builds(
    "{}-{}-{}{}{}:{}{}{}".format,
    st.sampled_from(["0000", "0001", "1969", "2023", "9999", "99999", "23"]),
    digits,
    digits,
    st.sampled_from([" ", "T", ""]),
    digits,
    digits,
    st.sampled_from(["", ":00", ":59", ":60", ":00.", ":00.1", ":00.123456", ":00.1234567", "+0900", "Z"]),
    st.sampled_from([" UTC", "Z", "UTC", "", " utc", " UTC UTC", "  UTC"]),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(numbers | st.none(), max_size=3) | st.lists(moments | st.none(), max_size=3))
def test_usual_values_are_typed_as_any_others(texts: list[str | None]) -> None:
    """What is written as usual has a quick way, all the rest a slow one. Where the quick one takes it, both agree."""
    series = pl.Series("x", texts, pl.String)
    for dtype in (pl.Int64(), pl.Datetime("us", "UTC")):
        quick = parquet_format._cast_usual(series, dtype)
        if quick is not None:
            slow = parquet_format._cast(series, dtype)
            assert slow is not None
            assert slow.null_count() == series.null_count()
            assert quick.equals(slow.to_arrow())


def test_usual_moments_and_numbers_are_taken() -> None:
    for name, dtype in (("views", pl.Int64()), ("eventDate", pl.Datetime("us", "UTC"))):
        usual = [text for text in TYPED[name] if not text.startswith("-")]
        assert parquet_format._cast_usual(pl.Series(name, [*usual, None], pl.String), dtype) is not None
