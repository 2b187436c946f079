"""The profile of a file: exact where it says so, close where it does not, bounded whatever comes."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import msgspec
import pytest

from exports.files.conversion import convert
from exports.files.profile_document import FIRST_ROWS, TOP_VALUES, Column, Profile, decode_profile
from tests.files.archives import zipped

PEAK_MB_MOST = 220


def lines_of(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(msgspec.json.encode(row) + b"\n" for row in rows)


def profiled(folder: Path, rows: list[dict[str, Any]] | bytes, data_type: str = "page") -> Profile:
    source, target = folder / "source", folder / "target"
    source.write_bytes(zipped(rows if isinstance(rows, bytes) else lines_of(rows)))
    convert(source, target, source_kind="zip", format="profile", data_type=data_type)
    return decode_profile(target.read_bytes())


def column(profile: Profile, name: str) -> Column:
    return next(one for one in profile.columns if one.name == name)


def test_columns_counted_say_how_full_how_many_and_from_where_to_where(tmp_path: Path) -> None:
    rows = [
        {"views": str(number % 12), "country": "日本" if number % 3 else "Brazil", "city": "" if number % 2 else "A"}
        for number in range(300)
    ]
    profile = profiled(tmp_path, rows)
    assert (profile.rows, profile.names) == (300, ["views", "country", "city"])
    views, country, city = (column(profile, name) for name in profile.names)
    assert (views.kind, views.filled, views.distinct, views.distinct_is_exact) == ("whole", 300, 12, True)
    assert (views.least, views.greatest) == ("0", "11")  # by number, not by text
    assert country.top == [("日本", 200), ("Brazil", 100)]
    assert country.top_is_exact
    assert (city.filled, city.distinct) == (150, 1)


@pytest.mark.parametrize(
    ("values", "kind", "ends"),
    [
        (["9007199254740993", "-5", "12"], "whole", ("-5", "9007199254740993")),
        (["1.5", "10", "-2"], "number", ("-2", "10")),
        (["007", "12"], "text", ("007", "12")),
        (["92233720368547758070", "1"], "text", ("1", "92233720368547758070")),
        (["2026-10-01 00:00:00 UTC", "2026-10-02T00:00:00.5Z"], "moment", None),
        (["", ""], "empty", (None, None)),
        (["1e5", "2"], "text", None),
    ],
)
def test_kind_follows_from_every_value(
    values: list[str], kind: str, ends: tuple[str | None, str | None] | None, tmp_path: Path
) -> None:
    one = column(profiled(tmp_path, [{"x": value} for value in values]), "x")
    assert one.kind == kind
    if ends:
        assert (one.least, one.greatest) == ends


def test_very_many_values_are_estimated_within_a_few_percent(tmp_path: Path) -> None:
    rows = [{"id": f"id-{number}", "often": "same" if number % 2 else f"rare-{number}"} for number in range(60_000)]
    profile = profiled(tmp_path, rows)
    ids = column(profile, "id")
    assert not ids.distinct_is_exact
    assert abs(ids.distinct - 60_000) < 60_000 * 0.08
    often = column(profile, "often")
    assert often.top[0] == ("same", 30_000)
    assert not often.top_is_exact
    assert len(often.top) == TOP_VALUES


def test_first_rows_are_the_file_s_first_with_every_column_seen_anywhere(tmp_path: Path) -> None:
    rows = [{"title": f"row {number}"} for number in range(200)] + [{"title": "last", "later": "x"}]
    profile = profiled(tmp_path, rows)
    assert profile.names == ["title", "later"]
    assert len(profile.first) == FIRST_ROWS
    assert profile.first[0] == ["row 0", None]


def test_column_that_comes_in_a_later_block_counts_all_rows_once(tmp_path: Path) -> None:
    rows = [{"title": "x" * 100, "views": "1"} for _ in range(60_000)] + [{"title": "y", "later": "1"}]
    profile = profiled(tmp_path, rows)
    assert profile.rows == 60_001
    assert column(profile, "title").filled == 60_001
    assert column(profile, "views").filled == 60_000
    assert column(profile, "later").filled == 1


def test_long_cells_are_kept_in_part_and_marked(tmp_path: Path) -> None:
    profile = profiled(tmp_path, [{"title": "x" * 3_000_000, "views": "1"}])
    assert profile.cut == [(0, 0)]
    assert len(profile.first[0][0] or "") < 3_000
    assert len(column(profile, "title").top[0][0]) <= 200


def test_thousands_of_columns_are_all_named_and_some_counted(tmp_path: Path) -> None:
    profile = profiled(tmp_path, [{f"c{number}": "v" * 500 for number in range(3_000)}] * 12)
    assert len(profile.names) == 3_000
    assert len(profile.columns) == 250
    assert (tmp_path / "target").stat().st_size < 8_000_000


def test_rows_over_time_count_quarters_and_what_has_no_date(tmp_path: Path) -> None:
    stamps = ["2026-10-01 00:00:01 UTC", "2026-10-01T00:14:59.999Z", "2026-10-01 00:15:00 UTC", "nonsense", None]
    rows = [{"eventDate": stamp, "title": "x"} for stamp in [*stamps, "2026-02-31 00:00:00 UTC"]]
    profile = profiled(tmp_path, rows)
    assert profile.date_column == "eventDate"
    assert profile.quarters == [(1790812800, 2), (1790813700, 1)]
    assert profile.undated == 3


def test_no_rows_make_a_profile_of_the_documented_columns(tmp_path: Path) -> None:
    profile = profiled(tmp_path, b"", "segment")
    assert (profile.rows, profile.first) == (0, [])
    assert profile.names[:2] == ["id", "name"]
    assert {one.kind for one in profile.columns} == {"empty"}


def test_hostile_rows_are_text_like_any_other(tmp_path: Path) -> None:
    evil = ["<script>alert(1)</script>", "=cmd|' /C calc'!A0", "\x00\x1b[31m", "\ud800", '"}]', "🎉" * 150]
    profile = profiled(tmp_path, [{"title": text, "nested": {"a": [1, {"b": text}]}} for text in evil[:3] + evil[4:]])
    assert profile.rows == 5
    assert profile.first[0][0] == evil[0]
    assert "nested.a" in profile.names


def test_memory_stays_flat_however_many_rows(tmp_path: Path) -> None:
    line = b'{"eventDate":"2026-10-01 00:00:00 UTC","id":"%07d","title":"%s","views":"%d"}\n'
    peaks = []
    for count in (30_000, 300_000):
        source, target = tmp_path / f"source-{count}", tmp_path / f"target-{count}"
        with (
            zipfile.ZipFile(source, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("data.json", "w") as entry,
        ):
            for number in range(count):
                entry.write(line % (number, b"x" * 200, number % 9))
        peaks.append(_peak_mb(source, target))
        assert decode_profile(target.read_bytes()).rows == count
    assert peaks[1] < PEAK_MB_MOST
    assert peaks[1] < peaks[0] + 60


# In a process between: what a child is charged with begins at the size of whoever forks it.
_MEASURE = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-m", "exports.files.convert_job"], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def _peak_mb(source: Path, target: Path) -> float:
    job = {"source": str(source), "target": str(target), "source_kind": "zip", "format": "profile", "data_type": "page"}
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE], input=msgspec.json.encode(job), stdout=subprocess.PIPE, check=True
    )
    return int(done.stdout) / 1024
