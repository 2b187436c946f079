"""The names files are stored under."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

PART_SUFFIX: Final = ".part"

# <export id>-<fence>, and for a file made from it one to three words such as `.csv` or `.tab.csv`.
_NAME: Final = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}-[0-9]{1,19}(?:\.(?!part(?:\.|\Z))[a-z0-9][a-z0-9-]{0,59}){0,3}",
    re.ASCII,
)


@dataclass(frozen=True)
class StoredName:
    """A file found in the store. `modified_at` is UTC; `is_part` marks one still being written or left behind."""

    name: str
    bytes: int
    modified_at: datetime
    is_part: bool


def is_stored_name(name: str) -> bool:
    """Whether `name` is one this store would give to a file."""
    return _NAME.fullmatch(name) is not None


def checked_name(name: str) -> str:
    """`name` itself. Raises `ValueError` for anything that is not a stored name, so no path can be built of it."""
    if not is_stored_name(name):
        raise ValueError("not the name of a stored file")
    return name
