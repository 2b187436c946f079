"""Parts of pages as HTML, made once for all who see the same of them.

Thirty rows took a third of a page's time, at each look that an open page takes every three seconds.
"""

from collections.abc import Hashable
from datetime import timedelta
from functools import lru_cache

from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from exports.models import Role
from exports.web.explain import USUAL_FORMATS
from exports.web.places import Place
from exports.web.rows import RowView

MINUTE = timedelta(minutes=1)
KEPT = 1_000  # rows, some 4 kB each


def row_html(row: RowView, *, is_mine: bool, role: Role | None) -> SafeString:
    """Return the row of an export, in the language and time zone that are active.

    Args:
        is_mine: whether who looks is who asked.
        role: of who looks, in the row's workspace.
    """
    now = timezone.now()
    return _kept(
        "exports/desk_row.html",
        row=row,
        is_mine=is_mine,
        is_masked=row.is_masked_for(role),
        again=row.again_for(role),
        deeds=row.deeds_for(role),
        # What a row says of these changes by the minute.
        passed=tuple(at and (at - now) // MINUTE for at in (row.created_at, row.since, row.until, row.expires_at)),
    )


def paused_html(place: Place) -> SafeString:
    """Return the notice of a workspace that is paused, in the language and time zone that are active."""
    return _kept("fragments/paused.html", place=place)


def _kept(template: str, **context: Hashable) -> SafeString:
    return _rendered(template, get_language(), timezone.get_current_timezone_name(), **context)


@lru_cache(KEPT)
def _rendered(template: str, _language: str | None, _zone: str, **context: Hashable) -> SafeString:
    # Nothing of the request is at hand: what is not among the arguments must not be said. The formats are always the
    # same, and to compare them would look their words up.
    return render_to_string(template, {"usual_formats": USUAL_FORMATS} | context)
