"""The ways a step may end: wait, try again charged or free, fail, hand back. The table of design.md §3.

Charged: an export that failed upstream, an unintelligible answer, a redirect elsewhere, a cut, stalled or refused
download, a worker that died in the gate. Never charged: 5xx, 429, connection faults and time-outs of a question, a
rejected token, no disk space, SIGTERM, a lost lease.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from exports.models import Export, Queue, Status
from exports.services import events, home, pace, stored
from exports.services.claims import Claim

logger = logging.getLogger(__name__)

# The columns of an export that upstream has not begun, or has to begin anew.
NOT_BEGUN: dict[str, Any] = {
    "upstream_started_at": None,
    "upstream_wait_seconds": None,
    "running_since": None,
    "running_seconds": 0,
}

# Their sentences promise another question, which the last attempt does not bring.
SAY_WHAT_FOLLOWS = {events.PROBLEM, events.STUCK_UPSTREAM}


def waiting_values(export: Export, code: str, until: datetime | None) -> dict[str, Any]:
    """Return the columns that say what an export waits for; ``since`` stays while the reason stays."""
    same = export.waiting_code == code and export.waiting_since is not None
    return {
        "waiting_code": code,
        "waiting_since": export.waiting_since if same else timezone.now(),
        "waiting_until": until,
    }


def resting_status(export: Export) -> Status:
    """Return where an export stands when it must be asked again: never beyond what upstream said of it."""
    if export.status == Status.QUEUED:
        return Status.QUEUED
    return Status.PREPARING if export.upstream_started_at else Status.WAITING


def wait(
    claim: Claim,
    code: str,
    *,
    until: datetime | None,
    due_at: datetime | None = None,
    to: Status | None = None,
    **values: Any,
) -> None:
    """Let go without an answer: the export waits for something known.

    Args:
        until: when the wait is expected to end; None when nobody knows.
        due_at: when to look again, when that is not ``until``.
        to: where it stands meanwhile; by default where it stood.
    """
    due = home.latest_due(due_at or until)
    claim.let_go(to, due_at=due, **waiting_values(claim.export, code, until), **values)


def try_again(claim: Claim, problem: str, *, due_at: datetime, waiting_code: str = "retry", **values: Any) -> None:
    """Let go after a free fault: ask again at ``due_at``; the first one of a kind stands in the timeline."""
    export = claim.export
    with transaction.atomic():
        if export.last_problem != problem:
            events.record_event(export, events.PROBLEM, at=timezone.now(), problem=problem)
        claim.let_go(
            resting_status(export),
            due_at=home.latest_due(due_at),
            faults=export.faults + 1,
            last_problem=problem,
            queue=Queue.POLL if export.status == Status.QUEUED else Queue.TRANSFER,
            **waiting_values(export, waiting_code, due_at),
            **values,
        )


def charge(claim: Claim, problem: str, *, event: str, to: Status | None = None, **data: Any) -> None:
    """Count an attempt and ask again later, or fail at ``EXPORT_MAX_ATTEMPTS``.

    Args:
        problem: the word that names it in timeline and, at the end, in the error.
        event: which event the timeline shows.
        to: where it stands meanwhile; by default where upstream last said it was.
        data: for the event; ``line`` is also kept with the error.
    """
    export = claim.export
    attempts = export.attempts + 1
    now = timezone.now()
    final = attempts >= settings.EXPORT_MAX_ATTEMPTS
    with transaction.atomic():
        if not (final and event in SAY_WHAT_FOLLOWS):
            events.record_event(
                export, event, at=now, problem=problem, attempt=attempts, of=settings.EXPORT_MAX_ATTEMPTS, **data
            )
        if not final:
            due = now + timedelta(seconds=pace.back_off(attempts, pace.configured_pace()))
            claim.let_go(
                to or resting_status(export),
                due_at=due,
                attempts=attempts,
                last_problem=problem,
                queue=Queue.TRANSFER,
                bytes_received=0,
                **waiting_values(export, "retry", due),
            )
    if final:
        fail(claim, problem, attempts=attempts, line=data.get("line"))


def fail(claim: Claim, code: str, *, line: int | None = None, **values: Any) -> None:
    """End an export as failed; its parts go, its record stays, the lane moves up."""
    export = claim.export
    name = export.stored_name
    now = timezone.now()
    with transaction.atomic():
        claim.write(
            Status.FAILED,
            ended_at=now,
            error_code=code,
            error_line=line,
            stored_name="",
            estimated_ready_at=None,
            estimate_basis="",
            **waiting_values(export, "", None) | {"waiting_since": None},
            **values,
        )
        events.record_event(export, events.FAILED, at=now, problem=code, line=line)
    logger.info("export.failed %s %s", export.pk, code)
    stored.discard(name)
    home.arrange_home(export.workspace_id)


def hand_back(claim: Claim) -> None:
    """Give the row to whoever comes next, at once and free of charge (SIGTERM)."""
    export = claim.export
    if not export.is_active:
        return
    name = export.stored_name
    now = timezone.now()
    with transaction.atomic():
        if export.status == Status.DOWNLOADING:
            events.record_event(export, events.HANDED_BACK, at=now)
        claim.let_go(
            resting_status(export),
            due_at=now,
            stored_name="",
            bytes_received=0,
            **waiting_values(export, "handed_back", None),
        )
    stored.discard(name)
    logger.info("export.handed_back %s", export.pk)
