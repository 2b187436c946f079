"""What a ready file can be had as: formats and variants, what lies there, how far the others are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from exports.files.conversion import SHEET_ROWS
from exports.models import DerivedFile, Export, Status
from exports.services import words
from exports.services.estimates import Made, largest_made, seconds_left
from exports.services.variants import PROFILE, Variant, mask_word
from exports.templatetags.portal import listed
from exports.web.explain import DELIMITERS, FormatWords
from exports.web.explain import FORMATS as WORDS

SHORT = 5  # seconds nobody needs to be told of


@dataclass(frozen=True)
class Format:
    """A variant to download, and whether it lies there already."""

    name: str
    query: str
    words: FormatWords
    choices: str
    state: str
    bytes: int | None
    percent: int | None
    seconds_left: int | None
    waits_for: str


def formats_of(export: Export, rows: Sequence[DerivedFile], mask: tuple[str, ...] = ()) -> tuple[Format, ...]:
    """Return each format in its usual form, then the other variants that somebody has asked for (at most one query).

    Args:
        mask: the columns that the reader sees only masked; the original isn't offered then, nor what hides others.
    """
    if export.status != Status.READY:
        return ()
    made = {row.variant: row for row in rows if mask_word(row.mask) == mask_word(mask)}
    past = largest_made() if any(row.state == DerivedFile.State.WANTED for row in rows) else {}
    usual = [Variant(name, mask=mask) for name in WORDS if not (mask and name == "original")]
    known = {one.name for one in usual}
    others = [
        replace(Variant.named(name), mask=mask)
        for name, row in sorted(made.items())
        if name not in known and row.format != PROFILE
    ]
    return tuple(_format(export, one, made.get(one.name), past) for one in [*usual, *others])


def _format(export: Export, variant: Variant, row: DerivedFile | None, past: Mapping[str, Made]) -> Format:
    is_original = variant.format == "original"
    left = seconds_left(row, export.rows, past) if row else None
    return Format(
        name=variant.name,
        query=query_of(variant),
        words=WORDS[variant.format],
        choices=choices_of(variant),
        state=DerivedFile.State.READY.value if is_original else row.state if row else "",
        bytes=export.bytes if is_original else row.bytes if row else None,
        percent=_percent(export, row) if row else None,
        seconds_left=left if left is not None and left >= SHORT else None,
        waits_for=wait_sentence(row.waits_for if row else ""),
    )


def wait_sentence(code: str) -> str:
    """Return what keeps a wanted file from being made, by its code; nothing when only its turn has to come."""
    return words.fault_sentence(code) if code else ""


def _percent(export: Export, row: DerivedFile) -> int | None:
    if row.state != DerivedFile.State.WANTED or not export.rows or not row.done_rows:
        return None
    return min(round(100 * row.done_rows / export.rows), 99)


def query_of(variant: Variant) -> str:
    """Return the address's query of a variant, without what is usual."""
    said = {
        "format": (variant.format, "original"),
        "delimiter": (variant.delimiter, "comma"),
        "bom": ("on" if variant.bom else "off", "on"),
        "guard": ("on" if variant.guard else "off", "on"),
        "gzip": ("on" if variant.gzip else "off", "off"),
    }
    return urlencode({name: value for name, (value, usual) in said.items() if value != usual})


def choices_of(variant: Variant) -> str:
    """Return a variant's choices in words; nothing for the usual ones."""
    words = [str(DELIMITERS[variant.delimiter])] if variant.delimiter != "comma" else []
    words += [
        word
        for word, is_so in (
            (_("no byte order mark"), not variant.bom),
            (_("formulas as they are"), not variant.guard),
            (_("packed (.gz)"), variant.gzip),
        )
        if is_so
    ]
    return listed(words)


def sheets_of(export: Export) -> int:
    """Return how many sheets a workbook of the file has at least."""
    return -(-(export.rows or 0) // SHEET_ROWS) or 1


def making_of(export: Export, variant: Variant) -> dict[str, Any]:
    """Return what the page says while a variant is made."""
    row = DerivedFile.objects.filter(export=export, variant=variant.name).first()
    return {
        "export": export,
        "file": _format(export, variant, row, largest_made()),
        "rows_done": row.done_rows if row else 0,
        "sheets": sheets_of(export) if variant.format == "xlsx" else 1,
    }
