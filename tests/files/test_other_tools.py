"""Made files opened by other people's programs: row counts, ids to the digit, moments and Japanese equal the original.

The originals are read by Python's own json, never by our code.
"""

import csv
import gzip
import io
import json
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import openpyxl
import polars as pl
import pyarrow.parquet as pq
import pytest

from exports.files.conversion import convert
from tests.files.archives import zipped
from tests.support.presence import missing

ROWS = 2_000
FIRST_ID = 9_223_372_036_854_775_807 - ROWS
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
TITLES = [
    "ホーム",
    "お問い合わせ, フォーム",
    '「引用」"quoted"',
    "二行の\n題名",
    "髙島屋 𠮷野家 😀",
    "Home; sweet\thome",
    "NULL",
    "-",
]


def moment(number: int) -> datetime:
    """Each row at its own microsecond."""
    return BEGIN + timedelta(minutes=7 * number, microseconds=number * 1000)


def written(at: datetime) -> str:
    """A moment as upstream writes it: trailing zeros dropped, no fraction when there is none."""
    return at.strftime("%Y-%m-%d %H:%M:%S.%f").rstrip("0").rstrip(".") + " UTC"


def original() -> bytes:
    """Rows of type page as upstream sends them."""
    lines = []
    for number in range(ROWS):
        row: dict[str, Any] = {
            "eventDate": written(moment(number)),
            "channelId": str(FIRST_ID + number),
            "title": TITLES[number % len(TITLES)],
            "userId": f"user-{number:05}",
            "views": str(number % 50),
        }
        if number % 3 == 0:
            row["city"] = "東京都千代田区" if number % 2 else "=1+1"
        lines.append(json.dumps(row, ensure_ascii=number % 2 == 0))
    return ("\n".join(lines) + "\n").encode()


CONTENT = original()
WANTED = [json.loads(line) for line in CONTENT.decode().splitlines()]
IDS = [row["channelId"] for row in WANTED]
DATES = [row["eventDate"] for row in WANTED]
MOMENTS = [moment(number) for number in range(ROWS)]
TEXTS = [row["title"] for row in WANTED]
CITIES = [row.get("city") for row in WANTED]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return what converts the original; each file is made once."""
    folder = tmp_path_factory.mktemp("made")
    source = folder / "original.zip"
    source.write_bytes(zipped(CONTENT))

    def convert_to(name: str, format_name: str, **choices: Any) -> Path:
        target = folder / name
        if not target.exists():
            made = convert(source, target, source_kind="zip", format=format_name, data_type="page", **choices)
            assert made.rows == ROWS
        return target

    return convert_to


def check(rows: list[dict[str, Any]], *, cities: list[str | None], blank: object = None) -> None:
    """Compare rows of text with the original."""
    assert len(rows) == ROWS
    assert [row["channelId"] for row in rows] == IDS
    assert [row["eventDate"] for row in rows] == DATES
    assert [row["title"] for row in rows] == TEXTS
    assert [row["city"] for row in rows] == [blank if city is None else city for city in cities]
    assert [str(row["views"]) for row in rows] == [row["views"] for row in WANTED]


GUARDED = ["'=1+1" if city == "=1+1" else city for city in CITIES]


def unguarded(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Take the guard before a lone dash away: it reads like the start of a formula."""
    return [{**row, "title": "-" if row["title"] == "'-" else row["title"]} for row in rows]


@pytest.mark.parametrize(
    ("delimiter", "bom", "encoding"), [(",", True, "utf-8-sig"), (";", False, "utf-8"), ("\t", False, "utf-8")]
)
def test_csv_in_pythons_reader(make: Callable[..., Path], delimiter: str, bom: bool, encoding: str) -> None:
    path = make(f"py{ord(delimiter)}.csv", "csv", delimiter=delimiter, bom=bom)
    with path.open(encoding=encoding, newline="") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    check(unguarded(rows), cities=GUARDED, blank="")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_in_duckdb(make: Callable[..., Path], delimiter: str) -> None:
    path = make(f"duck{ord(delimiter)}.csv", "csv", delimiter=delimiter, guard=False)
    query = "select * from read_csv(?, delim=?, header=true, all_varchar=true, nullstr='')"
    found = duckdb.execute(query, [str(path), delimiter])
    names = [column[0] for column in found.description or []]
    check([dict(zip(names, row, strict=True)) for row in found.fetchall()], cities=CITIES)


def test_csv_typed_by_duckdb_itself_keeps_ids_and_moments(make: Callable[..., Path]) -> None:
    path = make("sniffed.csv", "csv", guard=False)
    query = "select channelId, views, title from read_csv(?) order by userId"
    assert duckdb.execute(query, [str(path)]).fetchall() == [
        (int(row["channelId"]), int(row["views"]), row["title"]) for row in WANTED
    ]


def test_csv_in_polars(make: Callable[..., Path]) -> None:
    path = make("polars.csv", "csv", guard=False)
    found = pl.read_csv(path, infer_schema=False)
    check(found.to_dicts(), cities=CITIES)


