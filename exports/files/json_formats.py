"""JSON Lines, and one JSON array: the rows as upstream wrote them, byte for byte."""

from typing import Final, Protocol

from isal import isal_zlib

from exports.files.conversion import Job
from exports.files.row_blocks import row_blocks
from exports.files.rows import WHITE_SPACE
from exports.files.sinks import HashedFile

_BLOCK_BYTES: Final = 4 * 1024 * 1024
_LEVEL: Final = 1
_GZIP: Final = 31  # window bits with gzip's header and trailer around


class _Target(Protocol):
    def write(self, data: bytes) -> object: ...


def write_json_lines(job: Job, target: HashedFile) -> int:
    """One row a line, each line ended; no blank lines. With `gzip`, packed as one member without name or time."""
    if not job.gzip:
        return _write_lines(job, target)
    packed = _Gzip(target)
    rows = _write_lines(job, packed)
    packed.finish()
    return rows


class _Gzip:
    def __init__(self, target: HashedFile) -> None:
        self._target = target
        self._deflate = isal_zlib.compressobj(_LEVEL, isal_zlib.DEFLATED, _GZIP)

    def write(self, data: bytes) -> None:
        self._target.write(self._deflate.compress(data))

    def finish(self) -> None:
        self._target.write(self._deflate.flush())


def _write_lines(job: Job, target: _Target) -> int:
    rows = 0
    for block in row_blocks(job.source, job.source_kind, _BLOCK_BYTES, job.mask):
        lines = _lines(block)
        target.write(b"\n".join(lines) + b"\n" if lines else b"")
        rows += len(lines)
        job.on_progress(rows)
    return rows


def write_json(job: Job, target: HashedFile) -> int:
    """One array, one row a line."""
    rows = 0
    target.write(b"[")
    for block in row_blocks(job.source, job.source_kind, _BLOCK_BYTES, job.mask):
        lines = _lines(block)
        if not lines:
            continue
        target.write(b",\n" if rows else b"\n")
        target.write(b",\n".join(lines))
        rows += len(lines)
        job.on_progress(rows)
    target.write(b"\n]\n" if rows else b"]\n")
    return rows


def _lines(block: bytes) -> list[bytes]:
    return [line for line in block.split(b"\n") if line.strip(WHITE_SPACE)]
