"""One step of one export: claim, look whether it may ask, ask, settle (design.md §3)."""

import logging
import random
import time
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from exports.analytics_cloud.replies import Ready, TokenRejected, Unavailable
from exports.models import ASKED, Export, Queue, Status
from exports.services import (
    breaker,
    crash_points,
    events,
    home,
    lanes,
    outcomes,
    pace,
    settle,
    shutdown,
    stored,
    transfer,
    upstream,
    windows,
)
from exports.services.claims import Claim, LeaseKeeper, LeaseLost, claim_export

logger = logging.getLogger(__name__)

GATE_DEATHS = 3
TAKEN_FROM = 16  # so many workers may look for the next row at once
MINIMUM_RATE = 1024  # bytes per second
DOWNLOAD_DEADLINE_SECONDS = 6 * 3600.0


class QuestionTurn:
    """The workspace's turn to ask, given back at the latest when the step ends.

    Args:
        since: ``time.monotonic()`` from before the turn was taken: the database may have been slow about it.
    """

    def __init__(self, workspace_id: UUID, fence: int, since: float) -> None:
        self.workspace_id = workspace_id
        self.fence: int | None = fence
        self._since = since

    def seconds_left(self) -> float:
        """Return for how long a question may still be on the wire."""
        return lanes.question_seconds() - (time.monotonic() - self._since)

    def release(self) -> None:
        """Give the turn back; harmless when done twice."""
        if self.fence is not None:
            fence, self.fence = self.fence, None
            lanes.release_question_lane(self.workspace_id, fence)


def advance_export(pk: UUID | str) -> bool:
    """Do the next step of an export, if it is due and nobody else is at it. Safe to call at any time, twice too.

    Returns:
        True when a step was done; False when there was nothing to do, or the workspace's lane was taken.
    """
    workspace_id = Export.objects.active().due(timezone.now()).filter(pk=pk).values_list("workspace", flat=True).first()
    if workspace_id is None or shutdown.is_stopping():
        return False
    since = time.monotonic()
    fence = lanes.take_question_lane(workspace_id)
    if fence is None:
        # The ring was in vain: the next tick may ring again, for the lane's holder takes only what is on its own queue.
        Export.objects.filter(pk=pk, rung_at__isnull=False).update(rung_at=None)
        return False
    turn = QuestionTurn(workspace_id, fence, since)
    try:
        claim = claim_export(pk)
        if claim is None:
            return False
        _guarded_step(claim, turn)
    finally:
        turn.release()
    return True


def _guarded_step(claim: Claim, turn: QuestionTurn) -> None:
    try:
        with LeaseKeeper(claim) as keeper:
            _step(claim, keeper, turn)
    except LeaseLost:
        logger.info("export.lease_lost %s", claim.export.pk)
    except (SystemExit, KeyboardInterrupt):
        with suppress(LeaseLost):
            outcomes.hand_back(claim)
        raise
    except Exception as error:
        _push_ahead(claim, error)
        raise


def _push_ahead(claim: Claim, error: Exception) -> None:
    """Our own defect or a database fault: the row moves on with a back-off, so that nothing spins."""
    if isinstance(error, DatabaseError):
        connection.close()
    try:
        # What the row held in memory may have been rolled back.
        claim.export = Export.objects.select_related("workspace__host").get(pk=claim.export.pk)
        if not claim.export.is_active:
            return
        wait = pace.back_off(claim.export.faults + 1, pace.configured_pace())
        outcomes.try_again(
            claim, "our_fault", due_at=timezone.now() + timedelta(seconds=wait), waiting_code="our_fault"
        )
    except (DatabaseError, LeaseLost) as second:
        # The lease brings the row back by itself.
        logger.warning("export.push_failed %s %s", claim.export.pk, type(second).__name__)


def _step(claim: Claim, keeper: LeaseKeeper, turn: QuestionTurn) -> None:
    if claim.lapsed and not _survivor(claim):
        return
    if not _may_ask(claim):
        return
    _ask(claim, keeper, turn)


