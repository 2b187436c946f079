"""Other formats of a stored file: wanted once, made once, in a child process (design.md §4, §5)."""

import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.files.faults import StorageFull
from exports.files.storage import FileMissing
from exports.models import DerivedFile, Export, Status, User
from exports.services import crash_points, doorbell, expire, shutdown, stored
from exports.services.claims import lease_time
from exports.services.masking import mask_key
from exports.services.refusals import Refused, WrongState

logger = logging.getLogger(__name__)

FORMATS = ("original", "jsonl", "json", "csv", "xlsx", "parquet")
MADE = FORMATS[1:]
PROFILE = "profile"  # no format to download: what the preview page reads (services/profiles.py)
NO_GUARD = "-noguard"
MAX_ATTEMPTS = 3
CONVERSION_SECONDS = 2 * 3600
NO_ROOM = 3  # exit status of exports.files.convert_job
WATCH_SECONDS = 0.2
RENEW_SECONDS = 2.0


def variant_of(format_name: str, *, guard: bool, mask: Sequence[str] = ()) -> str:
    """Return the name under which a format with these options is kept."""
    name = format_name if guard or format_name not in ("csv", "xlsx") else f"{format_name}{NO_GUARD}"
    return f"{name}{mask_key(mask)}"


def want_format(
    *,
    user: User,
    export: Export,
    format: str,  # noqa: A002 - the field's word
    guard: bool = True,
    mask: Sequence[str] = (),
) -> DerivedFile:
    """Return the row of a format, asking for it to be made when it is not there yet. Asked twice, made once.

    A format that failed before is tried again.

    Args:
        mask: columns to hide in it; the caller says for whom (services/masking.py).

    Raises:
        Refused: no such format.
        WrongState: the export has no file (``not_ready`` or ``expired``).
    """
    if format not in (*MADE, PROFILE):
        raise Refused("unknown_format", _("Choose one of the formats offered."), "format")
    now = timezone.now()
    with transaction.atomic():
        # Writing to the export's row first keeps an expiry from passing between our look and our wish.
        if not Export.objects.filter(pk=export.pk, status=Status.READY, expires_at__gt=now).update(note=export.note):
            raise WrongState("no_file", _("This export has no file to convert."))
        row, is_new = DerivedFile.objects.get_or_create(
            export=export,
            variant=variant_of(format, guard=guard, mask=mask),
            defaults={"format": format, "wanted_at": now, "mask": list(mask)},
        )
        if row.state == DerivedFile.State.FAILED:
            DerivedFile.objects.filter(pk=row.pk, state=DerivedFile.State.FAILED).update(
                state=DerivedFile.State.WANTED, attempts=0, error_code="", wanted_at=now, rung_at=now
            )
            row.refresh_from_db()
            is_new = True
        if is_new:
            logger.info("format.wanted %s %s by %s", export.pk, row.variant, user.pk)
            doorbell.ring_for_format(row.pk)
    return row


@dataclass
class _Making:
    row: DerivedFile
    fence: int
    name: str

    def write(self, **values: Any) -> bool:
        """Write under the fence; False when the row is gone (expired) or another worker's."""
        mine = DerivedFile.objects.filter(pk=self.row.pk, fence=self.fence, state=DerivedFile.State.WANTED)
        return bool(mine.update(**values))

    def rest(self, **values: Any) -> bool:
        """Let go, to be tried again after a lease: the tick rings no row twice within one."""
        return self.write(stored_name="", leased_until=None, rung_at=timezone.now(), **values)


def make_format(pk: int) -> bool:
    """Make a wanted format, if nobody else is at it. Safe twice.

    Returns:
        True when this call made it.
    """
    making = _claim(pk)
    if making is None:
        return False
    storage = stored.storage()
    export = making.row.export
    target = storage.part_path(making.name)
    try:
        with stored.local_source(export) as source:
            made = _convert(making, source, target)
    except FileMissing:
        expire.mark_file_lost(export)
        return False
    if made is None or not making.write(leased_until=timezone.now() + lease_time()):
        storage.remove(making.name)
        return False
    crash_points.reached("format_made")
    try:
        storage.publish(making.name)
    except (StorageFull, FileMissing):  # missing: the export expired meanwhile, which took the part and the row
        storage.remove(making.name)
        making.rest()
        return False
    done = making.write(
        state=DerivedFile.State.READY,
        stored_name=making.name,
        bytes=made["bytes"],
        sha256=made["sha256"],
        done_rows=made["rows"],
        made_at=timezone.now(),
        leased_until=None,
    )
    if not done:
        storage.remove(making.name)
        return False
    logger.info("format.ready %s %s", export.pk, making.row.variant)
    return True


