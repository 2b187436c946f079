"""What people see of an export: what it waits for, since when, until when; its errors; its story."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from uuid import UUID

from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from exports.models import Export, ExportEvent, Status, User
from exports.services import home, words
from exports.services.health import Health

TONES = {
    "ready": "good",
    "recovered": "good",
    "resumed": "good",
    "failed": "bad",
    "file_lost": "bad",
    "failed_upstream": "warn",
    "stuck_upstream": "warn",
    "problem": "warn",
    "download_broken": "warn",
    "gate_refused": "warn",
    "worker_died": "warn",
    "storage_full": "warn",
    "paused": "warn",
    "handed_back": "warn",
    "expired": "ended",
    "deleted": "ended",
    "cancelled": "ended",
    "approved": "good",
    "declined": "bad",
}


@dataclass(frozen=True)
class Waiting:
    """What an active export waits for; ``until`` is None when nobody knows."""

    code: str
    since: datetime
    until: datetime | None
    sentence: str
    turn: words.Turn
    turn_label: str
    next_step: str


@dataclass(frozen=True)
class Problem:
    """Why an export failed, and what to do."""

    code: str
    message: str
    next_action: str
    whose_turn: words.Turn
    whose_turn_label: str


@dataclass(frozen=True)
class Entry:
    """One line of the timeline."""

    at: datetime
    code: str
    sentence: str
    actor: User | None
    tone: str


def waiting_for(export: Export, health: Health | None = None) -> Waiting | None:
    """Return what an active export waits for; None once it has ended.

    Args:
        health: as of now, when at hand: what no worker serves waits for one. The workspace and its host must be
            loaded with the export (``select_related("workspace__host")``).
    """
    if not export.is_active:
        return None
    workspace, host = export.workspace, export.workspace.host
    since = export.waiting_since or export.created_at
    lapsed = export.leased_until is not None and export.leased_until <= timezone.now()
    is_arriving = export.status == Status.DOWNLOADING and not lapsed
    if is_arriving and export.gate_started_at is not None:
        return _waiting("checking", export.gate_started_at, None)
    if is_arriving:
        return _waiting("download", since, None)
    if workspace.paused_at is not None:
        return _waiting(workspace.pause_code, workspace.paused_at, None)
    if export.hold:
        return _waiting(export.hold, since, None)
    if health is not None and export.queue in health.unserved:
        return _waiting("no_worker", max(health.silent_since or since, export.created_at), None)
    if export.status == Status.DOWNLOADING:  # its worker is gone, the next one takes it over
        return _waiting("handed_back", since, None)
    if host.failures and host.not_before is not None:
        return _waiting("upstream_unavailable", host.failing_since or since, host.not_before)
    code = export.waiting_code or "turn"
    if code == "workspace_paused":  # the pause ended a moment ago; the row's next step is due
        code = "turn"
    return _waiting(code, since, export.waiting_until)


def _waiting(code: str, since: datetime, until: datetime | None) -> Waiting:
    if until is not None and until <= timezone.now():  # it was to end by now: nobody knows any more
        until = None
    sentence, turn, turn_label, next_step = _words_of_wait(code, get_language())
    return Waiting(
        code=code,
        since=since,
        until=until,
        sentence=sentence,
        turn=turn,
        turn_label=turn_label,
        next_step=next_step,
    )


# Each row of a list would look up three sentences anew, of a few dozen that there are.
@cache
def _words_of_wait(code: str, _language: str | None) -> tuple[str, words.Turn, str, str]:
    sentence, turn = words.of_wait(code)
    turn_label = words.MANAGERS_TURN if code in words.MANAGERS_WAITS else words.TURN_LABELS[turn]
    return str(sentence), turn, str(turn_label), str(words.NEXT_STEPS.get(code, ""))


def problem_of(export: Export) -> Problem | None:
    """Return why an export failed; None unless it did."""
    return problem_of_code(export.error_code, export.error_line) if export.error_code else None


def problem_of_code(code: str, line: int | None) -> Problem:
    """Return in words what a failed export says by its code, and by the row at which it was found."""
    problem = _problem(code, get_language())
    if line is None:
        return problem
    return replace(problem, message=_("%(message)s (row %(line)d)") % {"message": problem.message, "line": line})


@cache
def _problem(code: str, _language: str | None) -> Problem:
    found = words.of_problem(code)
    return Problem(
        code=code,
        message=str(found.message),
        next_action=str(found.next_action),
        whose_turn=found.turn,
        whose_turn_label=str(words.TURN_LABELS[found.turn]),
    )


def timeline(export: Export) -> list[Entry]:
    """Return the story of an export, oldest first (one query)."""
    return [entry_of(event) for event in export.events.select_related("actor")]


def entry_of(event: ExportEvent) -> Entry:
    """Return one event in words."""
    data = dict(event.data)
    if "problem" in data:
        is_end = event.code == "failed"
        told = words.of_problem(data["problem"]).message if is_end else words.fault_sentence(data["problem"])
        data["problem"] = str(told)
    sentence = str(words.of_event(event.code)) % data
    if event.code in ("download_broken", "gate_refused", "failed") and data.get("problem"):
        sentence = f"{sentence}: {data['problem']}"
    return Entry(
        at=event.at, code=event.code, sentence=sentence, actor=event.actor, tone=TONES.get(event.code, "plain")
    )


def queue_positions(exports: Iterable[Export]) -> dict[UUID, int]:
    """Return the places (from 1) of those exports that are queued at home, in their workspace's fair order."""
    workspaces = {export.workspace_id for export in exports if export.status == Status.QUEUED and not export.hold}
    if not workspaces:
        return {}
    orders = home.home_orders(workspaces)
    return {item.pk: place for order in orders.values() for place, item in enumerate(order, start=1)}


def estimate_sentence(export: Export) -> str:
    """Return what the estimate rests on, for people; an honest "unknown yet" without one."""
    basis, _sep, samples = export.estimate_basis.partition(":")
    if basis == "history":
        return _("judging by the last %(count)s exports like it") % {"count": samples}
    if basis == "longer_than_usual":
        return _("it takes longer than exports like it usually do")
    return _("unknown yet")
