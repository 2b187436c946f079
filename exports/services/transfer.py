"""From an open answer to a file that is ready: stream, gate, publish, one UPDATE (design.md §5)."""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from exports.analytics_cloud.streams import BodyStream, DownloadCut
from exports.files.archive import ArchiveReceipt, ArchiveRefused, CheckStopped, check_archive
from exports.files.receiving import Received, StorageFull, receive
from exports.files.storage import FileMissing, StorageUnreachable
from exports.models import Export, Status, Workspace
from exports.services import crash_points, events, history, home, limits, looks, outcomes, pace, stored, windows, wishes
from exports.services.claims import Claim, LeaseKeeper, LeaseLost

logger = logging.getLogger(__name__)

FINAL_CUTS = {"too_large"}  # the same question would bring the same bytes


def fetch_file(claim: Claim, stream: BodyStream, keeper: LeaseKeeper) -> None:
    """Bring an open answer to `ready`, or end the step as the table of `outcomes` says.

    Raises:
        LeaseLost: another worker has the row; what this one wrote is removed.
    """
    export = claim.export
    storage = stored.storage()
    name = f"{export.pk}-{claim.fence}"
    earlier = export.stored_name
    seen_ready_at = timezone.now()
    looks.note_departure(export, seen_ready_at)
    with transaction.atomic():
        claim.write(
            Status.DOWNLOADING,
            stored_name=name,
            bytes_received=0,
            **outcomes.waiting_values(export, "download", None),
        )
        events.record_event(export, events.DOWNLOADING, at=seen_ready_at)
    try:
        if earlier and earlier != name:
            stored.discard(earlier)
        crash_points.reached("download_started")
        received = receive(
            stream,
            storage.part_path(name),
            min_free_bytes=settings.EXPORT_MIN_FREE_BYTES,
            on_progress=keeper.progress,
        )
        keeper.on_wire = False
        crash_points.reached("download_done")
        claim.write(gate_started_at=timezone.now(), bytes_received=received.bytes)
        crash_points.reached("in_gate")
        receipt = check_archive(
            storage.part_path(name),
            data_type=export.data_type,
            limits=stored.limits(),
            should_stop=lambda: keeper.must_end,
        )
        if _address_changed(export):
            stored.discard(name)
            _elsewhere(claim)
            return
        crash_points.reached("before_publish")
        # The last look at the fence before the bytes get their name. They have passed the gate: who dies over sending
        # them to the store did not die of them.
        claim.write(gate_started_at=None)
        storage.publish(name)
        crash_points.reached("after_publish")
        _make_ready(claim, received, receipt, seen_ready_at)
    except LeaseLost:
        stored.discard(name)
        raise
    except (FileNotFoundError, FileMissing):
        claim.write()  # raises LeaseLost when it was cancelled: that removes the part
        raise
    except DownloadCut as cut:
        stored.discard(name)
        _cut(claim, keeper, cut.reason)
    except CheckStopped:
        stored.discard(name)
        _cut(claim, keeper, "aborted")
    except StorageFull:
        stored.discard(name)
        _no_room(claim)
    except StorageUnreachable:
        # What may be there of the file goes with the next claim, or with the reaper: the row names it until then.
        storage.part_path(name).unlink(missing_ok=True)
        _no_place(claim)
    except ArchiveRefused as refusal:
        stored.discard(name)
        _refused(claim, keeper, refusal, received)
    else:
        crash_points.reached("ready")
        logger.info("export.ready %s rows=%d bytes=%d", export.pk, receipt.rows, received.bytes)
        home.arrange_home(export.workspace_id)
        wake_siblings(export)


