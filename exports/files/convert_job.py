"""The child process that makes one format: `python -m exports.files.convert_job`.

Reads one JSON object from standard input, with the arguments of `convert`. Writes a line `{"done_rows": …}` at
most once a second and at the end one line `{"rows": …, "bytes": …, "sha256": …}`. Exit status: 0 made, 3 no
room, 4 the original is broken, 5 too many columns, 1 anything else.
"""

import gc
import json
import os
import sys
import time
from pathlib import Path
from typing import Final

from exports.files.conversion import StorageFull, TooManyColumns, convert
from exports.files.refusals import ArchiveRefused

_PROGRESS_SECONDS: Final = 1.0
_STORAGE_FULL: Final = 3
_BROKEN: Final = 4
_TOO_MANY_COLUMNS: Final = 5
_OBJECTS_BETWEEN_COLLECTIONS: Final = 100_000
_LEAST_POLARS_THREADS: Final = 3  # as many as make blocks ready (exports/files/frames.py): with fewer they wait in turn


class _Progress:
    def __init__(self) -> None:
        self._next_at = time.monotonic() + _PROGRESS_SECONDS

    def __call__(self, rows: int) -> None:
        if time.monotonic() >= self._next_at:
            self._next_at = time.monotonic() + _PROGRESS_SECONDS
            _say({"done_rows": rows})


def main() -> int:
    """Do the job on standard input."""
    # Tables are no Python objects. What the libraries bring stays, and looking through it again and again takes time.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    threads = max(os.cpu_count() or 1, _LEAST_POLARS_THREADS)
    os.environ.setdefault("POLARS_MAX_THREADS", str(threads))  # read when a format brings polars in
    job = json.load(sys.stdin)
    source, target = Path(job.pop("source")), Path(job.pop("target"))
    try:
        made = convert(source, target, on_progress=_Progress(), **job)
    except StorageFull:
        return _STORAGE_FULL
    except ArchiveRefused as refused:
        sys.stderr.write(f"{refused}\n")
        return _BROKEN
    except TooManyColumns:
        return _TOO_MANY_COLUMNS
    _say({"rows": made.rows, "bytes": made.bytes, "sha256": made.sha256})
    return 0


def _say(message: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    status = main()
    # All is said and written. Taking the libraries apart one by one would take another tenth of a second.
    sys.stderr.flush()
    os._exit(status)
