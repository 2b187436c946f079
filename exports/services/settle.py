"""What an answer of Analytics Cloud means for an export: one closed match (analytics-cloud-api.md §2)."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from exports.analytics_cloud.replies import (
    FailedUpstream,
    Preparing,
    Rejected,
    Reply,
    TokenRejected,
    Unavailable,
    Unintelligible,
    Waiting,
)
from exports.models import Export, PauseCode, Queue, Status, Workspace
from exports.services import breaker, events, home, looks, outcomes, pace, upstream, windows
from exports.services.claims import Claim, LeaseLost

LONGEST_GAP = timedelta(minutes=15)
KEPT_UPSTREAM = timedelta(hours=24)  # a finished file; then the next question makes another (contract, section 3)


def settle_reply(claim: Claim, reply: Reply, *, asked_at: datetime) -> None:
    """Write down what a reply other than a file means, and let go of the row.

    Raises:
        LeaseLost: the row is no longer ours.
        TypeError: a reply outside the closed set: a defect of ours.
    """
    export = claim.export
    match reply:
        case Waiting(created_at) if _was_made_anew(export, created_at, asked_at):
            settle_reply(claim, FailedUpstream(created_at), asked_at=asked_at)
        case Waiting():
            note_alive(export, asked_at)
            _waiting(claim, reply)
        case Preparing():
            note_alive(export, asked_at)
            _preparing(claim, reply)
        case FailedUpstream():
            note_alive(export, asked_at)
            looks.note_departure(export, timezone.now())
            outcomes.charge(claim, "upstream_failed", event=events.FAILED_UPSTREAM, to=_asked_again(claim))
            looks.after_departure(export)
        case Rejected(reason):
            note_alive(export, asked_at)
            windows.note_fetched(export)  # nothing was made there, nothing will come
            outcomes.fail(claim, f"rejected_{reason}")
        case TokenRejected():
            breaker.note_success(export.workspace.host)
            upstream.pause_workspace(export.workspace, PauseCode.TOKEN_REJECTED)
            pause(claim)
        case Unavailable(reason, retry_after, opens_breaker):
            _unavailable(claim, reason, retry_after, opens_breaker, asked_at)
        case Unintelligible(reason):
            breaker.end_trial(export.workspace.host)
            outcomes.charge(claim, f"answer_{reason}", event=events.PROBLEM)
        case _:
            raise TypeError(f"no row for {type(reply).__name__}")


def pause(claim: Claim) -> None:
    """Let go of a row whose workspace is paused, and put the lane's others off: resuming makes them due.

    Nothing is charged. When the workspace goes on already (a token was saved meanwhile), so does the row.
    """
    export = claim.export
    with transaction.atomic():
        # Held while we write, or a resumption in between would leave the rows put off.
        workspace = Workspace.objects.select_for_update(no_key=True).get(pk=export.workspace_id)
        if not workspace.is_paused:
            stay(claim)
            return
        home.put_off(Export.objects.filter(workspace=workspace), home.latest_due(None))
        if export.last_problem != "paused":
            events.record_event(export, events.PAUSED, at=timezone.now(), reason=workspace.pause_code)
        outcomes.wait(claim, "workspace_paused", until=None, last_problem="paused")


def stay(claim: Claim) -> None:
    """Let go of a row as it was, due at once: what held it up is over."""
    export = claim.export
    outcomes.wait(claim, export.waiting_code or "turn", until=export.waiting_until, due_at=timezone.now())


def note_alive(export: Export, asked_at: datetime) -> None:
    """One good answer: the breaker closes, the token is known to work."""
    breaker.note_success(export.workspace.host)
    upstream.note_token_works(export.workspace, asked_at)


def _asked_again(claim: Claim) -> Status:
    claim.write(**outcomes.NOT_BEGUN, looked_at=None)
    return Status.WAITING


def _was_made_anew(export: Export, created_at: datetime | None, asked_at: datetime) -> bool:
    """Tell whether another export stands where one was RUNNING: that one failed.

    Upstream says so once, in one sentence: that answer may be lost, or its words be others. Uncounted, an export that
    always fails would go round for ever. A finished file that ran out since the last look leaves the same trace.
    """
    if export.status != Status.PREPARING or export.looked_at is None or asked_at - export.looked_at >= KEPT_UPSTREAM:
        return False
    moved_at = export.workspace.address_since
    if moved_at is not None and moved_at > export.looked_at:
        return False  # what was running lies at the address before
    before = export.upstream_created_at
    return before is not None and created_at is not None and created_at > before


def _waiting(claim: Claim, reply: Waiting) -> None:
    export = claim.export
    now = timezone.now()
    reading = looks.read_lane(export.workspace, also=[export.data_type])
    reading = reading.with_sight(export, looked_at=now, started_at=None)
    told = reading.estimate(export.pk, now)
    with transaction.atomic():
        if export.status != Status.WAITING:
            events.record_event(export, events.WAITING_UPSTREAM, at=now)
        claim.let_go(
            Status.WAITING,
            due_at=reading.next_looks(now)[export.pk],
            # While another is being made this one can't be the file: a short question, for the poll workers.
            queue=Queue.POLL if reading.is_spared(export.pk, now) else Queue.TRANSFER,
            upstream_created_at=reply.created_at,
            # Time that it was seen running stays counted: a server that puts it in line again and again ends, too.
            **outcomes.NOT_BEGUN | {"running_seconds": export.running_seconds},
            looked_at=now,
            faults=0,
            last_problem="",
            **told,
            **outcomes.waiting_values(export, "upstream_pending", told["estimated_ready_at"]),
        )
    looks.rearrange(reading, now, but=export.pk)


def _preparing(claim: Claim, reply: Preparing) -> None:
    export = claim.export
    now = timezone.now()
    running = export.running_seconds + _observed_gap(export, now)
    allowed = settings.EXPORT_DEADLINE_HOURS * 3600
    if running >= allowed:
        _stuck(claim)
        return
    reading = looks.read_lane(export.workspace, also=[export.data_type])
    started = looks.started_at(export, reading, reply.started_at, now)
    reading = reading.with_sight(export, looked_at=now, started_at=started)
    deadline = now + timedelta(seconds=max(allowed - running, 0.05))
    told = reading.estimate(export.pk, now)
    with transaction.atomic():
        if export.status != Status.PREPARING:
            events.record_event(export, events.PREPARING, at=now)
        claim.let_go(
            Status.PREPARING,
            due_at=min(reading.next_looks(now)[export.pk], deadline),
            queue=Queue.TRANSFER,
            upstream_created_at=reply.created_at or export.upstream_created_at,
            upstream_started_at=reply.started_at or export.upstream_started_at or now,
            upstream_wait_seconds=(started - (export.submitted_at or started)).total_seconds(),
            running_since=export.running_since or now,
            running_seconds=running,
            looked_at=now,
            faults=0,
            last_problem="",
            **told,
            **outcomes.waiting_values(export, "upstream_running", told["estimated_ready_at"]),
        )
    looks.rearrange(reading, now, but=export.pk)


def is_spared(claim: Claim) -> bool:
    """Let go of a PENDING export, and of others like it, when another one's look will tell of it; True when it did."""
    export = claim.export
    now = timezone.now()
    reading = looks.read_lane(export.workspace)
    due = reading.next_looks(now).get(export.pk)
    if due is None or due <= now:
        return False
    told = reading.estimate(export.pk, now)
    outcomes.wait(claim, "upstream_pending", until=told["estimated_ready_at"], due_at=due, **told)
    looks.put_off(reading, now, but=export.pk)
    return True


