"""Other formats of a stored original: JSON Lines, JSON and CSV; and what all formats share."""

import csv
import hashlib
import io
import json
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.files import columns as columns_module
from exports.files import convert_job
from exports.files import frames as frames_module
from exports.files.column_order import COLUMNS, ordered
from exports.files.conversion import FORMATS, Converted, TooManyColumns, convert
from exports.files.pipeline import ahead
from exports.files.refusals import ArchiveRefused
from exports.files.row_blocks import row_blocks, unpacked
from tests.files.archives import Crafted, page_rows, zipped

IDS = [9223372036854775807, -9223372036854775808, 480011223344556677, 18446744073709551615]


def lines_of(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def made(folder: Path, content: bytes, format_name: str = "csv", **options: Any) -> bytes:
    """`content` in a ZIP, converted."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(zipped(content))
    target.unlink(missing_ok=True)
    options = {"source_kind": "zip", "data_type": "page"} | options
    result = convert(source, target, format=format_name, **options)
    body = target.read_bytes()
    assert (result.bytes, result.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    return body


def table(body: bytes, delimiter: str = ",") -> list[dict[str, str]]:
    """CSV as Python reads it."""
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline=""), delimiter=delimiter))


@pytest.mark.parametrize("format_name", ["jsonl", "json", "csv"])
@pytest.mark.parametrize("kind", ["zip", "zip_array", "json_lines", "json_array"])
def test_each_kind_of_original_becomes_each_format(tmp_path: Path, kind: str, format_name: str) -> None:
    rows = [json.loads(line) for line in page_rows(300).splitlines()]
    content = json.dumps(rows, indent=1).encode() if kind.endswith("array") else page_rows(300)
    (tmp_path / "source").write_bytes(zipped(content) if kind.startswith("zip") else content)
    result = convert(tmp_path / "source", tmp_path / "target", source_kind=kind, format=format_name, data_type="page")
    body = (tmp_path / "target").read_bytes()
    assert result == Converted(300, len(body), hashlib.sha256(body).hexdigest())
    found = {
        "jsonl": lambda: [json.loads(line) for line in body.splitlines()],
        "json": lambda: json.loads(body),
        "csv": lambda: table(body),
    }[format_name]()
    assert found == rows
    assert stat.S_IMODE((tmp_path / "target").stat().st_mode) == 0o600


def test_json_lines_keep_every_byte_of_a_row(tmp_path: Path) -> None:
    content = b'{"a" : 1.10}\n\n  \n{"b":"\\u0026\\ud83d"}'
    assert made(tmp_path, content, "jsonl") == b'{"a" : 1.10}\n{"b":"\\u0026\\ud83d"}\n'
    assert made(tmp_path, content, "json") == b'[\n{"a" : 1.10},\n{"b":"\\u0026\\ud83d"}\n]\n'


@pytest.mark.parametrize("content", [b"", b"\n \n"])
def test_no_rows_make_an_empty_file_of_each_format(tmp_path: Path, content: bytes) -> None:
    assert made(tmp_path, content, "jsonl") == b""
    assert made(tmp_path, content, "json") == b"[]\n"
    header = made(tmp_path, content).decode("utf-8-sig")
    assert header == ",".join(COLUMNS["page"]) + "\r\n"
    assert made(tmp_path, content, data_type="unheard-of") == b"\xef\xbb\xbfid\r\n"


def test_rows_without_any_field_are_rows_all_the_same(tmp_path: Path) -> None:
    assert len(table(made(tmp_path, b"{}\n{}\n"))) == 2
    assert len(table(made(tmp_path, b'{"a":1}\n{}\n{"a":null}\n'))) == 3


def test_csv_opens_in_excel_in_japanese(tmp_path: Path) -> None:
    body = made(tmp_path, lines_of([{"title": "ホーム, 1", "city": '大"阪\n市'}]))
    assert body == '\ufefftitle,city\r\n"ホーム, 1","大""阪\n市"\r\n'.encode()


def test_csv_without_mark_and_with_other_delimiters(tmp_path: Path) -> None:
    content = lines_of([{"title": "a;b", "city": "c\td"}])
    assert made(tmp_path, content, bom=False, delimiter=";") == b'title;city\r\n"a;b";c\td\r\n'
    assert made(tmp_path, content, bom=False, delimiter="\t", guard=False) == b'title\tcity\r\na;b\t"c\td"\r\n'
    with pytest.raises(ValueError, match="delimiter"):
        made(tmp_path, content, delimiter="|")


def test_every_digit_of_an_id_survives(tmp_path: Path) -> None:
    rows = [{"id": number, "name": str(number), "referencedids": [number, str(number)]} for number in IDS]
    found = table(made(tmp_path, lines_of(rows), data_type="segment", guard=False))
    assert [row["id"] for row in found] == [str(number) for number in IDS]
    assert [row["name"] for row in found] == [str(number) for number in IDS]
    assert [json.loads(row["referencedids"]) for row in found] == [[number, str(number)] for number in IDS]


def test_numbers_stand_as_upstream_wrote_them(tmp_path: Path) -> None:
    texts = ["1.10", "-0", "1e400", "0.12345678901234567890", "9" * 60, "9" * 5000, "true", "false"]
    content = "".join(f'{{"a":{text},"b":[{text}]}}\n' for text in texts).encode()
    found = table(made(tmp_path, content, guard=False))
    assert [row["a"] for row in found] == texts
    assert [row["b"] for row in found] == [f"[{text}]" for text in texts]


@pytest.mark.parametrize("inner", ['quo"te', "back\\slash", "new\nline", "\x01", "tab\t", "a\\", "\u2028", "{"])
def test_lists_stay_json_text_whatever_they_hold(tmp_path: Path, inner: str) -> None:
    lists = [[inner], [{inner: inner}], [[inner, 1.50]], []]
    found = table(made(tmp_path, lines_of([{"a": value, "b": inner} for value in lists]), guard=False))
    assert [json.loads(row["a"]) for row in found] == lists
    assert {row["b"] for row in found} == {inner}


def test_absent_null_and_empty_values_are_told_apart_as_far_as_csv_can(tmp_path: Path) -> None:
    body = made(tmp_path, b'{"title":"","city":"x"}\n{"title":null}\n{"city":"y"}\n', bom=False)
    assert body == b'title,city\r\n"",x\r\n,\r\n,y\r\n'


def test_records_become_columns_of_their_fields(tmp_path: Path) -> None:
    rows = [
        {"id": "1", "geo": {"city": "Osaka", "at": {"lat": 1, "tags": ["a"]}}},
        {"id": "2", "geo": None},
        {"id": "3", "geo": {}},
        {"id": "4", "geo": "flat"},
    ]
    found = table(made(tmp_path, lines_of(rows), data_type="identity"))
    assert list(found[0]) == ["id", "geo", "geo.at.lat", "geo.at.tags", "geo.city"]
    assert [row["geo"] for row in found] == ["", "", "{}", "flat"]
    assert found[0]["geo.city"] == "Osaka"
    assert found[0]["geo.at.lat"] == "1"
    assert json.loads(found[0]["geo.at.tags"]) == ["a"]


def test_record_that_is_sometimes_null_adds_no_column_of_its_own(tmp_path: Path) -> None:
    for rows in ([{"geo": None}, {"geo": {"city": "x"}}], [{"geo": {"city": "x"}}, {"geo": None}]):
        assert list(table(made(tmp_path, lines_of(rows)))[0]) == ["geo.city"]


@pytest.mark.parametrize("format_name", ["csv", "xlsx"])
def test_top_level_name_stays_and_a_records_field_of_the_same_name_has_its_own(
    tmp_path: Path, format_name: str
) -> None:
    both, inner, top = {"a.b": "top", "a": {"b": "inner"}}, {"a": {"b": "alone"}}, {"a.b": None, "a": {}}
    for rows in ([both, inner, top], [inner, dict(reversed(both.items())), top], [top, inner, both]):
        body = made(tmp_path, lines_of(rows), format_name)
        if format_name == "xlsx":
            names, *cells = openpyxl.load_workbook(io.BytesIO(body)).active.iter_rows(values_only=True)
            read = [{name: cell or "" for name, cell in zip(names, row, strict=True)} for row in cells]
        else:
            read = table(body)
        expected = {
            id(row): {"a": "{}" if row is top else "", "a.b": row.get("a.b") or "", "a.b (2)": row["a"].get("b", "")}
            for row in rows
        }
        assert read == [expected[id(row)] for row in rows]


ODD_NAMES = ["row number", "", "*", "^.*$", "a b", "count", "literal", "odd id", "column 1", "é", "=x"]


@pytest.mark.parametrize("more", [{}, {"list": ["1", None]}, {"record": {"x": "1"}}, {"long": 10**40}])
@pytest.mark.parametrize("format_name", ["csv", "xlsx", "parquet"])
def test_any_name_can_be_a_column(tmp_path: Path, format_name: str, more: dict[str, Any]) -> None:
    rows = [{"id": str(n), **{name: f"{place}-{n}" for place, name in enumerate(ODD_NAMES)}, **more} for n in range(3)]
    body = made(tmp_path, lines_of(rows), format_name, guard=False)
    if format_name == "csv":
        read = table(body)
    elif format_name == "parquet":
        read = pq.read_table(io.BytesIO(body)).to_pylist()
    else:
        names, *cells = openpyxl.load_workbook(io.BytesIO(body)).active.iter_rows(values_only=True)
        read = [dict(zip((name or "" for name in names), row, strict=True)) for row in cells]
    assert [{name: row[name] for name in ODD_NAMES} for row in read] == [
        {name: row[name] for name in ODD_NAMES} for row in rows
    ]
    assert made(tmp_path, lines_of(rows), format_name)  # guarded too


def test_record_nested_without_end_stays_text(tmp_path: Path) -> None:
    content = b'{"a":' * 200 + b"1" + b"}" * 200 + b"\n"
    (row,) = table(made(tmp_path, content))
    ((name, text),) = row.items()
    assert name == ".".join("a" * 9)
    assert json.loads(text)["a"]


def test_broken_event_properties_stay_text(tmp_path: Path) -> None:
    rows = [{"id": "e-1", "eventProperties": '{"label":"the "big" one"}'}, {"id": "e-2", "properties": [{"name": "x"}]}]
    found = table(made(tmp_path, lines_of(rows), data_type="event"))
    assert found[0]["eventProperties"] == '{"label":"the "big" one"}'
    assert json.loads(found[1]["properties"]) == [{"name": "x"}]


def test_half_of_an_emoji_loses_no_row(tmp_path: Path) -> None:
    found = table(made(tmp_path, b'{"title":"cut \\ud83d","city":"\\ud83d\\ude00"}\n{"title":"x"}\n'))
    assert found == [{"title": "cut \ufffd", "city": "😀"}, {"title": "x", "city": ""}]


STARTS = ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"]


@pytest.mark.parametrize("start", STARTS)
def test_text_that_starts_a_formula_is_guarded_unless_told_otherwise(tmp_path: Path, start: str) -> None:
    content = lines_of([{"title": start + "1+1", start + "x": "mid" + start, "city": "x", "n": -1}])
    (row,) = table(made(tmp_path, content))
    assert row == {"title": "'" + start + "1+1", "'" + start + "x": "mid" + start, "city": "x", "n": "'-1"}
    (row,) = table(made(tmp_path, content, guard=False))
    assert row == {"title": start + "1+1", start + "x": "mid" + start, "city": "x", "n": "-1"}


def test_columns_are_documented_ones_first_and_the_rest_by_alphabet() -> None:
    names = ["zebra", "views", "Alpha", "eventDate", "alpha", "title", "title.ja", "geo.b", "geo.a"]
    assert ordered("page", names) == [
        "eventDate", "title", "title.ja", "views", "Alpha", "alpha", "geo.a", "geo.b", "zebra",
    ]  # fmt: skip
    assert ordered("unheard-of", ["b", "a", "b"]) == ["a", "b"]
    assert ordered("segment", ["createDate", "id"]) == ["id", "createDate"]


def test_documented_columns_are_those_of_the_contract() -> None:
    assert {kind: len(names) for kind, names in COLUMNS.items()} == {
        "event": 35, "identity": 4, "individual": 15, "membership": 7, "page": 24, "segment": 16,
    }  # fmt: skip
    assert all(len(set(names)) == len(names) for names in COLUMNS.values())


@pytest.mark.parametrize("late", [{"title": "t", "zz": "9"}, {"title": {"ja": "x"}}, {"title": None}, {}])
def test_column_that_turns_up_late_is_in_every_row(tmp_path: Path, late: dict[str, Any]) -> None:
    """The first blocks are written by then: the file is begun again."""
    rows = [{"title": "x" * 1000, "views": str(number)} for number in range(30_000)]
    seen: list[int] = []
    found = table(made(tmp_path, lines_of([*rows, late, {"views": "7"}]), on_progress=seen.append))
    assert len(found) == 30_002
    names = {"title": {"title"}, "zz": {"zz"}} if late != {"title": {"ja": "x"}} else {"title": {"title", "title.ja"}}
    assert set(found[0]) == {"views", "title"}.union(*(names[key] for key in late))
    assert found[12345]["views"] == "12345"
    assert found[-1]["views"] == "7"
    assert found[-2].get("zz", "") == late.get("zz", "")
    assert seen[-1] == 30_002


@pytest.mark.parametrize("format_name", ["csv", "xlsx", "parquet"])
def test_many_short_rows_among_many_columns_are_taken_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_name: str
) -> None:
    content = lines_of([{f"k{number}": "x" for number in range(50)}, *({"k7": str(n)} for n in range(99)), {}])
    whole = made(tmp_path, content, format_name)
    monkeypatch.setattr(frames_module, "MAX_CELLS", 500)
    in_parts = made(tmp_path, content, format_name)
    if format_name == "csv":
        assert in_parts == whole
        assert len(table(in_parts)) == 101
    elif format_name == "parquet":
        assert pq.read_table(io.BytesIO(in_parts)).equals(pq.read_table(io.BytesIO(whole)))
    else:
        books = [openpyxl.load_workbook(io.BytesIO(body)).active.values for body in (whole, in_parts)]
        assert list(books[0]) == list(books[1])


HOSTILE = """
import sys
from pathlib import Path
from exports.files.conversion import convert
source, target, form = sys.argv[1:]
print(convert(Path(source), Path(target), source_kind="zip", format=form, data_type="page").rows)
print(int(next(l for l in open("/proc/self/status") if l.startswith("VmHWM")).split()[1]) // 1024)
"""


@pytest.mark.parametrize("format_name", ["csv", "parquet"])
@pytest.mark.parametrize(
    "content",
    [
        lines_of([{f"k{number}": "x" for number in range(2000)}]) + b"{}\n" * 2_500,
        b'{"a":"' + b"x" * 16_000_000 + b'"}\n',
        b'{"a":[' + b"[1]," * 400_000 + b"[1]]}\n",
    ],
    ids=["wide", "long", "nested"],
)
def test_hostile_rows_do_not_fill_memory(tmp_path: Path, content: bytes, format_name: str) -> None:
    (tmp_path / "source").write_bytes(zipped(content))
    command = [sys.executable, "-c", HOSTILE, tmp_path / "source", tmp_path / "target", format_name]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows, peak = map(int, done.stdout.split())
    assert rows == content.count(b"\n")
    assert peak < 600


def test_keys_that_are_no_column_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_module, "MAX_COLUMNS", 100)
    made(tmp_path, lines_of([{f"key{number}": 1} for number in range(100)]))
    with pytest.raises(TooManyColumns):
        made(tmp_path, lines_of([{f"key{number}": 1} for number in range(101)]))
    assert not (tmp_path / "target").exists()


@pytest.mark.parametrize("format_name", ["original", "xml", ""])
def test_format_that_is_not_made_is_refused(tmp_path: Path, format_name: str) -> None:
    with pytest.raises(ValueError, match="not a format"):
        made(tmp_path, b"", format_name)
    assert "original" in FORMATS


def test_unknown_kind_of_original_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a kind"):
        made(tmp_path, b"", source_kind="tar")


@pytest.mark.parametrize("format_name", ["jsonl", "json", "csv"])
def test_original_that_was_altered_leaves_no_file(tmp_path: Path, format_name: str) -> None:
    (tmp_path / "source").write_bytes(bytes(Crafted(page_rows(10), crc=1)))
    with pytest.raises(ArchiveRefused):
        convert(tmp_path / "source", tmp_path / "target", source_kind="zip", format=format_name, data_type="page")
    assert not (tmp_path / "target").exists()


def test_target_that_exists_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"earlier")
    (tmp_path / "source").write_bytes(zipped(b""))
    with pytest.raises(FileExistsError):
        convert(tmp_path / "source", tmp_path / "target", source_kind="zip", format="csv", data_type="page")
    assert (tmp_path / "target").read_bytes() == b"earlier"


def test_blocks_end_with_whole_lines_and_lose_none(tmp_path: Path) -> None:
    content = page_rows(5000) + b'{"long":"' + b"x" * 900_000 + b'"}\n' + page_rows(3).rstrip(b"\n")
    (tmp_path / "source").write_bytes(content)
    blocks = list(row_blocks(tmp_path / "source", "json_lines", 300_000))
    assert b"".join(blocks) == content + b"\n"
    assert len(blocks) > 3
    assert all(block.endswith(b"\n") for block in blocks)


def test_fault_in_the_reading_thread_reaches_the_reader() -> None:
    def broken() -> Iterator[bytes]:
        yield b"x"
        raise ArchiveRefused("bad_crc")

    blocks = ahead(broken())
    assert next(blocks) == b"x"
    with pytest.raises(ArchiveRefused):
        next(blocks)


def test_reading_thread_ends_when_nobody_reads_on(tmp_path: Path) -> None:
    import threading  # noqa: PLC0415

    (tmp_path / "source").write_bytes(page_rows(5000))
    blocks = ahead(row_blocks(tmp_path / "source", "json_lines", 1000))
    next(blocks)
    blocks.close()  # type: ignore[attr-defined]
    assert not [thread for thread in threading.enumerate() if thread.name == "ahead"]
    assert len(list(unpacked(tmp_path / "source", "json_lines"))) > 1


cells = st.text() | st.integers(-(2**63), 2**64 - 1) | st.none() | st.booleans() | st.lists(st.text() | st.integers())
values = st.recursive(cells, lambda inner: st.dictionaries(st.text(min_size=1), inner, max_size=3), max_leaves=5)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.text(st.characters(exclude_characters=".", codec="utf-8"), min_size=1), values)))
def test_any_rows_read_back_equal(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    folder = tmp_path_factory.getbasetemp()
    found = table(made(folder, lines_of(rows), guard=False, data_type="event"))
    assert len(found) == len(rows)
    for row, cells in zip(rows, found, strict=True):
        for name, value in row.items():
            if isinstance(value, list):
                assert json.loads(cells[name]) == value
            elif isinstance(value, bool):
                assert cells[name] == ("true" if value else "false")
            elif not isinstance(value, dict):
                assert cells.get(name, "") == ("" if value is None else str(value))


def run_job(folder: Path, **job: object) -> subprocess.CompletedProcess[str]:
    given = {"source": str(folder / "source"), "target": str(folder / "target"), "source_kind": "zip"}
    given |= {"format": "csv", "data_type": "page", "guard": True} | job
    return subprocess.run(
        [sys.executable, "-m", "exports.files.convert_job"], input=json.dumps(given), capture_output=True, text=True
    )


def test_child_process_reports_what_it_made(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(zipped(page_rows(20)))
    done = run_job(tmp_path)
    body = (tmp_path / "target").read_bytes()
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout.splitlines()[-1])
    assert result == {"rows": 20, "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def test_child_process_tells_why_it_failed_by_its_exit_status(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(b"PK broken")
    assert run_job(tmp_path).returncode == 4
    (tmp_path / "source").write_bytes(zipped(page_rows(20)))
    assert run_job(tmp_path, format="xml").returncode == 1
    (tmp_path / "source").write_bytes(zipped(lines_of([{f"k{n}": 1 for n in range(16_385)}])))
    assert run_job(tmp_path).returncode == 5


def test_child_process_tells_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(convert_job, "_PROGRESS_SECONDS", 0.0)
    (tmp_path / "source").write_bytes(zipped(page_rows(20)))
    job = {"source": str(tmp_path / "source"), "target": str(tmp_path / "target"), "source_kind": "zip"}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(job | {"format": "jsonl", "data_type": "page"})))
    assert convert_job.main() == 0
    first, *_, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert first == {"done_rows": 20}
    assert last["rows"] == 20


@pytest.mark.parametrize(
    ("source", "options", "status"),
    [
        (b"PK broken", {}, 4),
        (zipped(lines_of([{f"k{number}": 1 for number in range(16_385)}])), {}, 5),
        (zipped(b""), {"target": "/proc/none/target"}, None),
    ],
)
def test_failures_of_the_child_have_each_their_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: bytes, options: dict[str, str], status: int | None
) -> None:
    (tmp_path / "source").write_bytes(source)
    job = {"source": str(tmp_path / "source"), "target": str(tmp_path / "target"), "source_kind": "zip"}
    job |= {"format": "csv", "data_type": "page"} | options
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(job)))
    if status is None:
        with pytest.raises(OSError, match="No such file"):
            convert_job.main()
    else:
        assert convert_job.main() == status


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
from exports.files.convert_job import main
sys.exit(main())
"""


@pytest.mark.parametrize("format_name", ["jsonl", "csv"])
def test_child_process_without_room_says_so_and_leaves_nothing(tmp_path: Path, format_name: str) -> None:
    (tmp_path / "source").write_bytes(zipped(page_rows(20)))
    job = {"source": str(tmp_path / "source"), "target": str(tmp_path / "target"), "source_kind": "zip"}
    job |= {"format": format_name, "data_type": "page"}
    done = subprocess.run([sys.executable, "-c", FULL], input=json.dumps(job), capture_output=True, text=True)
    assert done.returncode == 3, done.stderr
    assert not (tmp_path / "target").exists()
