"""Making other formats, next to polars' and DuckDB's own commands. ``python -m benchmarks.convert [--quick]``

All read the same 1,000,000 page rows as JSON Lines and take turns, each in a process of its own, start included; ours
from the stored ZIP is shown besides. The peers look for columns in the first rows only, guard no formulas, compute no
SHA-256 and tell no progress. Speed is the faster peer's time / ours, of the best rounds; on a machine that is shared
processor time says more.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.archives import page_lines, zip_of
from benchmarks.tables import print_table

ROWS, QUICK_ROWS = 1_000_000, 20_000
BLOCK = 100_000
PEERS = ("polars", "DuckDB")
COMPARED = ("csv", "parquet")
ALONE = ("xlsx", "json")


class Command(NamedTuple):
    """What is started, what it reads from standard input, and the file it makes."""

    words: list[str]
    told: str
    target: Path


class Run(NamedTuple):
    """Seconds, seconds of processor time, and MiB of resident memory at the peak."""

    seconds: float
    cpu: float
    peak: float


def measure(rows: int, rounds: int, folder: Path) -> None:
    """Let all take turns, and print the table."""
    source, archive = folder / "rows.jsonl", folder / "rows.zip"
    # In a process of its own: the peak of a process begins with what the one that started it holds.
    subprocess.run([sys.executable, "-m", "benchmarks.convert", "--make", source, archive, str(rows)], check=True)
    lines = []
    for form in COMPARED:
        makers: dict[str, Callable[[Path], Command]] = {
            "ours": lambda target, form=form: _ours(source, "json_lines", form, target),
            "ours, from the ZIP": lambda target, form=form: _ours(archive, "zip", form, target),
            "polars": lambda target, form=form: _polars(source, form, target),
            "DuckDB": lambda target, form=form: _duckdb(source, form, target),
        }
        found: dict[str, list[Run]] = {name: [] for name in makers}
        for _ in range(rounds):
            for name, command in makers.items():
                found[name].append(_run(command(folder / f"made.{form}")))
        best = {name: _best(runs) for name, runs in found.items()}
        for name, run in best.items():
            fastest = min(best[peer].seconds for peer in PEERS)
            least = min(best[peer].cpu for peer in PEERS)
            lines.append(
                [f"{form}: {name}", *_figures(run), f"{fastest / run.seconds:.2f} ×", f"{least / run.cpu:.2f} ×"]
            )
    for form in ALONE:
        run = _best([_run(_ours(archive, "zip", form, folder / f"made.{form}")) for _ in range(min(rounds, 2))])
        lines.append([f"{form}: ours, from the ZIP", *_figures(run), "–", "–"])
    print_table(
        f"{rows:,} page rows, {source.stat().st_size / 1e6:,.0f} MB of JSON Lines, best of {rounds}",
        ["", "time", "processor", "peak memory", "speed: faster peer / this", "by processor time"],
        lines,
    )


def make_rows(source: Path, archive: Path, rows: int) -> None:
    """Write so many page rows, and a ZIP of them."""
    block = page_lines(min(rows, BLOCK))
    with source.open("wb") as file:
        for _ in range(max(1, rows // BLOCK)):
            file.write(block)
    zip_of(source, archive)


def _figures(run: Run) -> list[str]:
    return [f"{run.seconds:.1f} s", f"{run.cpu:.1f} s", f"{run.peak:.0f} MiB"]


def _best(runs: list[Run]) -> Run:
    return Run(*(min(column) for column in zip(*runs, strict=True)))


def _run(command: Command) -> Run:
    """Run a command to its end."""
    command.target.unlink(missing_ok=True)
    with tempfile.TemporaryFile("w+") as told:
        told.write(command.told)
        told.seek(0)
        began = time.perf_counter()
        with subprocess.Popen(
            command.words, stdin=told, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            _pid, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
    if process.returncode or not command.target.stat().st_size:
        raise SystemExit(f"{command} failed")
    command.target.unlink()
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _ours(source: Path, kind: str, form: str, target: Path) -> Command:
    """The child that a worker starts."""
    job = {"source": str(source), "target": str(target), "source_kind": kind, "format": form, "data_type": "page"}
    return Command([sys.executable, "-m", "exports.files.convert_job"], json.dumps(job), target)


def _polars(source: Path, form: str, target: Path) -> Command:
    code = f"import sys, polars; polars.scan_ndjson({str(source)!r}).sink_{form}(sys.argv[1])"
    return Command([sys.executable, "-c", code, str(target)], "", target)


def _duckdb(source: Path, form: str, target: Path) -> Command:
    how = "HEADER" if form == "csv" else "FORMAT parquet"
    query = f"COPY (FROM read_json('{source}', format='newline_delimited')) TO '{target}' ({how})"  # noqa: S608
    return Command([sys.executable, "-c", f"import duckdb; duckdb.sql({query!r})"], "", target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_ROWS:,} rows, one round")
    parser.add_argument("--rows", type=int, default=ROWS, help="(default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    parser.add_argument("--make", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.make:
        make_rows(Path(options.make[0]), Path(options.make[1]), int(options.make[2]))
        return
    with tempfile.TemporaryDirectory(prefix="lac-benchmark-") as folder:
        if options.quick:
            measure(QUICK_ROWS, 1, Path(folder))
        else:
            measure(options.rows, options.rounds, Path(folder))


if __name__ == "__main__":
    main()
