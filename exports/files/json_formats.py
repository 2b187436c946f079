"""JSON Lines, and one JSON array: the rows as upstream wrote them, byte for byte."""

from exports.files.conversion import Job
from exports.files.row_blocks import row_blocks
from exports.files.rows import WHITE_SPACE
from exports.files.sinks import HashedFile

_BLOCK_BYTES = 4 * 1024 * 1024


def write_json_lines(job: Job, target: HashedFile) -> int:
    """One row a line, each line ended; no blank lines."""
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
