"""Makes another format from a stored original, once, in bounded memory.

Runs in a child process: the libraries that make formats well cost more memory than a worker should keep.
"""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, cast

from exports.files.columns import TooManyColumns
from exports.files.faults import StorageFull
from exports.files.sinks import HashedFile

__all__ = ["FORMATS", "SHEET_ROWS", "Converted", "StorageFull", "TooManyColumns", "convert"]

SHEET_ROWS: Final = 1_048_575  # of a worksheet, below the header
FORMATS: Final = ("original", "jsonl", "json", "csv", "xlsx", "parquet")

# By name, so that a child loads only the library its own format needs.
_MAKERS: Final = {
    "jsonl": "exports.files.json_formats:write_json_lines",
    "json": "exports.files.json_formats:write_json",
    "csv": "exports.files.csv_format:write_csv",
    "xlsx": "exports.files.xlsx_format:write_xlsx",
    "parquet": "exports.files.parquet_format:write_parquet",
    "profile": "exports.files.profile:write_profile",
}


@dataclass(frozen=True)
class Converted:
    """`rows` written, length in `bytes`, and hexadecimal SHA-256 of the made file."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Job:
    """What to make of what. `on_progress` gets the number of rows done so far; it may start over once."""

    source: Path
    source_kind: str
    data_type: str
    guard: bool
    delimiter: str
    bom: bool
    gzip: bool
    on_progress: Callable[[int], None]
    mask: Sequence[str] = ()


class Maker(Protocol):
    """Writes one format; returns the number of rows."""

    def __call__(self, job: Job, target: HashedFile) -> int: ...


def convert(
    source: Path,
    target: Path,
    *,
    source_kind: str,
    format: str,  # noqa: A002 - the field's own word
    data_type: str,
    guard: bool = True,
    delimiter: str = ",",
    bom: bool = True,
    gzip: bool = False,
    mask: Sequence[str] = (),
    on_progress: Callable[[int], None] | None = None,
) -> Converted:
    """Write `source`, a stored original whose receipt says `source_kind`, to the new file `target` as `format`.

    `guard` puts an apostrophe before text that a spreadsheet would run as a formula (CSV and XLSX); `delimiter`
    and `bom` are for CSV, `gzip` packs JSON Lines. The values of the columns in `mask` read `***`
    (exports/files/masking.py). `on_progress` gets rows done. Raises `ValueError` for a format that is not made,
    `ArchiveRefused` when the original is broken, `TooManyColumns`, `StorageFull`, `FileExistsError`. However it fails,
    `target` is gone afterwards.
    """
    if format not in _MAKERS:
        raise ValueError(f"{format} is not a format that is made")
    module, name = _MAKERS[format].split(":")
    make = cast(Maker, getattr(importlib.import_module(module), name))
    job = Job(source, source_kind, data_type, guard, delimiter, bom, gzip, on_progress or _ignore, mask)
    with HashedFile(target) as file:
        try:
            rows = make(job, file)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return Converted(rows, file.bytes, file.sha256)


def _ignore(_: int) -> None:
    return None
