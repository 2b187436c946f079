"""Why a received file was not let through the gate, as a closed set of codes."""

from typing import Final

REFUSAL_CODES: Final = frozenset(
    {
        # the whole body
        "empty",  # zero bytes
        "html",  # a page where a file was expected
        "not_an_archive",  # neither a ZIP nor JSON
        # the ZIP around the entry
        "cut",  # no end record: the body stopped early
        "leading_bytes",  # something stands before the archive, another archive included
        "trailing_bytes",  # something stands after the archive or after the compressed data, a comment included
        "no_entry",
        "several_entries",
        "bad_name",  # a name that could lead out of a folder, or is not text
        "not_a_file",  # a directory, a link or a device
        "encrypted",
        "unsupported_method",  # neither stored nor deflated, or spread over several disks
        "overlap",  # entry data that reaches into other parts of the archive
        "bad_structure",  # headers that contradict each other
        "bad_compression",  # data that cannot be inflated, or end early
        "bad_size",  # unpacked size differs from what the archive says
        "bad_crc",
        "too_large_unpacked",
        # the rows in the entry
        "bad_utf8",
        "line_too_long",
        "not_an_object",
        "too_deep",  # nested so deep that no common reader opens it
        "last_line_incomplete",
        "ends_in_an_answer",  # the last row is none, but what a server says when it can't go on
    }
)

# Asking again brings the same answer only for these; every other refusal may be a fault of the way.
FINAL_CODES: Final = frozenset({"too_large_unpacked"})


class ArchiveRefused(Exception):
    """The file failed the gate.

    `code` is one of `REFUSAL_CODES`. `line` is the number of the offending row, counted from 1: the physical
    line for JSON Lines, the element for a JSON array; None when the fault is not in a row. `final` is False
    when asking upstream again may help. The text never holds a byte of the file.
    """

    def __init__(self, code: str, *, line: int | None = None) -> None:
        if code not in REFUSAL_CODES:
            raise ValueError(f"{code} is not a refusal code")
        super().__init__(code if line is None else f"{code} at line {line}")
        self.code = code
        self.line = line
        self.final = code in FINAL_CODES

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.code, self.line)


def _rebuild(code: str, line: int | None) -> ArchiveRefused:
    return ArchiveRefused(code, line=line)


class CheckStopped(Exception):
    """`should_stop` answered yes: the check ended without a verdict."""
