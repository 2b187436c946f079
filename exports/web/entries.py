"""Entries of the record as the page shows them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.urls import reverse
from django.utils.translation import gettext as _

from exports.models import AuditEntry
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
    details: str
    workspace: str
    workspace_url: str
    address: str


def entry_views(entries: Sequence[AuditEntry]) -> list[EntryView]:
    """Return the views of a page of entries (their people loaded with them)."""
    return [_view(entry) for entry in entries]


def _view(entry: AuditEntry) -> EntryView:
    deed = DEEDS[entry.action]
    return EntryView(
        at=entry.at,
        who=entry.actor_email or (_("somebody unknown") if entry.address else _("the portal")),
        as_site_administrator=entry.as_site_administrator,
        icon=deed.icon,
        label=str(deed.label),
        subject="" if entry.subject == entry.actor_email else subject_of(entry.action, entry.subject),
        subject_url=_export_url(entry),
        details=" · ".join(
            _("%(label)s: %(value)s") % {"label": DETAILS.get(key, key), "value": detail(key, value)}
            for key, value in sorted(entry.data.items(), key=_place)
        ),
        workspace=entry.workspace_name,
        workspace_url=reverse("workspace", args=[entry.workspace_id]) if entry.workspace_id else "",
        address=entry.address or "",
    )


def _place(item: tuple[str, object]) -> tuple[int, str]:
    key = item[0]
    return (ORDER.get(key, len(ORDER)), key)


def _export_url(entry: AuditEntry) -> str:
    if not entry.action.startswith("export.") or entry.workspace_id is None:
        return ""
    try:
        return reverse("export", args=[UUID(entry.subject)])
    except ValueError:
        return ""
