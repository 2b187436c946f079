"""Moments in the API: ISO 8601 in, UTC with milliseconds and `Z` out (design.md §6)."""

import re
from datetime import UTC, datetime
from typing import Annotated

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

from exports.analytics_cloud.dates import YEARS, format_instant

_MOMENT = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::(\d{2})(?:[.,](\d{1,30}))?)?(Z|[+-]\d{2}(?::?\d{2})?)",
    re.IGNORECASE | re.ASCII,
)
_WITHOUT_ZONE = re.compile(r"\d{4}-\d{2}-\d{2}([T ][\d:.,]*)?", re.IGNORECASE | re.ASCII)

HOW = gettext_lazy(
    "Write it in ISO 8601 with its offset, such as 2026-10-01T00:00:00.000Z or 2026-10-01T09:00:00+09:00."
)


def parse_moment(value: object) -> datetime:
    """Return the UTC moment that ISO 8601 text names, rounded down to the millisecond.

    Raises:
        ValueError: no such text, no offset, no such day or time, or a year outside 1970 to 2199. The message never
            repeats the text.
    """
    if not isinstance(value, str):
        raise ValueError(str(HOW))
    found = _MOMENT.fullmatch(value.strip())
    if found is None:
        if _WITHOUT_ZONE.fullmatch(value.strip()):
            raise ValueError(_("The offset from UTC is missing. %(how)s") % {"how": HOW})
        raise ValueError(str(HOW))
    day, minutes, seconds, fraction, offset = found.groups()
    millis = (fraction or "")[:3].ljust(3, "0")
    try:
        moment = datetime.fromisoformat(f"{day}T{minutes}:{seconds or '00'}.{millis}{offset.upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(_("There is no such day or time.")) from None
    if moment.year not in YEARS:
        raise ValueError(
            _("The year is out of range: %(first)d to %(last)d.") % {"first": YEARS.start, "last": YEARS.stop - 1}
        )
    return moment


def _validated(value: object) -> datetime:
    try:
        return parse_moment(value)
    except ValueError as error:
        raise PydanticCustomError("moment", "{sentence}", {"sentence": str(error)}) from None


_EXAMPLE = {"type": "string", "format": "date-time", "examples": ["2026-10-01T00:00:00.000Z"]}
_SCHEMA = WithJsonSchema(_EXAMPLE)
# What is said to be accepted is narrower than what is understood.
_SCHEMA_IN = WithJsonSchema(
    _EXAMPLE | {"pattern": r"^(19[789]\d|2[01]\d\d)-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
)

# As it comes in a body.
MomentIn = Annotated[datetime, PlainValidator(_validated), _SCHEMA_IN]
# As it goes out: rows hold moments already.
MomentOut = Annotated[
    datetime, PlainValidator(lambda value: value), PlainSerializer(format_instant, return_type=str), _SCHEMA
]