def _survivor(claim: Claim) -> bool:
    """The last holder never let go. Died in the gate: charged; anywhere else: free. False when that ended it."""
    export = claim.export
    died_in_gate = export.gate_started_at is not None
    deaths = export.gate_deaths + died_in_gate
    attempts = export.attempts + died_in_gate
    with transaction.atomic():
        claim.write(
            outcomes.resting_status(export),
            gate_deaths=deaths,
            attempts=attempts,
            gate_started_at=None,
            bytes_received=0,
        )
        events.record_event(export, events.WORKER_DIED, at=timezone.now(), in_gate=died_in_gate)
    if died_in_gate and (deaths >= GATE_DEATHS or attempts >= settings.EXPORT_MAX_ATTEMPTS):
        outcomes.fail(claim, "worker_died")
        return False
    return True


def _may_ask(claim: Claim) -> bool:
    """Tell whether the export may be asked now; otherwise let go of it, saying what it waits for."""
    export = claim.export
    workspace = export.workspace
    now = timezone.now()
    if workspace.is_paused:
        settle.pause(claim)
        return False
    if export.hold:
        outcomes.wait(claim, export.hold, until=None)
        return False
    if breaker.closed_until(workspace.host, now):
        _wait_for_host(claim)
        return False
    if export.status == Status.QUEUED and export.pk not in home.allowed_now(workspace.pk, now):
        soon = now + timedelta(seconds=pace.configured_pace().most)
        outcomes.wait(claim, "turn", until=None, due_at=soon)
        home.arrange_home(workspace.pk)
        return False
    if export.status == Status.WAITING and settle.is_spared(claim):
        return False
    if _may_bring_the_file(export) and not _may_download(claim):
        return False
    if not breaker.take_turn(workspace.host):
        outcomes.wait(claim, "upstream_unavailable", until=now + timedelta(seconds=pace.configured_pace().first))
        return False
    return True


def _wait_for_host(claim: Claim) -> None:
    """Nothing may be asked of the host, as far as our look a moment ago tells; a recovery since then counts."""
    host = claim.export.workspace.host
    with transaction.atomic():
        row = breaker.lock_host(host)
        closed = breaker.closed_until(row, timezone.now())
        if closed is not None:
            home.put_off(breaker.exports_of(row), closed)
            outcomes.wait(claim, "upstream_unavailable", until=closed)
        else:
            settle.stay(claim)


def _may_bring_the_file(export: Export) -> bool:
    """A first question about a key nobody asked lately is answered PENDING; any other may be answered by the file."""
    if export.status in ASKED or export.looks:
        return True
    start = export.asked_from or export.range_from
    return windows.was_asked_lately(export.workspace_id, export.data_type, start, export.range_to, timezone.now())


def _may_download(claim: Claim) -> bool:
    export = claim.export
    soon = timezone.now() + timedelta(seconds=pace.back_off(export.faults + 1, pace.configured_pace()))
    if not lanes.is_transfer_lane_free(export):
        # Its end wakes those that wait for it (transfer.wake_siblings).
        outcomes.wait(claim, "download_turn", until=None, due_at=soon)
        return False
    if not stored.has_room():
        outcomes.try_again(claim, "storage_full", due_at=soon, waiting_code="storage_full")
        return False
    # Looked at only after a file could not be kept: it is not fetched again for nothing.
    if export.last_problem == "storage_unreachable" and not stored.is_reachable():
        outcomes.try_again(claim, "storage_unreachable", due_at=soon, waiting_code="storage_unreachable")
        return False
    return True


