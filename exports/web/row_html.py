"""A row of the list as HTML, made once for all who see the same of it.

Thirty rows took a third of a page's time, at each look that an open page takes every three seconds.
"""

from datetime import datetime, timedelta
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from exports.models import Role
from exports.web.explain import USUAL_FORMATS
from exports.web.rows import RowView

MINUTE = timedelta(minutes=1)
KEPT = 1_000  # rows, some 4 kB each


def row_html(row: RowView, *, is_mine: bool, role: Role | None) -> SafeString:
    """Return the row, in the language and time zone that are active.

    Args:
        is_mine: whether who looks is who asked.
        role: of who looks, in the row's workspace.
    """
    now = timezone.now()
    # What a row says of these changes by the minute.
    passed = tuple(at and (at - now) // MINUTE for at in (row.created_at, row.since, row.until, row.expires_at))
    here = get_language() or "", timezone.get_current_timezone_name()
    return _rendered(row, is_mine, row.is_masked_for(role), row.again_for(role), row.deeds_for(role), passed, *here)


@lru_cache(KEPT)
def _rendered(
    row: RowView,
    is_mine: bool,
    is_masked: bool,
    again: str,
    deeds: str,
    _passed: tuple[int | datetime | None, ...],
    _language: str,
    _zone: str,
) -> SafeString:
    # Nothing of the request is at hand: what is not among the arguments must not be said.
    context = {"row": row, "is_mine": is_mine, "is_masked": is_masked, "again": again, "deeds": deeds}
    context["usual_formats"] = USUAL_FORMATS
    return render_to_string("exports/desk_row.html", context)