def _claim(pk: int) -> _Making | None:
    now = timezone.now()
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    row = (
        DerivedFile.objects.filter(free, pk=pk, state=DerivedFile.State.WANTED, export__status=Status.READY)
        .select_related("export__workspace")
        .first()
    )
    if row is None:
        return None
    if row.leased_until is not None:
        # The last worker died over it: counted, or a file that kills workers would go round for ever.
        row.attempts += 1
        if row.attempts >= MAX_ATTEMPTS:
            failed = DerivedFile.objects.filter(free, pk=pk, fence=row.fence).update(
                state=DerivedFile.State.FAILED, error_code="worker_died", leased_until=None, stored_name=""
            )
            if failed and row.stored_name:
                stored.storage().remove(row.stored_name)
            return None
    fence = row.fence + 1
    name = f"{row.export_id}-{row.export.fence}.{fence}.{row.variant}"
    if row.stored_name:
        stored.storage().remove(row.stored_name)
    claimed = DerivedFile.objects.filter(free, pk=pk, fence=row.fence, state=DerivedFile.State.WANTED).update(
        fence=F("fence") + 1, leased_until=now + lease_time(), stored_name=name, attempts=row.attempts, done_rows=0
    )
    return _Making(row, fence, name) if claimed else None


def _convert(making: _Making, source: Path, target: Path) -> dict[str, Any] | None:
    """Run the conversion in a child process, keeping the lease; None when it failed or must not go on."""
    row = making.row
    job = {
        "source": str(source),
        "target": str(target),
        "source_kind": row.export.file_kind,
        "format": row.format,
        "data_type": row.export.data_type,
        "guard": NO_GUARD not in row.variant,
        "mask": row.mask,
    }
    child = subprocess.Popen(  # noqa: S603 - our own interpreter and module; the job goes by standard input
        [sys.executable, "-m", "exports.files.convert_job"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=settings.BASE_DIR,
        text=True,
    )
    try:
        said = _watch(child, json.dumps(job), making)
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate()
    if said is None:
        return None
    output, errors = said
    if child.returncode == 0:
        result: dict[str, Any] = json.loads(output.splitlines()[-1])
        return result
    logger.error("format.failed %s %s exit=%s %s", row.export_id, row.variant, child.returncode, errors[-300:])
    if child.returncode == NO_ROOM:
        making.rest()  # never charged: it goes on when there is room
        return None
    attempts = row.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        making.write(
            state=DerivedFile.State.FAILED,
            error_code="conversion_failed",
            attempts=attempts,
            stored_name="",
            leased_until=None,
        )
    else:
        making.rest(attempts=attempts)
    return None


def _watch(child: "subprocess.Popen[str]", job: str, making: _Making) -> tuple[str, str] | None:
    """Keep the lease until the child has ended, and return what it wrote; None when it must not go on."""
    pending: str | None = job
    renewed = time.monotonic()
    deadline = renewed + CONVERSION_SECONDS
    while True:
        try:
            return child.communicate(pending, timeout=WATCH_SECONDS)
        except subprocess.TimeoutExpired:
            pending = None
        now = time.monotonic()
        if now > deadline:  # counts like any failure, or it would begin anew for ever
            child.kill()
            return child.communicate()
        if shutdown.is_stopping():
            making.write(leased_until=None, rung_at=None)  # handed back, free of charge
            return None
        if now - renewed >= min(settings.EXPORT_LEASE_SECONDS / 3, RENEW_SECONDS):
            renewed = now
            if not making.write(leased_until=timezone.now() + lease_time()):
                return None
