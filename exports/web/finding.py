"""What the palette and the search page find: exports, workspaces and pages, of what the person may see."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.models import DataType, Export, Status, User
from exports.services.listing import Filters, list_exports
from exports.services.paging import LIMIT_MOST
from exports.web import times
from exports.web.explain import STATUSES, TYPES
from exports.web.places import Place, Places, places_of
from exports.web.rows import title_of

EXPORTS_SHOWN = 8
WORKSPACES_SHOWN = 6


@dataclass(frozen=True)
class Found:
    """One thing to go to."""

    url: str
    icon: str
    title: str
    note: str = ""
    status: str = ""
    tone: str = ""
    words: str = ""

    def matches(self, words: Sequence[str]) -> bool:
        """True when every word stands somewhere in it."""
        text = f"{self.title} {self.note} {self.status} {self.words}".casefold()
        return all(word in text for word in words)


@dataclass(frozen=True)
class Group:
    """Things of one kind."""

    title: str
    items: tuple[Found, ...]


def find(user: User, text: str) -> list[Group]:
    """Return what matches all words of a text; without one, what is at hand (five queries at most).

    Exports are looked for among the newest: a key press must not read a whole table. The list itself looks through all.
    """
    words = text.casefold().split()
    places = places_of(user)
    newest = list_exports(user=user, filters=Filters(), limit=LIMIT_MOST)
    exports = _matching(map(_export, newest.items), words)[:EXPORTS_SHOWN]
    pages = _matching(_pages(user, places), words)
    if words:
        everywhere = f"{reverse('export-list')}?{urlencode({'q': text})}"
        exports.append(Found(everywhere, "list-details", _("All exports with “%(text)s”") % {"text": text}))
    groups = [
        # First, as Enter opens the first thing found: exports match by so much more than their names.
        Group(_("Pages"), tuple(pages)),
        Group(_("Exports"), tuple(exports)),
        Group(_("Workspaces"), tuple(_matching(map(_workspace, places), words)[:WORKSPACES_SHOWN])),
    ]
    return [group for group in groups if group.items]


def said_of(groups: Sequence[Group]) -> str:
    """Return how much was found, for a screen reader."""
    number = sum(len(group.items) for group in groups)
    return ngettext("%(n)s thing found", "%(n)s things found", number) % {"n": number}


def _matching(things: Iterable[Found], words: Sequence[str]) -> list[Found]:
    return [one for one in things if one.matches(words)]


def _export(export: Export) -> Found:
    kind = str(DataType(export.data_type).label)
    window = times.window(export.range_from, export.range_to, ZoneInfo(export.workspace.time_zone))
    title = title_of(export)
    return Found(
        url=export.get_absolute_url(),
        icon=TYPES[export.data_type].icon,
        title=title,
        note=" · ".join(part for part in (kind if kind != title else "", export.workspace.name, window) if part),
        status=str(Status(export.status).label),
        tone=STATUSES[export.status].tone,
        words=f"{export.data_type} {export.pk} {export.requested_by.email} {export.requested_by.name}",
    )


def _workspace(place: Place) -> Found:
    note = _("paused") if place.paused_at is not None else ""
    return Found(reverse("workspace", args=[place.id]), "briefcase", place.name, note)


def _pages(user: User, places: Places) -> list[Found]:
    pages = [Found(reverse("export-new"), "plus", _("New export"), words=_("create ask"))] if places.may_ask else []
    pages += [
        Found(reverse("export-list"), "list-details", _("Exports")),
        Found(reverse("week"), "chart-bar", _("Last 7 days"), words=_("week charts statistics")),
        Found(reverse("workspace-list"), "briefcase", _("Workspaces")),
        Found(
            reverse("account"),
            "user-circle",
            _("Your account"),
            words=_("settings language time zone password API tokens"),
        ),
    ]
    if any(one.may_manage for one in places):
        pages.append(Found(reverse("approval-list"), "hand-stop", _("Approvals")))
    if user.is_superuser:
        pages += [
            Found(reverse("workspace-new"), "plus", _("New workspace")),
            Found(reverse("audit"), "clipboard-list", _("Record")),
            Found(reverse("admin:index"), "tool", _("Administration")),
        ]
    return pages
