"""Pages of long lists by keyset: the cost of a page doesn't grow with its number, and new rows shift nothing."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import BooleanField, Func, Model, Q, QuerySet
from django.utils.translation import gettext as _

from exports.services.compiled import CompiledQuery, Slot
from exports.services.refusals import Refused

LIMIT_MOST = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LARGEST_KEY = 2**63 - 1

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Page(Generic[M]):
    """Some rows, and the cursor of the page after them (None on the last)."""

    items: list[M]
    next_cursor: str | None


class _IsOneOf(Func):
    """True for the values that a query finds, which is answered once.

    Where PostgreSQL takes a table for an empty one, as its statistics are old, an ordinary ``IN`` has it ask anew for
    each row.
    """

    arg_joiner = " IN "
    template = "%(expressions)s"
    output_field = BooleanField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="%(expressions)s)", arg_joiner=" = ANY(ARRAY", **context)


def keyset_page(
    rows: QuerySet[M],
    *,
    time_field: str,
    cursor: str | None,
    limit: int,
    newest_first: bool = True,
    whole: Callable[[], QuerySet[M]] | None = None,
) -> Page[M]:
    """Return one page in the order (time, key), with one query.

    Args:
        rows: filtered, with whatever related rows it shall bring.
        whole: brings the related rows instead, for the keys of the page alone; a function that is always the same, as
            its SQL is kept. A database that joins while it still looks for them may begin at the other end, and sort a
            whole table for thirty rows.
        time_field: a date-time column that is never null.
        cursor: the ``next_cursor`` of the page before, or None for the first.
        limit: 1 to `LIMIT_MOST` rows.

    Raises:
        Refused: the cursor is none of ours, or the limit is out of range.
    """
    check_limit(limit)
    rows = beyond(rows, time_field, cursor, newest_first)[: limit + 1]
    found = list(rows) if whole is None else _with_keys(whole, time_field, newest_first).ask(keys=rows.values("pk"))
    items = found[:limit]
    return Page(items, _encode(items[-1], time_field) if len(found) > limit else None)


@cache
def _with_keys(whole: Callable[[], QuerySet[M]], time_field: str, newest_first: bool) -> CompiledQuery[M]:
    def rows() -> QuerySet[M]:
        among = whole()
        keys = Slot("keys", among.model._meta.pk)
        return _in_order(among.filter(_IsOneOf("pk", keys)), time_field, newest_first)

    return CompiledQuery(rows)


def check_limit(limit: int) -> None:
    """Refuse a page of no rows, or of too many.

    Raises:
        Refused: ``limit_out_of_range``.
    """
    if not 1 <= limit <= LIMIT_MOST:
        raise Refused("limit_out_of_range", _("The limit is 1 to %(most)d.") % {"most": LIMIT_MOST}, "limit")


def beyond(rows: QuerySet[M], time_field: str, cursor: str | None, newest_first: bool = True) -> QuerySet[M]:
    """Return the rows that come after a cursor, in the order of the list; all without one.

    Raises:
        Refused: the cursor is none of ours.
    """
    rows = _in_order(rows, time_field, newest_first)
    if not cursor:
        return rows
    at, key = _decode(cursor, rows.model)
    then = "lt" if newest_first else "gt"
    # The first condition repeats what the second says, in a form that an index can start from.
    return rows.filter(
        Q(**{f"{time_field}__{then}e": at}),
        Q(**{f"{time_field}__{then}": at}) | Q(**{time_field: at, f"pk__{then}": key}),
    )


def _in_order(rows: QuerySet[M], time_field: str, newest_first: bool) -> QuerySet[M]:
    sign = "-" if newest_first else ""
    return rows.order_by(f"{sign}{time_field}", f"{sign}pk")


def _encode(row: Model, time_field: str) -> str:
    micros = (getattr(row, time_field) - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(json.dumps([micros, str(row.pk)]).encode()).decode().rstrip("=")


def _decode(cursor: str, model: type[Model]) -> tuple[datetime, Any]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        micros, key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        if type(micros) is not int or not isinstance(key, str) or len(key) > 40:
            raise ValueError
        at = EPOCH + timedelta(microseconds=micros)
        pk = model._meta.pk.to_python(key)
        if isinstance(pk, int) and abs(pk) > LARGEST_KEY:
            raise ValueError
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error, ValidationError):
        raise Refused("cursor_invalid", _("This cursor is none of ours. Start again without one."), "cursor") from None
    return at, pk
