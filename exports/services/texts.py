"""Short texts that people type: one line, printable, of bounded length."""

import unicodedata

from django.utils.translation import gettext as _

from exports.services.refusals import Refused

# Control characters and lone surrogates: no database, header or file name carries them unharmed. Line and paragraph
# separators break a line as a line feed does.
UNUSABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Overrides of the direction of writing: “invoice<override>gpj.exe” reads as “invoiceexe.jpg”. Letters of any script
# find their direction without them.
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Nothing to see and nothing to join, so that two names look alike; emoji and scripts need the joiners beside them.
UNSEEN = frozenset("\u200b\u2060\ufeff")
MISLEADING = TURNING | UNSEEN


def composed(text: str) -> str:
    """Return ``text`` with its accents composed (NFC): a Mac's file names come apart, what people type does not."""
    return unicodedata.normalize("NFC", text)


def clean_line(text: str, *, field: str, most: int, required: bool = False) -> str:
    """Return ``text`` without white space around it, its accents composed (NFC): what looks alike is alike.

    Args:
        field: the input it came from.
        most: the greatest number of characters.
        required: refuse an empty text.

    Raises:
        Refused: ``empty``, ``too_long`` or ``not_one_line``.
    """
    text = composed(text).strip()
    if required and not text:
        raise Refused("empty", _("This can’t be empty."), field)
    if len(text) > most:
        raise Refused(
            "too_long", _("At most %(most)d characters, please; this has %(count)d.") % _counts(most, text), field
        )
    _refuse_unusable(text, field, allowed="")
    return text


def clean_paragraph(text: str, *, field: str, most: int) -> str:
    """Return ``text``, composed (NFC), without white space around it; line breaks (as ``\\n``) and tabs stay.

    Raises:
        Refused: ``too_long`` or ``not_one_line``.
    """
    text = composed(text).strip()
    for line_break in ("\r\n", "\r", "\u2028", "\u2029"):
        text = text.replace(line_break, "\n")
    if len(text) > most:
        raise Refused(
            "too_long", _("At most %(most)d characters, please; this has %(count)d.") % _counts(most, text), field
        )
    _refuse_unusable(text, field, allowed="\n\t")
    return text


def _counts(most: int, text: str) -> dict[str, int]:
    return {"most": most, "count": len(text)}


def _refuse_unusable(text: str, field: str, *, allowed: str) -> None:
    if any((unicodedata.category(char) in UNUSABLE or char in MISLEADING) and char not in allowed for char in text):
        raise Refused(
            "not_one_line", _("Only printable characters, please: no line breaks or control characters."), field
        )