def _make_ready(claim: Claim, received: Received, receipt: ArchiveReceipt, seen_ready_at: datetime) -> None:
    export = claim.export
    now = timezone.now()
    asked = export.submitted_at
    waited = export.upstream_wait_seconds
    if waited is None and asked and export.looked_at:
        # Never seen RUNNING: it was begun and made after our last look, which found it PENDING.
        waited = (export.looked_at - asked).total_seconds()
    worked = None if waited is None or asked is None else (seen_ready_at - asked).total_seconds() - waited
    if worked is not None and min(waited or 0.0, worked) < 0:
        waited = worked = None  # the clock was set back meanwhile: nothing to learn from
    with transaction.atomic():
        claim.write(
            Status.READY,
            ready_at=now,
            expires_at=now + timedelta(hours=limits.kept_hours(export)),
            bytes=received.bytes,
            bytes_received=received.bytes,
            sha256=received.sha256,
            rows=receipt.rows,
            file_kind=receipt.kind,
            proved=receipt.proved,
            unpacked_bytes=receipt.unpacked_bytes,
            first_date=receipt.first_date,
            last_date=receipt.last_date,
            few_rows=history.has_few_rows(export, receipt.rows),
            upstream_wait_seconds=waited,
            upstream_work_seconds=worked,
            estimated_ready_at=None,
            estimate_basis="",
            last_problem="",
            waiting_code="",
            waiting_since=None,
            waiting_until=None,
        )
        windows.note_fetched(export)
        events.record_event(export, events.READY, at=now, rows=receipt.rows, bytes=received.bytes)
        wishes.grant(export)


def wake_siblings(export: Export) -> None:
    """After one file another is likely next: those upstream are asked as planned, those put off at once."""
    home.wake(Export.objects.filter(workspace=export.workspace_id, waiting_code="download_turn"))
    looks.after_departure(export)


def _address_changed(export: Export) -> bool:
    """Tell whether the workspace moved since this file was asked for: the file answers for the address before."""
    places = Workspace.objects.filter(pk=export.workspace_id)
    return places.values_list("address_since", flat=True).get() != export.workspace.address_since


def _elsewhere(claim: Claim) -> None:
    # At the address now nothing was begun: it waits there, whatever was seen at the one before.
    claim.write(Status.WAITING, bytes_received=0, stored_name="", upstream_created_at=None, **outcomes.NOT_BEGUN)
    outcomes.try_again(claim, "address_changed", due_at=timezone.now())


def _cut(claim: Claim, keeper: LeaseKeeper, reason: str) -> None:
    if keeper.lost:
        raise LeaseLost
    if keeper.stopping:
        outcomes.hand_back(claim)
    elif reason in FINAL_CUTS:
        outcomes.fail(claim, f"download_{reason}", attempts=claim.export.attempts + 1)
    else:
        outcomes.charge(claim, f"download_{reason}", event=events.DOWNLOAD_BROKEN)


def _no_room(claim: Claim) -> None:
    export = claim.export
    due = timezone.now() + timedelta(seconds=pace.back_off(export.faults + 1, pace.configured_pace()))
    outcomes.try_again(claim, "storage_full", due_at=due, waiting_code="storage_full", bytes_received=0, stored_name="")


def _no_place(claim: Claim) -> None:
    due = timezone.now() + timedelta(seconds=pace.back_off(claim.export.faults + 1, pace.configured_pace()))
    code = "storage_unreachable"
    outcomes.try_again(claim, code, due_at=due, waiting_code=code, bytes_received=0)


def _refused(claim: Claim, keeper: LeaseKeeper, refusal: ArchiveRefused, received: Received) -> None:
    if keeper.lost:
        raise LeaseLost
    if keeper.stopping:
        outcomes.hand_back(claim)
        return
    export = claim.export
    problem = f"file_{refusal.code}"
    # A bad row in an archive that is whole lies there like that. A cut or broken archive may be a fault of the way,
    # even twice at the same byte (analytics-cloud-api.md §2: try again).
    at_rest = refusal.line is not None and refusal.code != "last_line_incomplete"
    same_again = at_rest and export.refused_sha256 == received.sha256
    if refusal.final or same_again:
        outcomes.fail(claim, problem, line=refusal.line, attempts=export.attempts + 1)
        return
    claim.write(refused_sha256=received.sha256)
    outcomes.charge(claim, problem, event=events.GATE_REFUSED, line=refusal.line)
