"""The comparison of conversions runs, and its archives are what they are said to be."""

from pathlib import Path

import pytest

from benchmarks import convert
from benchmarks.archives import write_archive
from exports.files.archive import ArchiveLimits, check_archive


def test_conversions_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    convert.measure(500, 1, tmp_path)
    out = capsys.readouterr().out
    for line in ("csv: ours", "csv: polars", "csv: DuckDB", "parquet: DuckDB", "xlsx: ours", "json: ours"):
        assert line in out
    assert [path.name for path in tmp_path.glob("made.*")] == []


@pytest.mark.parametrize("unpackable", [0, 100])
def test_made_archives_pass_the_gate(tmp_path: Path, unpackable: int) -> None:
    unpacked, rows = write_archive(tmp_path / "a.zip", 30_000, unpackable=unpackable, block_rows=100)
    receipt = check_archive(tmp_path / "a.zip", data_type="page", limits=ArchiveLimits(max_unpacked_bytes=2**40))
    assert (receipt.rows, receipt.unpacked_bytes) == (rows, unpacked)
    assert (tmp_path / "a.zip").stat().st_size >= 30_000
