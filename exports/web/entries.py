"""Entries of the record as the page shows them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.translation import gettext as _

from exports.models import AuditEntry, DataType, Export
from exports.web import times
from exports.web.audit_words import DEEDS, DETAILS, detail, subject_of

ORDER = {key: place for place, key in enumerate(DETAILS)}


@dataclass(frozen=True)
class EntryView:
    """One entry."""

    at: datetime
    who: str
    as_site_administrator: bool
    icon: str
    label: str
    subject: str
    subject_url: str
    subject_id: str
    details: str
    workspace: str
    workspace_url: str
    address: str


def entry_views(entries: Sequence[AuditEntry]) -> list[EntryView]:
    """Return the views of a page of entries, those of exports with what each asked for (one query)."""
    keys = {key for entry in entries if (key := _export_key(entry)) is not None}
    exports = Export.objects.select_related("workspace").in_bulk(keys) if keys else {}
    return [_view(entry, exports) for entry in entries]


def _view(entry: AuditEntry, exports: Mapping[UUID, Export]) -> EntryView:
    deed = DEEDS[entry.action]
    key = _export_key(entry)
    export = exports.get(key) if key is not None else None
    # What the export's name says is not said again.
    data = {name: value for name, value in entry.data.items() if export is None or name not in ("type", "from", "to")}
    return EntryView(
        at=entry.at,
        who=entry.actor_email or (_("somebody unknown") if entry.address else _("the portal")),
        as_site_administrator=entry.as_site_administrator,
        icon=deed.icon,
        label=str(deed.label),
        subject=_subject(entry, export),
        subject_url=reverse("export", args=[key]) if key is not None else "",
        subject_id=entry.subject if export is not None else "",
        details=" · ".join(
            _("%(label)s: %(value)s") % {"label": DETAILS.get(key, key), "value": detail(key, value)}
            for key, value in sorted(data.items(), key=_place)
        ),
        workspace=entry.workspace_name,
        workspace_url=reverse("workspace", args=[entry.workspace_id]) if entry.workspace_id else "",
        address=entry.address or "",
    )


def _place(item: tuple[str, object]) -> tuple[int, str]:
    key = item[0]
    return (ORDER.get(key, len(ORDER)), key)


def _export_key(entry: AuditEntry) -> UUID | None:
    if not entry.action.startswith("export.") or entry.workspace_id is None:
        return None
    try:
        return UUID(entry.subject)
    except ValueError:
        return None


def _subject(entry: AuditEntry, export: Export | None) -> str:
    if export is not None:
        zone = ZoneInfo(export.workspace.time_zone)
        window = times.window(export.range_from, export.range_to, zone)
        letters = times.zone_of_days(export.range_from, export.range_to, zone)
        kind = str(DataType(export.data_type).label)
        return " · ".join(filter(None, (export.name, kind, f"{window} {letters}".strip())))
    return "" if entry.subject == entry.actor_email else subject_of(entry.action, entry.subject)
