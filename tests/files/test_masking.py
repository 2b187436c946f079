"""Masked columns: no format made of the rows holds what is masked, and the rest stays to the letter."""

import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest

from exports.files.conversion import FORMATS, convert
from exports.files.masking import Mask

ROWS = [
    {"id": 9007199254740993, "emailAddress": "SECRET-a@example.com", "name": "Ann", "demographics": {"city": "Oslo"}},
    {"id": 2, "EMAILADDRESS": "SECRET-b@example.com", "demographics": {"fullName": "SECRET B", "city": "東京"}},
    {"id": 3, "emailAddress": None, "fields": [{"name": "phone", "value": "SECRET 3"}, {"name": "x", "value": None}]},
    {"id": 4, "demographics": "SECRET as text", "private": {"anything": ["SECRET", {"deep": "SECRET"}]}},
    {"id": 5, "demographics.fullName": "SECRET flat", "views": 1.50},
]
COLUMNS = ["emailAddress", "demographics.fullname", "fields.value", "private"]


def source(folder: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def mask_of(row: bytes, *columns: str) -> Any:
    return json.loads(Mask(columns or COLUMNS).block(row + b"\n"))


@pytest.mark.parametrize("format_name", [*(name for name in FORMATS if name != "original"), "profile"])
def test_no_format_holds_what_is_masked(format_name: str, tmp_path: Path) -> None:
    columns = [*COLUMNS, "demographics"]
    target = tmp_path / "made"
    convert(
        source(tmp_path), target, source_kind="json_lines", format=format_name, data_type="individual", mask=columns
    )
    made = target.read_bytes()
    if format_name == "parquet":
        made = repr(pl.read_parquet(target).to_dicts()).encode()
    elif format_name == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(target.read_bytes()))
        made = repr([[cell.value for cell in row] for row in book.active]).encode()
    assert b"SECRET" not in made
    assert b"***" in made
    assert b"9007199254740993" in made


def test_field_within_a_record_and_a_list_is_masked_and_null_stays() -> None:
    assert mask_of(b'{"fields": [{"name": "phone", "value": "1"}, {"name": "x", "value": null}]}') == {
        "fields": [{"name": "phone", "value": "***"}, {"name": "x", "value": None}]
    }
    assert mask_of(b'{"demographics": {"fullName": "B", "city": "X"}}') == {
        "demographics": {"fullName": "***", "city": "X"}
    }


@pytest.mark.parametrize(
    "row",
    [
        b'{"emailAddress": "SECRET", "emailAddress": "SECRET 2"}',
        b'{"email\\u0041ddress": "SECRET"}',
        b'{"emailAddress": {"value": ["SECRET"]}}',
        b'{"emailAddress": "SECRET \\ud83d"}',
        b'  {"x": 1, "EmailAddress":\t"SECRET"}  ',
    ],
)
def test_value_does_not_slip_through(row: bytes) -> None:
    assert b"SECRET" not in Mask(COLUMNS).block(row + b"\n")


def test_rest_of_a_row_stays_to_the_letter() -> None:
    row = b'{"id":18446744073709551617,"price":1.50,"text":"\\u3042 & \\/","emailAddress":"x"}\n'
    assert Mask(COLUMNS).block(row) == row.replace(b'"x"', b'"***"')


def test_row_that_is_no_object_stops_the_making(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"emailAddress": "a"\n')
    with pytest.raises(Exception, match="truncated|malformed"):
        convert(path, tmp_path / "made", source_kind="json_lines", format="jsonl", data_type="individual", mask=COLUMNS)
    assert not (tmp_path / "made").exists()
