"""Keys as text, for where a thousand are read and few or none are used as keys: making objects of them costs more."""

from django.db.models import TextField
from django.db.models.functions import Cast


def key_text(column: str) -> Cast:
    """Select a key as its database writes it: with hyphens (PostgreSQL) or without (SQLite)."""
    return Cast(column, TextField())


def with_hyphens(written: str) -> str:
    """Return such a text as keys are written everywhere else."""
    if "-" in written:
        return written
    return f"{written[:8]}-{written[8:12]}-{written[12:16]}-{written[16:20]}-{written[20:]}"
