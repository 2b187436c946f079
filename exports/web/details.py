"""An export's own page: what the person sees of it and may do with it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import gettext as _

from exports.models import DerivedFile, Download, Export, Requester, Role, Status, User
from exports.services import describe, events, expire
from exports.services.bump import may_be_bumped
from exports.services.describe import Entry
from exports.services.former import may_be_taken_over
from exports.services.health import Health
from exports.services.masking import mask_for
from exports.templatetags.portal import count
from exports.web import times
from exports.web.explain import (
    DELIMITERS,
    EVENT_ICONS,
    FORMATS,
    OTHER_EVENT_ICON,
    TONE_ICONS,
    TYPES,
    TypeWords,
    labels_of,
)
from exports.web.files import Format, formats_of, sheets_of
from exports.web.ranges import MILLISECOND
from exports.web.rows import RowView, needs_change, row_view, title_of

DOWNLOADS_SHOWN = 20
SIGNS = {"comma": ",", "semicolon": ";", "tab": "⇥"}


@dataclass(frozen=True)
class May:
    """What the person may do with the export now; the services check again."""

    cancel: bool
    leave: bool
    run_again: bool
    ask_next: bool
    extend: bool
    pin: bool
    unpin: bool
    delete: bool
    manage: bool
    take_over: bool
    bump: bool


@dataclass(frozen=True)
class Line:
    """One line of the timeline with its icon."""

    at: datetime
    sentence: str
    actor: str
    icon: str
    tone: str


@dataclass(frozen=True)
class Taken:
    """One download, whole or of a part."""

    at: datetime
    who: str
    format: str
    bytes: int


@dataclass(frozen=True)
class Detail:
    """Everything on the page."""

    row: RowView
    may: May
    lines: tuple[Line, ...]
    formats: tuple[Format, ...]
    is_masked: bool
    requesters: tuple[str, ...]
    wanted: tuple[str, ...]
    leading: tuple[Format, ...]
    sheets: int
    delimiters: tuple[tuple[str, str, str], ...]
    downloads: tuple[Taken, ...]
    more_downloads: bool
    removed_by: str
    latest: datetime | None
    usual_span: timedelta
    type_words: TypeWords
    span: str
    seconds_waiting: float | None
    seconds_working: float | None
    receipt_text: str
    needs_change: bool


def detail_of(export: Export, person: User, health: Health, *, read_at: datetime) -> Detail:
    """Return what the page shows (its workspace, host and requester loaded with the export).

    Args:
        read_at: just before the export was read. While it runs, what happened later waits for the next look: it would
            contradict the state.
    """
    now = timezone.now()
    problem = describe.problem_of(export)
    is_ready = export.status == Status.READY
    mask = mask_for(person, export.workspace)
    places = describe.queue_positions([export])
    seats = Requester.objects.filter(export=export).select_related("user").order_by("joined_at")
    requesters = [seat.user for seat in seats]
    chosen = {name for seat in seats if seat.user == person for name in seat.formats}
    formats = formats_of(export, list(DerivedFile.objects.filter(export=export)) if is_ready else [], mask)
    story = describe.timeline(export)
    taken = list(Download.objects.filter(export=export).select_related("user")[: DOWNLOADS_SHOWN + 1])
    return Detail(
        row=row_view(export, now=now, place=places.get(export.pk), health=health),
        may=_may(export, person, is_requester=person in requesters),
        lines=tuple(_line(one) for one in story if one.at <= read_at or not export.is_active),
        is_masked=bool(mask),
        formats=formats,
        leading=tuple(one for one in formats if one.name in chosen and one.state == DerivedFile.State.READY),
        sheets=sheets_of(export),
        delimiters=tuple((name, str(label), SIGNS[name]) for name, label in DELIMITERS.items()),
        requesters=tuple(str(one) for one in requesters),
        wanted=() if export.ended_at else tuple(labels_of(name for name in FORMATS if name in chosen)),
        downloads=tuple(
            Taken(one.at, str(one.user or _("somebody who has left")), str(FORMATS[one.format].label), one.bytes)
            for one in taken[:DOWNLOADS_SHOWN]
        ),
        more_downloads=len(taken) > DOWNLOADS_SHOWN,
        removed_by=next((str(one.actor) for one in story if one.code == events.DELETED and one.actor), ""),
        latest=expire.latest_moment(export) if is_ready else None,
        usual_span=timedelta(hours=export.workspace.kept_hours),
        type_words=TYPES[export.data_type],
        span=times.length(export.range_to - export.range_from + MILLISECOND),
        # Never seen being made: the row then holds bounds, which help to plan but are no receipt.
        seconds_waiting=export.upstream_wait_seconds if export.running_since else None,
        seconds_working=export.upstream_work_seconds if export.running_since else None,
        receipt_text=_receipt_text(export) if export.rows is not None else "",
        needs_change=needs_change(problem),
    )


def _receipt_text(export: Export) -> str:
    """Return the receipt as lines to paste into a ticket or a mail."""
    lines = [
        (_("Export"), f"{title_of(export)}, {export.workspace.name}, {export.get_data_type_display()}"),
        (_("From"), times.utc_text(export.range_from)),
        (_("To, included"), times.utc_text(export.range_to)),
        (_("Rows"), count(export.rows)),
        (_("Bytes"), count(export.bytes)),
        ("SHA-256", export.sha256),
        (_("Ready"), times.utc_text(export.ready_at) if export.ready_at else ""),
        (_("Number"), str(export.pk)),
    ]
    return "\n".join(_("%(label)s: %(value)s") % {"label": label, "value": value} for label, value in lines if value)


def _may(export: Export, person: User, *, is_requester: bool) -> May:
    role = export.workspace.role_of(person)
    is_member = role is not None and role.may_ask
    manages = role is Role.MANAGER
    owns = is_member and is_requester
    is_ready = export.status == Status.READY
    return May(
        cancel=export.is_active and (manages or owns),
        leave=export.is_active and owns and not manages,
        run_again=is_member and not export.is_active and export.workspace.archived_at is None,
        ask_next=is_member and export.workspace.archived_at is None,
        extend=expire.can_be_extended(export) and (manages or (owns and not export.extended)),
        pin=is_ready and manages and export.pinned_at is None,
        unpin=is_ready and manages and export.pinned_at is not None,
        delete=is_ready and (manages or owns),
        manage=manages,
        take_over=manages and may_be_taken_over(export),
        bump=manages and may_be_bumped(export),
    )


def _line(entry: Entry) -> Line:
    icon = TONE_ICONS.get(entry.tone) or EVENT_ICONS.get(entry.code, OTHER_EVENT_ICON)
    tone = {"plain": "idle", "ended": "idle"}.get(entry.tone, entry.tone)
    return Line(entry.at, entry.sentence, str(entry.actor or ""), icon, tone)


def is_whole_days(export: Export) -> bool:
    """Tell whether the range covers whole days of the workspace."""
    return times.covers_whole_days(export.range_from, export.range_to, ZoneInfo(export.workspace.time_zone))
