"""What a file can be had as: a format, and for some formats choices. Each variant is made once and kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from exports.services.refusals import Refused

FORMATS = ("original", "jsonl", "json", "csv", "xlsx", "parquet")
MADE = FORMATS[1:]
PROFILE = "profile"  # no format to download: what the preview page reads (services/profiles.py)
DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t"}
ON_OFF = ("on", "off")


@dataclass(frozen=True)
class Variant:
    """One format with its choices.

    Attributes:
        guard: CSV and XLSX: keep cells from being run as formulas.
        delimiter: CSV: a key of ``DELIMITERS``.
        bom: CSV: begin with a byte order mark, without which Excel takes UTF-8 for something else.
        gzip: JSON Lines: packed.
        mask: columns hidden in it (services/masking.py).
    """

    format: str
    guard: bool = True
    delimiter: str = "comma"
    bom: bool = True
    gzip: bool = False
    mask: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name it is kept under: the format, then every choice that is not the usual one."""
        words = [self.format]
        if self.delimiter != "comma":
            words.append(self.delimiter)
        words += [
            word for word, said in (("nobom", not self.bom), ("noguard", not self.guard), ("gz", self.gzip)) if said
        ]
        if self.mask:
            words.append(mask_word(self.mask))
        return "-".join(words)

    @classmethod
    def named(cls, name: str) -> "Variant":
        """Return the variant of that name; which columns are hidden in it stands in its row alone."""
        data_format, *words = name.split("-")
        return cls(
            data_format,
            guard="noguard" not in words,
            delimiter=next((word for word in words if word in DELIMITERS), "comma"),
            bom="nobom" not in words,
            gzip="gz" in words,
        )


ORIGINAL = Variant("original")


def mask_word(columns: Sequence[str]) -> str:
    """Return what tells a file with these columns hidden from all others: part of its name."""
    names = "\n".join(sorted(name.lower() for name in columns))
    return f"masked{hashlib.sha256(names.encode()).hexdigest()[:16]}"


def read_variant(
    *,
    format: str,
    guard: str = "",
    delimiter: str = "",
    bom: str = "",
    gzip: str = "",  # noqa: A002 - the field's word
) -> Variant:
    """Read a variant as it comes in an address; the empty text leaves a choice at its usual value.

    ``guard`` means nothing to formats without formulas. Another choice that the format doesn't have is refused: who
    made it would take the file for something that it isn't.

    Raises:
        Refused: no such format or value, or a choice that the format doesn't have; ``field`` says which.
    """
    if format not in FORMATS:
        raise Refused("unknown_format", _("Choose one of the formats offered."), "format")
    for field, value, known in (
        ("guard", guard, ON_OFF),
        ("delimiter", delimiter, tuple(DELIMITERS)),
        ("bom", bom, ON_OFF),
        ("gzip", gzip, ON_OFF),
    ):
        if value and value not in known:
            raise Refused("unknown_choice", _("Choose one of these: %(values)s.") % {"values": ", ".join(known)}, field)
    wanted = Variant(format, guard != "off", delimiter or "comma", bom != "off", gzip == "on")
    if format not in ("csv", "xlsx"):
        wanted = replace(wanted, guard=True)
    for field, usual, formats in (
        ("delimiter", "comma", ("csv",)),
        ("bom", True, ("csv",)),
        ("gzip", False, ("jsonl",)),
    ):
        if getattr(wanted, field) != usual and format not in formats:
            raise Refused("choice_without_effect", _("This format doesn’t have that choice."), field)
    return wanted
