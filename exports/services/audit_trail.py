"""Reading the record of deeds: a site administrator all of it, a manager that of one workspace."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from exports.analytics_cloud.dates import format_instant
from exports.models import AuditEntry, Role, User, Workspace
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.paging import Page, keyset_page
from exports.services.refusals import Refused
from exports.services.roles import require_role, require_site_administrator
from exports.services.texts import clean_line

CHUNK = 1000
PERSON_MOST = 254
SUBJECT_MOST = 200
COLUMNS = ("at", "action", "person", "as_site_administrator", "workspace", "subject", "address", "data")
# A spreadsheet reads a cell that begins so as a formula (as in exports/files/frames.py).
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


@dataclass(frozen=True)
class TrailFilters:
    """What to show; the empty value of each means everything.

    Attributes:
        action: exactly this one, or all of a family (``export.``).
        person: part of the e-mail address of who did it, or of whom it was done to.
        subject: exactly this, such as an export's id.
        since: from this moment on.
        until: before this moment.
    """

    action: str = ""
    person: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None


def checked_filters(filters: TrailFilters) -> TrailFilters:
    """Return the filters in the form they are used in.

    Raises:
        Refused: no such action, a text that no address can be, or an end before the beginning.
    """
    known = audit_log.ALL_ACTIONS | {f"{action.partition('.')[0]}." for action in audit_log.ALL_ACTIONS}
    if filters.action and filters.action not in known:
        raise Refused("unknown_action", _("There is no such kind of entry."), "action")
    if filters.since is not None and filters.until is not None and filters.since >= filters.until:
        raise Refused("range_order", _("The end lies before the beginning."), "until")
    return replace(
        filters,
        person=clean_line(filters.person, field="person", most=PERSON_MOST).lower(),
        subject=clean_line(filters.subject, field="subject", most=SUBJECT_MOST),
    )


def trail(*, reader: User, workspace: Workspace | None, filters: TrailFilters) -> QuerySet[AuditEntry]:
    """Return the entries a person may read.

    Args:
        workspace: only its entries; None: all there are.
        filters: from `checked_filters`.

    Raises:
        Forbidden: not a manager of the workspace; for all there are, not a site administrator.
    """
    if workspace is None:
        require_site_administrator(reader)
        rows = AuditEntry.objects.all()
    else:
        require_role(reader, workspace, Role.MANAGER)
        rows = AuditEntry.objects.filter(workspace=workspace)
    if filters.action.endswith("."):
        rows = rows.filter(action__startswith=filters.action)
    elif filters.action:
        rows = rows.filter(action=filters.action)
    if filters.person:
        rows = rows.filter(Q(actor_email__icontains=filters.person) | Q(subject__icontains=filters.person))
    if filters.subject:
        rows = rows.filter(subject=filters.subject)
    if filters.since is not None:
        rows = rows.filter(at__gte=filters.since)
    if filters.until is not None:
        rows = rows.filter(at__lt=filters.until)
    return rows


def page_of_trail(rows: QuerySet[AuditEntry], *, cursor: str | None, limit: int) -> Page[AuditEntry]:
    """Return a page of entries with their people, the newest first (one query).

    Raises:
        Refused: the cursor is none of ours.
    """
    return keyset_page(rows.select_related("actor"), time_field="at", cursor=cursor, limit=limit)


def note_taken(*, reader: User, workspace: Workspace | None, format: str) -> None:  # noqa: A002 - the field's word
    """Put on record that somebody takes the record away."""
    record_audit(audit_log.RECORD_TAKEN, actor=reader, workspace=workspace, format=format)


def as_csv(rows: QuerySet[AuditEntry]) -> Iterator[bytes]:
    """Yield the entries, the oldest first, as CSV (RFC 4180, with the byte order mark that Excel needs).

    Texts that a spreadsheet would read as formulas get an apostrophe in front.
    """
    yield "\ufeff".encode()
    yield _line(COLUMNS)
    for chunk in _chunks(rows):
        yield b"".join(
            _line([_guarded(value if isinstance(value, str) else _json(value)) for value in _document(entry).values()])
            for entry in chunk
        )


def as_json_lines(rows: QuerySet[AuditEntry]) -> Iterator[bytes]:
    """Yield the entries, the oldest first, one JSON object a line."""
    for chunk in _chunks(rows):
        yield b"".join(_json(_document(entry)).encode() + b"\n" for entry in chunk)


def _chunks(rows: QuerySet[AuditEntry]) -> Iterator[list[AuditEntry]]:
    """Yield all rows in short queries: a slow reader keeps neither a transaction nor a cursor open."""
    cursor: tuple[datetime, int] | None = None
    while True:
        part = rows.order_by("at", "pk")
        if cursor is not None:
            at, key = cursor
            part = part.filter(Q(at__gte=at), Q(at__gt=at) | Q(at=at, pk__gt=key))
        chunk = list(part[:CHUNK])
        if chunk:
            yield chunk
        if len(chunk) < CHUNK:
            return
        cursor = (chunk[-1].at, chunk[-1].pk)


def _document(entry: AuditEntry) -> dict[str, Any]:
    return {
        "at": format_instant(entry.at),
        "action": entry.action,
        "person": entry.actor_email,
        "as_site_administrator": entry.as_site_administrator,
        "workspace": entry.workspace_name,
        "subject": entry.subject,
        "address": entry.address or "",
        "data": entry.data,
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA_BEGINS) else text


def _line(values: Any) -> bytes:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(values)
    return line.getvalue().encode()
