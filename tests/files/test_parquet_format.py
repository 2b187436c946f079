"""Parquet, read back by pyarrow, DuckDB and polars."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.files import shapes
from exports.files.columns import TooManyColumns
from exports.files.refusals import ArchiveRefused
from tests.files.archives import page_rows
from tests.files.test_conversion import IDS, lines_of, made

LATE = 6_000


def table(folder: Path, rows: list[dict[str, Any]] | bytes, **options: Any) -> pa.Table:
    content = rows if isinstance(rows, bytes) else lines_of(rows)
    return pq.read_table(io.BytesIO(made(folder, content, "parquet", **options)))


def test_page_rows_are_typed_and_equal_in_three_readers(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in page_rows(500).splitlines()]
    body = made(tmp_path, page_rows(500), "parquet")
    (tmp_path / "rows.parquet").write_bytes(body)
    found = pq.read_table(tmp_path / "rows.parquet")
    assert {field.name: str(field.type) for field in found.schema} == {
        "eventDate": "timestamp[us, tz=UTC]",
        "title": "string",
        "canonicalUrl": "string",
        "channelId": "int64",
        "views": "int64",
    }
    assert [str(number) for number in found["views"].to_pylist()] == [row["views"] for row in rows]
    assert set(found["channelId"].to_pylist()) == {472514384234829061}
    assert found["title"].to_pylist() == [row["title"] for row in rows]
    first = found["eventDate"].to_pylist()[0]
    assert first == datetime(2023, 3, 1, 12, 0, 44, 345_000, UTC)
    assert pl.read_parquet(tmp_path / "rows.parquet")["views"].to_list() == found["views"].to_pylist()
    query = "select count(*), max(channelId), min(title) from read_parquet(?)"
    count, channel, title = duckdb.execute(query, [str(tmp_path / "rows.parquet")]).fetchall()[0]
    assert (count, channel, title) == (500, 472514384234829061, "Home & more")


def test_every_digit_of_an_id_survives(tmp_path: Path) -> None:
    fitting = [number for number in IDS if number < 2**63]
    rows = [{"id": number, "authorid": str(number), "name": str(number)} for number in fitting]
    found = table(tmp_path, rows, data_type="segment")
    assert found["id"].to_pylist() == found["authorid"].to_pylist() == fitting
    assert found["name"].to_pylist() == [str(number) for number in fitting]
    found = table(tmp_path, [{"id": number} for number in IDS], data_type="segment")
    assert found["id"].to_pylist() == [str(number) for number in IDS]


@pytest.mark.parametrize("odd", ["x", "", "007", "-0", "1.0", " 1", str(2**63), "1" * 5000])
@pytest.mark.parametrize("before", [0, LATE])
def test_one_value_that_is_no_number_makes_the_column_text(tmp_path: Path, odd: str, before: int) -> None:
    rows = [{"views": "5", "title": "x" * 900}] * before + [{"views": odd}, {"views": None}, {}, {"views": "7"}]
    found = table(tmp_path, rows)
    assert found["views"].to_pylist() == ["5"] * before + [odd, None, None, "7"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2023-03-01 12:01:44 UTC", datetime(2023, 3, 1, 12, 1, 44, 0, UTC)),
        ("2023-03-01 12:01:44.3 UTC", datetime(2023, 3, 1, 12, 1, 44, 300_000, UTC)),
        ("2023-03-01T12:01:44.345678Z", datetime(2023, 3, 1, 12, 1, 44, 345_678, UTC)),
        ("1969-12-31 23:59:59.5 UTC", datetime(1969, 12, 31, 23, 59, 59, 500_000, UTC)),
    ],
)
def test_moments_become_utc_timestamps(tmp_path: Path, text: str, moment: datetime) -> None:
    found = table(tmp_path, [{"eventDate": text}, {"eventDate": None}])
    assert found["eventDate"].to_pylist() == [moment, None]


@pytest.mark.parametrize(
    "odd", ["yesterday", "2023-03-01", "2023-02-30 00:00:00 UTC", "2023-03-01T12:01:44+09:00", "2023-03-01 12:01:44"]
)
def test_one_date_that_is_no_moment_makes_the_column_text(tmp_path: Path, odd: str) -> None:
    texts = ["2023-03-01 12:01:44 UTC", odd]
    assert table(tmp_path, [{"eventDate": text} for text in texts])["eventDate"].to_pylist() == texts


def test_lists_and_records_stay_nested(tmp_path: Path) -> None:
    rows = [
        {
            "id": "1",
            "suppressed": False,
            "fields": [{"dataSourceId": "472514384234829000", "name": "department", "value": "営業"}],
            "memberships": [{"name": "roles", "ids": ["20123", "20456"]}, {"name": "none", "ids": []}],
            "geo": {"city": "Osaka", "at": {"lat": 1}},
        },
        {"id": "2", "suppressed": None, "fields": [], "memberships": None, "geo": None},
        {"id": "3", "suppressed": True, "fields": [{"name": "x", "more": True}], "geo": {"city": None}},
    ]
    found = table(tmp_path, rows, data_type="individual").to_pylist()
    assert found[0]["fields"] == [
        {"dataSourceId": "472514384234829000", "more": None, "name": "department", "value": "営業"}
    ]
    assert found[0]["memberships"] == [{"ids": ["20123", "20456"], "name": "roles"}, {"ids": [], "name": "none"}]
    assert found[0]["geo"] == {"at": {"lat": 1}, "city": "Osaka"}
    assert [row["suppressed"] for row in found] == [False, None, True]
    assert found[1]["fields"] == []
    assert found[1]["memberships"] is None
    assert found[2]["fields"][0]["more"] is True


@pytest.mark.parametrize("before", [0, LATE])
@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, "x"], ["1", "x"]),
        ([[1], "x"], ["[1]", "x"]),
        ([{"a": 1}, [1]], ['{"a":1}', "[1]"]),
        ([{}, None], ["{}", None]),
        ([1, 2.5], [1.0, 2.5]),
        ([2**60 + 1, 2.5], [str(2**60 + 1), "2.5"]),
        ([None, None], [None, None]),
        ([[1, "x"], [True]], [["1", "x"], ["true"]]),
        ([[], []], [[], []]),
        ([[2**64], [1]], [["18446744073709551616"], ["1"]]),
        ([["a"], [{"b": 1}]], ['["a"]', '[{"b":1}]']),
        (['a"\\\n\x01', ['q"b\\c\n\x01']], ['a"\\\n\x01', '["q\\"b\\\\c\\n\\u0001"]']),
        ([{'k"\n': 1}, {"\\": "\t"}], [{'k"\n': 1, "\\": None}, {'k"\n': None, "\\": "\t"}]),
    ],
)
def test_values_of_several_kinds_share_a_type_that_holds_them_all(
    tmp_path: Path, before: int, values: list[Any], expected: list[Any]
) -> None:
    rows = [{"v": values[0], "title": "x" * 900}] * before + [{"v": value} for value in values]
    found = table(tmp_path, rows)["v"].to_pylist()[before:]
    assert [v.replace(": ", ":") if isinstance(v, str) else v for v in found] == expected


def test_numbers_beyond_all_machine_numbers_stay_text(tmp_path: Path) -> None:
    texts = ["1e400", "9" * 5000, "1"]
    content = "".join(f'{{"v":{text},"w":[{text}],"x":0.5}}\n' for text in texts).encode()
    found = table(tmp_path, content)
    assert found["v"].to_pylist() == texts
    assert found["w"].to_pylist() == [f"[{text}]" for text in texts]
    assert found["x"].to_pylist() == [0.5] * 3


def test_value_nested_without_end_stays_text(tmp_path: Path) -> None:
    content = b'{"v":' + b"[" * 100 + b"]" * 100 + b"}\n"
    (deep,) = table(tmp_path, content)["v"].to_pylist()
    while isinstance(deep, list):
        (deep,) = deep
    assert json.loads(deep)


def test_names_with_odd_letters_are_kept(tmp_path: Path) -> None:
    rows = [{'quo"te': "1", "back\\slash": [{"new\nline": 1}], "": "x", "a.b": "y"}]
    assert table(tmp_path, rows).to_pylist() == rows


@pytest.mark.parametrize("content", [b"", b"{}\n{}\n"])
def test_no_rows_or_empty_ones_make_documented_columns(tmp_path: Path, content: bytes) -> None:
    found = table(tmp_path, content)
    assert found.num_rows == content.count(b"{")
    assert found.schema.names[:3] == ["eventDate", "title", "canonicalUrl"]


def test_column_that_turns_up_late_is_in_every_row(tmp_path: Path) -> None:
    rows = [{"title": "x" * 900, "tags": ["a"]}] * LATE
    found = table(tmp_path, [*rows, {"zz": "9", "tags": [{"b": 1}]}])
    assert found.num_rows == LATE + 1
    assert found["zz"].to_pylist()[-2:] == [None, "9"]
    assert found["tags"].to_pylist()[0] == '["a"]'


def test_rows_are_grouped_so_that_readers_can_skip(tmp_path: Path) -> None:
    body = made(tmp_path, page_rows(150_000), "parquet")
    meta = pq.ParquetFile(io.BytesIO(body)).metadata
    assert meta.num_rows == 150_000
    assert 2 <= meta.num_row_groups <= 8


def test_groups_say_what_readers_skip_them_by_and_text_is_packed_once(tmp_path: Path) -> None:
    rows = [
        {
            "eventDate": f"2023-03-01 12:00:{second:02} UTC",
            "views": str(second),
            "timeOnPage": "7",
            "title": "x",
            "tags": [{"a": "x"}],
        }
        for second in range(60)
    ]
    group = pq.ParquetFile(io.BytesIO(made(tmp_path, lines_of(rows), "parquet"))).metadata.row_group(0)
    columns = {column["path_in_schema"]: column for column in group.to_dict()["columns"]}
    assert columns["views"]["statistics"]["max"] == 59
    assert columns["eventDate"]["statistics"]["min"] == datetime(2023, 3, 1, 12, tzinfo=UTC)
    assert columns["title"]["statistics"] is None
    with_dictionary = {path for path, column in columns.items() if "RLE_DICTIONARY" in column["encodings"]}
    assert with_dictionary == {"views", "title", "tags.list.element.a"}


def test_keys_that_are_no_column_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shapes, "MAX_COLUMNS", 100)
    with pytest.raises(TooManyColumns):
        made(tmp_path, lines_of([{"a": {f"key{number}": 1}} for number in range(101)]), "parquet")
    assert not (tmp_path / "target").exists()


def test_original_that_was_altered_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ArchiveRefused):
        made(tmp_path, b"{}", "parquet", source_kind="zip_array")
    assert not (tmp_path / "target").exists()


scalars = st.text(max_size=8) | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.none()
values = scalars | st.lists(st.text(max_size=5), max_size=3) | st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "views", "eventDate"]), values), min_size=1))
def test_any_rows_read_back_equal(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    found = table(tmp_path_factory.getbasetemp(), rows).to_pylist()
    assert len(found) == len(rows)
    for row, cells in zip(rows, found, strict=True):
        for name, value in row.items():
            shown = cells[name]
            if isinstance(value, list) and isinstance(shown, list):
                assert [str(item) for item in shown] == [str(item) for item in value]
            elif type(shown) is type(value):
                assert shown == value
            elif value is None:
                assert shown is None
            elif isinstance(value, str):
                assert str(shown) == value
            else:
                assert json.loads(shown) == value
