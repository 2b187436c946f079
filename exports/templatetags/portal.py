"""What templates say in one word: icons, times, sizes, addresses of files."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from django import template
from django.contrib.staticfiles import finders
from django.core.serializers.json import DjangoJSONEncoder
from django.forms import BoundField
from django.templatetags.static import static
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from exports.models import Role, Scope, User
from exports.web import times
from exports.web.kept_html import paused_html, row_html
from exports.web.options import options
from exports.web.places import Places
from exports.web.rows import RowView

register = template.Library()
register.simple_tag(options)
register.simple_tag(paused_html, name="paused_notice")

SPRITE = "exports/vendor/tabler-icons-3.51.0/sprite.svg"
UNITS = ("B", "kB", "MB", "GB", "TB")


def _stamp(path: str) -> str:
    found = finders.find(path)
    assert isinstance(found, str), f"static file {path} is missing"
    return hashlib.sha256(Path(found).read_bytes()).hexdigest()[:10]


@register.simple_tag
def gap() -> str:
    """Return what stands between two sentences: a space in English; a Japanese full stop brings its own."""
    # Translators: in Japanese a zero-width space, as an empty text would stand for "not translated".
    return pgettext("between two sentences", " ")


@register.simple_tag
@cache
def asset(path: str) -> str:
    """Return a static file's address with a stamp of its bytes: a new version is never hidden by a cache."""
    return f"{static(path)}?v={_stamp(path)}"


@register.simple_tag
def place_options(places: Places, chosen: UUID | None) -> SafeString:
    """Return the options of a choice of workspaces."""
    return places.options(str(chosen))


@register.simple_tag
def export_row(row: RowView, person: User, roles: Mapping[str, Role]) -> SafeString:
    """Return a row of the list of exports; `roles` are the person's, by workspace."""
    return row_html(row, is_mine=row.requested_by_id == person.pk, role=roles.get(row.workspace_id))


@register.simple_tag
@cache
def icon(name: str, extra: str = "") -> SafeString:
    """Return an icon for the eye only; the word beside it carries the meaning."""
    return format_html(
        '<svg class="icon{}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        f" {extra}" if extra else "",
        asset(SPRITE),
        name,
    )


def _time(at: datetime, text: str, kind: str = "", *, title: str = "") -> SafeString:
    """Return an element of `text`; `kind` has the pages' script keep it true, `title` tells the moment."""
    stamp, title = at.astimezone(UTC).isoformat(timespec="milliseconds"), title or times.moment(at)
    if kind:
        return format_html('<time datetime="{}" title="{}" data-live="{}">{}</time>', stamp, title, kind, text)
    return format_html('<time datetime="{}" title="{}">{}</time>', stamp, title, text)


@register.filter
def moment(at: datetime | None) -> SafeString | str:
    """Show day, minute and zone in the person's zone."""
    if not at:
        return ""
    text = times.moment(at)
    return _time(at, text, title=text)


@register.filter
def plain_moment(at: datetime | None) -> str:
    """Show day, minute and zone as text alone, for places where no element can stand."""
    return times.moment(at) if at else ""


@register.filter
def moment_in(at: datetime | None, zone: str) -> SafeString | str:
    """Show day, minute and zone in the zone of that name."""
    return _time(at, times.moment(at, ZoneInfo(zone))) if at else ""


@register.filter
def exact(at: datetime | None) -> SafeString | str:
    """Show day, millisecond and zone in the person's zone."""
    return _time(at, times.exact(at)) if at else ""


@register.filter
def exact_in(at: datetime | None, zone: str) -> SafeString | str:
    """Show day, millisecond and zone in the zone of that name."""
    return _time(at, times.exact(at, ZoneInfo(zone))) if at else ""


@register.filter
def utc(at: datetime | None) -> SafeString | str:
    """Show what is sent to Analytics Cloud."""
    return _time(at, times.utc_text(at)) if at else ""


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """Show how long ago; the pages' script keeps it true."""
    return _time(at, times.ago(at, timezone.now()), "ago") if at else ""


@register.filter
def left(until: datetime | None) -> SafeString | str:
    """Show how much time is left; the pages' script keeps it true."""
    return _time(until, times.left(until, timezone.now()), "left") if until else ""


@register.filter
def lasted(since: datetime | None) -> SafeString | str:
    """Show for how long; the pages' script keeps it true."""
    if since is None:
        return ""
    now = timezone.now()
    return _time(since, times.left(max(now, since + timedelta(seconds=1)), since), "lasted")


@register.filter
def duration(span: timedelta | float | None) -> str:
    """Show a duration (a timedelta, or seconds)."""
    if span is None:
        return ""
    return times.length(span if isinstance(span, timedelta) else timedelta(seconds=span))


@register.filter
def size(count: int | None) -> str:
    """Show a number of bytes in the unit people would use (1 kB = 1000 B)."""
    if count is None:
        return ""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    digits = 0 if unit == 0 or value >= 99.5 else 1
    return f"{number_format(value, digits)} {UNITS[unit]}"


@register.filter
def count(number: int | None) -> str:
    """Show a whole number with separators."""
    return "" if number is None else number_format(number, 0, force_grouping=True, use_l10n=True)


@register.filter
def yes_no(value: object) -> str:
    """Show a truth as a word."""
    return _("yes") if value else _("no")


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: object) -> str:
    """Return the address's query with some values changed (None or empty removes one)."""
    values = context["request"].GET.copy()
    for name, value in changes.items():
        values.pop(name, None)
        if value not in (None, ""):
            values[name] = str(value)
    return f"?{values.urlencode()}" if values else "?"


@register.filter
def with_class(field: BoundField, name: str) -> SafeString:
    """Render a field's own widget with a CSS class, marked when its value was refused."""
    return field.as_widget(attrs={"class": f"{name} is-invalid" if field.errors else name})


@register.simple_tag
def refused(field: BoundField, described_by: str = "") -> SafeString:
    """Return the attributes that tell a refused field's trouble to who can't see its colour; "" while it is fine.

    Args:
        described_by: the id of what describes the field in any case, a hint.
    """
    about = [described_by] if described_by else []
    attributes = []
    if field.errors:
        attributes.append(("aria-invalid", "true"))
        trouble = f"{field.auto_id}_error"
        about = [trouble, *(other for other in about if other != trouble)]
    if about:
        attributes.append(("aria-describedby", " ".join(about)))
    return format_html_join(" ", '{}="{}"', attributes)


@register.filter
def listed(words: Iterable[str]) -> str:
    """Show words one after another, with the language's own separator."""
    return pgettext("between the items of a list", ", ").join(words)


@register.filter
def scope_words(scopes: list[str]) -> str:
    """Show what an API token may, in words."""
    return listed(str(Scope(scope).label) for scope in scopes)


@register.filter
def as_json(value: object) -> str:
    """Return a value as JSON, for a data attribute that a script of ours reads."""
    return json.dumps(value, cls=DjangoJSONEncoder)


# The first that is found counts: browsers carry the names of those they want to be taken for.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (
    ("Windows", "Windows"),
    ("Android", "Android"),
    (r"iPhone|iPad", "iOS"),
    ("Mac OS X", "macOS"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@register.filter
def browser_words(user_agent: str) -> str:
    """Show which browser on which system, as far as it says; what says neither is shown as it is, cut."""
    browser = next((name for mark, name in BROWSERS if re.search(mark, user_agent)), "")
    system = next((name for mark, name in SYSTEMS if re.search(mark, user_agent)), "")
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or user_agent[:60] or _("unknown browser")
