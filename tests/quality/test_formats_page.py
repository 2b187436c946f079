"""docs/formats.md says what the code does."""

import re
from pathlib import Path

import pytest

from exports.files.column_order import COLUMNS
from exports.files.conversion import FORMATS
from exports.files.formulas import FORMULA_STARTS
from exports.files.parquet_format import _MOMENTS, _WHOLE
from exports.services.variants import DELIMITERS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "formats.md").read_text()


def table(first_column: str) -> dict[str, list[str]]:
    """Return the rows of the table with this heading: first cell to the others."""
    lines = PAGE[PAGE.index(f"| Type | {first_column}") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return {cells[0].strip(): cells[1:] for cells in rows}


@pytest.mark.parametrize("data_type", COLUMNS)
def test_columns_stand_in_their_documented_order(data_type: str) -> None:
    assert re.findall(r"`(\w+)`", table("Columns")[data_type][0]) == list(COLUMNS[data_type])


@pytest.mark.parametrize("data_type", COLUMNS)
def test_typed_columns_are_those_documented(data_type: str) -> None:
    whole, moments = (re.findall(r"`(\w+)`", cell) for cell in table("`int64`")[data_type])
    order = COLUMNS[data_type]
    assert whole == [name for name in order if name in _WHOLE.get(data_type, ())]
    assert moments == [name for name in order if name in _MOMENTS]


def test_formats_and_choices_are_those_documented() -> None:
    assert set(re.findall(r"`format=(\w+)", PAGE)) == set(FORMATS)
    assert "delimiter=" + r"\|".join(DELIMITERS) in PAGE


def test_every_start_that_is_guarded_is_documented() -> None:
    section = PAGE[PAGE.index("## Formulas") :]
    words = {"\t": "a tab", "\r": "a carriage return", "\n": "a line feed"}
    assert all(words.get(start, start) in section for start in FORMULA_STARTS)