def test_workbook_in_openpyxl(make: Callable[..., Path]) -> None:
    book = openpyxl.load_workbook(make("book.xlsx", "xlsx"), read_only=True)
    names, *rows = book.worksheets[0].iter_rows(values_only=True)
    found = [dict(zip(map(str, names), row, strict=False)) for row in rows]
    check(unguarded([{"city": None, **row} for row in found]), cities=GUARDED)
    assert {type(row["views"]) for row in found} == {int}
    assert {type(row["channelId"]) for row in found} == {str}


@pytest.fixture(scope="module")
def calc(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], str]:
    """LibreOffice without a window: returns a workbook's first sheet as it shows it, as CSV."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        missing("LibreOffice", "Install Debian's `libreoffice-calc-nogui`.")
    folder = tmp_path_factory.mktemp("calc")

    def shown(path: Path) -> str:
        profile = f"-env:UserInstallation=file://{folder}/profile"
        # 44: comma, 34: quotes, 76: UTF-8; cells as they stand, formulas computed.
        command = [
            program,
            profile,
            "--headless",
            "--convert-to",
            "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true",
        ]
        if path.suffix == ".csv":  # it asks a person which characters these are; nobody is there
            command.append("--infilter=csv:44,34,76")
        done = subprocess.run(
            [*command, "--outdir", str(folder), str(path)], capture_output=True, text=True, timeout=300, check=False
        )
        made = folder / f"{path.stem}.csv"
        assert made.exists(), done.stdout + done.stderr
        return made.read_text(encoding="utf-8-sig")

    return shown


def test_workbook_in_libreoffice(make: Callable[..., Path], calc: Callable[[Path], str]) -> None:
    rows = list(csv.DictReader(io.StringIO(calc(make("office.xlsx", "xlsx")), newline="")))
    check(unguarded(rows), cities=GUARDED, blank="")


def test_workbook_without_the_guard_runs_nothing_either(make: Callable[..., Path], calc: Callable[[Path], str]) -> None:
    """In a workbook a cell of text is text; the guard is for what becomes of it later."""
    rows = list(csv.DictReader(io.StringIO(calc(make("plain.xlsx", "xlsx", guard=False)), newline="")))
    check(rows, cities=CITIES, blank="")


def test_csv_in_libreoffice_shows_no_computed_cell(make: Callable[..., Path], calc: Callable[[Path], str]) -> None:
    rows = list(csv.DictReader(io.StringIO(calc(make("calc.csv", "csv")), newline="")))
    assert len(rows) == ROWS
    assert [row["title"] for row in unguarded(rows)] == TEXTS
    assert {row["city"] for row in rows} == {"", "'=1+1", "東京都千代田区"}


def _by_duckdb(path: Path) -> dict[str, list[Any]]:
    connection = duckdb.connect()
    connection.execute("set TimeZone = 'UTC'")
    found = connection.execute("select * replace (epoch_us(eventDate) as eventDate) from read_parquet(?)", [str(path)])
    names = [column[0] for column in found.description or []]
    columns = dict(zip(names, map(list, zip(*found.fetchall(), strict=True)), strict=True))
    columns["eventDate"] = [datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at) for at in columns["eventDate"]]
    return columns


READERS: dict[str, Callable[[Path], dict[str, list[Any]]]] = {
    "pyarrow": lambda path: pq.read_table(path).to_pydict(),
    "polars": lambda path: pl.read_parquet(path).to_dict(as_series=False),
    "duckdb": _by_duckdb,
}


@pytest.mark.parametrize("name", READERS)
def test_parquet_in_each_reader(name: str, make: Callable[..., Path]) -> None:
    columns = READERS[name](make("rows.parquet", "parquet"))
    assert [str(number) for number in columns["channelId"]] == IDS
    assert {type(number) for number in columns["channelId"]} == {int}
    assert columns["eventDate"] == MOMENTS
    assert all(at.utcoffset() == timedelta() for at in columns["eventDate"])
    assert columns["title"] == TEXTS
    assert columns["city"] == CITIES
    assert [str(number) for number in columns["views"]] == [row["views"] for row in WANTED]


@pytest.mark.parametrize("packed", [False, True])
def test_json_lines_in_polars_and_duckdb(make: Callable[..., Path], packed: bool) -> None:
    path = make(f"rows.jsonl{'.gz' if packed else ''}", "jsonl", gzip=packed)
    raw = path.read_bytes()
    assert (gzip.decompress(raw) if packed else raw) == CONTENT
    query = "select channelId, eventDate, title from read_json(?, format='newline_delimited', columns=?)"
    columns = {"channelId": "varchar", "eventDate": "varchar", "title": "varchar"}
    assert duckdb.execute(query, [str(path), columns]).fetchall() == list(zip(IDS, DATES, TEXTS, strict=True))
    assert pl.read_ndjson(path)["title"].to_list() == TEXTS


def test_json_in_duckdb(make: Callable[..., Path]) -> None:
    query = "select channelId, title from read_json(?, format='array', columns=?)"
    columns = {"channelId": "varchar", "title": "varchar"}
    found = duckdb.execute(query, [str(make("rows.json", "json")), columns]).fetchall()
    assert found == list(zip(IDS, TEXTS, strict=True))
