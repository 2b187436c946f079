"""Parts of a file by HTTP (RFC 9110 §14): one range, as download managers and `curl -C -` ask for it."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from django.utils.http import parse_http_date_safe

# A number longer than this is no place in any file; int() refuses to read much longer ones.
_SPEC = re.compile(r"bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class ByteRange:
    """The bytes from ``start`` up to but not including ``end``."""

    start: int
    end: int

    @property
    def length(self) -> int:
        """How many bytes."""
        return self.end - self.start


class Unsatisfiable(Exception):
    """The range lies wholly beyond the file: the answer is 416."""


def parse_range(header: str | None, size: int) -> ByteRange | None:
    """Return the one range asked for; None when the whole file is to be sent.

    A header that can't be read, another unit than bytes, and several ranges at once count as not asked.

    Args:
        size: bytes of the file.

    Raises:
        Unsatisfiable: the range begins at or after the end, or is the last zero bytes.
    """
    spec = _SPEC.fullmatch((header or "").strip())
    if spec is None or not (spec[1] or spec[2]):
        return None
    if not spec[1]:
        wanted = min(int(spec[2]), size)
        if not wanted:
            raise Unsatisfiable
        return ByteRange(size - wanted, size)
    start = int(spec[1])
    last = int(spec[2]) if spec[2] else size - 1
    if spec[2] and last < start:
        return None
    if start >= size:
        raise Unsatisfiable
    return ByteRange(start, min(last + 1, size))


def if_range_holds(header: str | None, *, etag: str, last_modified: datetime) -> bool:
    """Tell whether the client's part belongs to this very file, so that a range may follow it.

    Args:
        etag: strong, with its quotes.
    """
    if not header:
        return True
    header = header.strip()
    if header.startswith(('"', "W/")):
        return header == etag  # weak ones never match here (RFC 9110 §13.1.5)
    moment = parse_http_date_safe(header)
    return moment is not None and datetime.fromtimestamp(moment, UTC) == last_modified.replace(microsecond=0)