def _observed_gap(export: Export, now: datetime) -> float:
    """Return the seconds since the last look at a RUNNING export that count towards the deadline.

    A pause and an outage in between are nobody's time; the rest counts, or a host that fails now and then would keep
    a stuck export for ever.
    """
    if export.running_since is None or export.looked_at is None:
        return 0.0
    # When a pause began is not kept: what came before it does not count either.
    since = max(export.looked_at, export.workspace.resumed_at or export.looked_at)
    gap = now - since
    host = export.workspace.host
    if host.failing_since and host.recovered_at:
        outage = min(host.recovered_at, now) - max(host.failing_since, since)
        gap -= max(outage, timedelta(0))
    return max(min(gap, LONGEST_GAP), timedelta(0)).total_seconds()


def _stuck(claim: Claim) -> None:
    """RUNNING past the deadline: once, ask for a window shifted by 1 ms (a new key); the second time is final."""
    export = claim.export
    if export.shifts:
        outcomes.fail(claim, "upstream_stuck", attempts=export.attempts + 1)
        return
    now = timezone.now()
    start = windows.unused_start(export, now)
    claim.write(
        asked_from=start,
        shifts=export.shifts + 1,
        **outcomes.NOT_BEGUN,
        upstream_created_at=None,
        looked_at=None,
    )
    shift = round((export.range_from - start).total_seconds() * 1000)
    outcomes.charge(claim, "upstream_stuck", event=events.STUCK_UPSTREAM, to=Status.WAITING, shift_ms=shift)


def _unavailable(claim: Claim, reason: str, retry_after: float | None, opens_breaker: bool, asked_at: datetime) -> None:
    export = claim.export
    host = export.workspace.host
    lost: LeaseLost | None = None
    with transaction.atomic():  # a recovery in between would pass over this row, which is still held
        if opens_breaker or retry_after:  # whoever asks for time is given it by everybody
            due = breaker.note_fault(host, asked_at=asked_at, reason=reason, retry_after=retry_after)
        else:
            breaker.end_trial(host)
            due = timezone.now() + timedelta(seconds=pace.back_off(export.faults + 1, pace.configured_pace()))
        try:
            outcomes.try_again(claim, f"way_{reason}", due_at=due, waiting_code="upstream_unavailable")
        except LeaseLost as error:
            lost = error  # what we learned of the host holds all the same
    if lost:
        raise lost
