"""An export as the list shows it: every value ready, so that templates only place it."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from exports.models import DataType, Export, Membership, Role, Status, User
from exports.services import describe
from exports.services.former import name_of
from exports.services.health import Health
from exports.services.words import Turn
from exports.web import estimates, times
from exports.web.explain import STATUSES, TYPES

EXPIRES_SOON = timedelta(hours=2)
# An estimate is a guess: its bar never claims to be full.
LONGEST_BAR = 95
# Waits that somebody has to end; they stand out.
BLOCKED = frozenset(
    {
        "no_worker",
        "token_missing",
        "token_rejected",
        "token_unreadable",
        "base_url_refused",
        "manager",
        "storage_full",
        "storage_unreachable",
        "upstream_unavailable",
        "our_fault",
    }
)
# Waits whose words are a whole sentence; the others name a thing that is waited for.
SENTENCES = frozenset({"upstream_pending", "upstream_running", "upstream_unavailable", "download", "checking"})


@dataclass(frozen=True)
class RowView:
    """One export in the list."""

    id: str
    url: str
    title: str
    type_label: str
    type_icon: str
    workspace: str
    window: str
    zone: str
    zone_letters: str
    status: str
    status_label: str
    status_icon: str
    tone: str
    turning: bool
    wait: str
    wait_is_thing: bool
    wait_is_blocked: bool
    turn: str
    next_step: str
    since: datetime | None
    until: datetime | None
    estimate: str
    usual: str
    place: int | None
    is_bumped: bool
    percent: int | None
    bytes_received: int | None
    problem: str
    next_action: str
    whose_turn: str
    requested_by: str
    requested_by_id: UUID
    created_at: datetime
    rows: int | None
    bytes: int | None
    expires_at: datetime | None
    expires_soon: bool
    is_pinned: bool
    is_active: bool
    is_ready: bool
    said: str
    workspace_id: str
    masked_roles: tuple[str, ...]
    again: str

    def is_masked_for(self, role: Role | None) -> bool:
        """Tell whether this role gets no original; somebody without one gets no more than the least."""
        return bool(self.masked_roles) and (role is None or role.value in self.masked_roles)

    def deeds_for(self, role: Role | None) -> str:
        """Return what this role may do with it when it is one of several chosen, as the page's style knows it."""
        may_ask = role is not None and role.may_ask
        if self.is_active:
            return "cancel" if may_ask else ""
        if self.is_ready:
            return "repeat download" if may_ask else "download"
        return "repeat" if self.again_for(role) == "run" else ""

    def again_for(self, role: Role | None) -> str:
        """Return what this role may do about a missing file: ``run`` it again, ``change`` the question, or nothing."""
        return self.again if role is not None and role.may_ask else ""


def row_views(exports: Sequence[Export], health: Health) -> list[RowView]:
    """Return the views of a page of exports (their workspace, host and requester loaded with them)."""
    now = timezone.now()
    places = describe.queue_positions(exports)
    return [row_view(export, now=now, place=places.get(export.pk), health=health) for export in exports]


