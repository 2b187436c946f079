"""What a spreadsheet would run."""

from collections.abc import Iterable
from typing import Final

# The start of a formula, the full-width twins, and the blanks a spreadsheet skips before one.
FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def guarded_text(text: str) -> str:
    """`text`, with an apostrophe before what would be a formula."""
    return "'" + text if text.startswith(FORMULA_STARTS) else text


def guarded_names(names: Iterable[str]) -> list[str]:
    """Column names likewise."""
    return list(map(guarded_text, names))