def _choose_window(claim: Claim) -> None:
    """Pin what is sent, once: the question itself, or a superset nobody asked for lately, where a new file is needed.

    It is when asked afresh, and when upstream may still keep a file made before the range had ended.
    """
    export = claim.export
    now = timezone.now()
    start = export.asked_from
    if start is None:
        needs_new = export.fresh or windows.was_asked_too_early(export, now)
        start = windows.unused_start(export, now) if needs_new else export.range_from
    first = export.looks == 0
    with transaction.atomic():
        claim.write(
            asked_from=start,
            asked_to=export.range_to,
            submitted_at=export.submitted_at or now,
            looks=export.looks + 1,
        )
        windows.note_asked(export, now)
        if first:
            shift = round((export.range_from - start).total_seconds() * 1000)
            code = events.ASKED_SHIFTED if shift else events.ASKED
            events.record_event(export, code, at=now, shift_ms=shift)


def _ask(claim: Claim, keeper: LeaseKeeper, turn: QuestionTurn) -> None:
    export = claim.export
    try:
        client = upstream.make_client(export.workspace)
    except upstream.CannotAsk as cannot:
        breaker.end_trial(export.workspace.host)
        upstream.pause_workspace(export.workspace, cannot.code)
        settle.pause(claim)
        return
    _choose_window(claim)
    assert export.asked_from is not None
    assert export.asked_to is not None
    keeper.on_abort(client.abort)
    asked_at = timezone.now()
    crash_points.reached("question_sent")
    give_up_after = turn.seconds_left()
    try:
        if give_up_after <= 0:  # we slept: by now the turn may be another worker's
            outcomes.hand_back(claim)
            return
        reply = client.ask(
            export.data_type,
            export.asked_from,
            export.asked_to,
            give_up_after=give_up_after,
            stall_seconds=settings.EXPORT_STALL_SECONDS,
            max_bytes=settings.EXPORT_MAX_BYTES,
            minimum_rate=MINIMUM_RATE,
            download_deadline=DOWNLOAD_DEADLINE_SECONDS,
        )
        if isinstance(reply, Ready):
            _download(claim, keeper, turn, reply, asked_at=asked_at)
            return
        if not isinstance(reply, TokenRejected | Unavailable):
            turn.release()  # with those the next question waits until everybody can see what they mean
        if keeper.lost:
            raise LeaseLost
        if keeper.stopping:
            outcomes.hand_back(claim)
            return
        settle.settle_reply(claim, reply, asked_at=asked_at)
    finally:
        client.close()


def _download(claim: Claim, keeper: LeaseKeeper, turn: QuestionTurn, reply: Ready, *, asked_at: datetime) -> None:
    export = claim.export
    with reply.stream as stream:
        settle.note_alive(export, asked_at)
        if not lanes.take_transfer_lane(export):
            stream.close()
            soon = timezone.now() + timedelta(seconds=pace.configured_pace().first)
            # Asked it is, and no longer only ours.
            to = Status.WAITING if export.status == Status.QUEUED else None
            outcomes.wait(claim, "download_turn", until=None, due_at=soon, to=to, queue=Queue.TRANSFER)
            return
        try:
            keeper.holds_transfer_lane = True
            turn.release()
            transfer.fetch_file(claim, stream, keeper)
        finally:
            lanes.release_transfer_lane(export, claim.fence)
            transfer.wake_siblings(export)


def take_next(queue: str) -> UUID | None:
    """Return a due export for a worker of ``queue`` that has just ended a step, or None.

    One of the oldest few: were it always the very oldest, all workers would run for the same one.
    """
    now = timezone.now()
    rows = Export.objects.due(now).reachable(now).filter(queue=queue)
    oldest = list(rows.values_list("pk", flat=True)[:TAKEN_FROM])
    return random.choice(oldest) if oldest else None  # noqa: S311  # nosec B311  # which row, not a secret


def drain(queue: str, *, seconds: float) -> int:
    """Do due steps of a queue one after another for at most ``seconds``; return how many were done.

    A step that could not be done (another worker was quicker) ends it: that worker goes on with the rest.
    """
    until = time.monotonic() + seconds
    done = 0
    while time.monotonic() < until and not shutdown.is_stopping():
        pk = take_next(queue)
        if pk is None or not advance_export(pk):
            break
        done += 1
    return done
