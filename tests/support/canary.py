"""Looks for the tests' own access tokens wherever the suite leaves something: answers, logs, mails, files, databases.

`tests/conftest.py` plugs it into every test: each secret is one that the portal is given and must show to nobody.
"""

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from tests.engine.world import TOKEN
from tests.support.cast import ACME_TOKEN, GLOBEX_TOKEN

SECRETS = tuple({ACME_TOKEN, GLOBEX_TOKEN, TOKEN})
_NEEDLES = tuple(secret.encode() for secret in SECRETS)
PIECE = 1 << 20


def is_in(content: bytes) -> bool:
    """Tell whether a secret stands in some bytes."""
    return any(needle in content for needle in _NEEDLES)


class LeakedToLog(logging.Handler):
    """Collects the names of loggers that wrote a secret, arguments and tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.NOTSET)
        self.found: list[str] = []
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Look at a record as a handler would write it."""
        if is_in(self._formatter.format(record).encode("utf-8", "replace")):
            self.found.append(f"{record.name}: {record.msg!s:.60}")


def leak_of_answer(answer: Any) -> str:
    """Return what of an answer holds a secret; nothing when none does. Streams are left to who reads them."""
    for name, value in answer.items():
        if is_in(str(value).encode("utf-8", "replace")):
            return f"header {name}"
    if any(is_in(morsel.value.encode()) for morsel in answer.cookies.values()):
        return "a cookie"
    if not answer.streaming and is_in(answer.content):
        return "body"
    return ""


def files_with_secrets(roots: Iterable[Path]) -> list[Path]:
    """Return the files under some folders in which a secret stands."""
    return [
        path
        for root in roots
        for path in (root.rglob("*") if root.is_dir() else [root])
        if path.is_file() and not path.is_symlink() and _holds_secret(path)
    ]


def _holds_secret(path: Path) -> bool:
    overlap = b""
    try:
        with path.open("rb") as file:
            while piece := file.read(PIECE):
                if is_in(overlap + piece):
                    return True
                overlap = piece[-max(map(len, _NEEDLES)) :]
    except OSError:
        return False
    return False