def row_view(export: Export, *, now: datetime, place: int | None, health: Health) -> RowView:
    """Return the view of one export."""
    look = STATUSES[export.status]
    type_words = TYPES[export.data_type]
    wait = describe.waiting_for(export, health)
    problem = describe.problem_of(export)
    blocked = wait is not None and wait.code in BLOCKED
    is_ready = export.status == Status.READY
    expires_at = export.expires_at if is_ready else None
    labels = _labels(get_language())
    title = title_of(export)
    zone = ZoneInfo(export.workspace.time_zone)
    return RowView(
        id=str(export.pk),
        url=export.get_absolute_url(),
        title=title,
        type_label=labels[export.data_type],
        type_icon=type_words.icon,
        workspace=export.workspace.name,
        window=times.window(export.range_from, export.range_to, zone),
        zone=export.workspace.time_zone,
        zone_letters=times.zone_of_days(export.range_from, export.range_to, zone),
        status=export.status,
        status_label=labels[export.status],
        status_icon=look.icon,
        tone="warn" if blocked else look.tone,
        turning=look.turning and not blocked,
        wait=wait.sentence if wait else "",
        wait_is_thing=wait is not None and wait.code not in SENTENCES,
        wait_is_blocked=blocked,
        turn=wait.turn_label if wait else "",
        next_step=wait.next_step if wait else "",
        since=wait.since if wait else None,
        until=wait.until if wait else None,
        estimate=estimates.basis_of(export, now) if export.is_active else "",
        usual=estimates.usual_of(export) if export.is_active else "",
        place=place,
        is_bumped=place is not None and export.bumped_at is not None,
        percent=None if blocked else percent_done(export, now),
        bytes_received=export.bytes_received or None if export.status == Status.DOWNLOADING else None,
        problem=problem.message if problem else "",
        next_action=problem.next_action if problem else "",
        whose_turn=problem.whose_turn_label if problem else "",
        requested_by=name_of(export),
        requested_by_id=export.requested_by_id,
        created_at=export.created_at,
        rows=export.rows,
        bytes=export.bytes,
        expires_at=expires_at,
        expires_soon=expires_at is not None and expires_at - now < EXPIRES_SOON,
        is_pinned=is_ready and export.pinned_at is not None,
        is_active=export.is_active,
        is_ready=is_ready and expires_at is not None and expires_at > now,
        said=_("%(export)s: %(status)s.") % {"export": title, "status": labels[export.status]},
        workspace_id=str(export.workspace_id),
        masked_roles=tuple(export.workspace.masked_roles) if export.workspace.masked_columns else (),
        again=_again(export, problem),
    )


def roles_in(person: User, rows: Iterable[RowView]) -> dict[str, Role]:
    """Return the person's roles where some rows lie, by the workspace's id (one query)."""
    keys = {UUID(row.workspace_id) for row in rows}
    if person.is_superuser:
        return {str(key): Role.MANAGER for key in keys}
    seats = Membership.objects.filter(user=person, workspace__in=keys)
    return {str(key): Role(role) for key, role in seats.values_list("workspace", "role")}


def needs_change(problem: describe.Problem | None) -> bool:
    """Tell whether asking the same once more would end the same: it is for who asked to change something."""
    return problem is not None and problem.whose_turn is Turn.YOURS


def _again(export: Export, problem: describe.Problem | None) -> str:
    if export.is_active or export.status == Status.READY or export.workspace.archived_at is not None:
        return ""
    return "change" if needs_change(problem) else "run"


def title_of(export: Export) -> str:
    """Return the export's name, or its type."""
    return title_for(export.name, export.data_type)


def title_for(name: str, data_type: str) -> str:
    """Return the title of an export of this name, which may be empty, and type."""
    return name or _labels(get_language())[data_type]


@lru_cache
def _labels(_language: str | None) -> dict[str, str]:
    """Return the words for each type and status; each row of a list would look four of them up anew."""
    return {value: str(label) for words in (DataType, Status) for value, label in words.choices}


def percent_done(export: Export, now: datetime) -> int | None:
    """Return how far the estimate says upstream has come; None when there is no estimate or bytes are arriving."""
    begun = export.upstream_started_at if export.status == Status.PREPARING else export.submitted_at
    if export.status not in (Status.WAITING, Status.PREPARING) or begun is None or export.estimated_ready_at is None:
        return None
    if export.estimated_ready_at <= now:
        return None  # the estimate was wrong; a bar that stands still would say otherwise
    whole = (export.estimated_ready_at - begun).total_seconds()
    return min(max(round(100 * (now - begun).total_seconds() / whole), 1), LONGEST_BAR)


def version_of(*parts: object) -> str:
    """Return a short stamp of what is shown: equal stamps, equal pages."""
    return hashlib.blake2b(repr(parts).encode(), digest_size=8).hexdigest()
