"""Other formats of a stored file: wanted once, made once, in a child process (design.md §4, §5)."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.files.faults import StorageFull
from exports.files.storage import FileMissing, StorageUnreachable
from exports.models import DerivedFile, Export, Status, User
from exports.services import crash_points, doorbell, expire, shutdown, stored
from exports.services.claims import lease_time
from exports.services.converting import Ended, run_conversion
from exports.services.refusals import Refused, WrongState
from exports.services.variants import DELIMITERS, MADE, PROFILE, Variant

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 3
NO_ROOM, TOO_WIDE = 3, 5  # exit statuses of exports.files.convert_job
TOO_MANY_COLUMNS = "too_many_columns"
RENEW_SECONDS = 2.0


def want_format(*, user: User, export: Export, variant: Variant) -> DerivedFile:
    """Return the row of a format, asking for it to be made when it is not there yet. Asked twice, made once.

    A format that failed before is tried again.

    Raises:
        Refused: no such format.
        WrongState: the export has no file (``not_ready`` or ``expired``).
    """
    if variant.format not in (*MADE, PROFILE):
        raise Refused("unknown_format", _("Choose one of the formats offered."), "format")
    now = timezone.now()
    with transaction.atomic():
        # Writing to the export's row first keeps an expiry from passing between our look and our wish.
        if not Export.objects.filter(pk=export.pk, status=Status.READY, expires_at__gt=now).update(note=F("note")):
            raise WrongState("no_file", _("This export has no file to convert."))
        row, is_new = DerivedFile.objects.get_or_create(
            export=export,
            variant=variant.name,
            defaults={"format": variant.format, "mask": list(variant.mask), "wanted_at": now},
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

    def wait_for_store(self) -> None:
        """Drop what was made here, and let go free of charge: it goes on when the store answers."""
        stored.storage().part_path(self.name).unlink(missing_ok=True)
        self.rest(error_code="storage_unreachable")

    def wait_for_room(self) -> None:
        """Let go free of charge: it goes on when there is room."""
        self.rest(error_code="storage_full")


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
        with stored.local_source(export, reader=making.name) as source:
            made = _convert(making, source, target)
    except StorageUnreachable:
        making.wait_for_store()
        return False
    except StorageFull:  # no room for the copy of a file in object storage
        making.wait_for_room()
        return False
    except FileMissing:
        expire.mark_file_lost(export)
        return False
    if made is None or not making.write(leased_until=timezone.now() + lease_time()):
        stored.discard(making.name)
        return False
    crash_points.reached("format_made")
    try:
        storage.publish(making.name)
    except StorageUnreachable:
        making.wait_for_store()
        return False
    except StorageFull:
        stored.discard(making.name)
        making.wait_for_room()
        return False
    except FileMissing:  # the export expired meanwhile, which took the part and the row
        stored.discard(making.name)
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
        error_code="",
    )
    if not done:
        stored.discard(making.name)
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
            if failed:
                stored.discard(row.stored_name)
            return None
    fence = row.fence + 1
    name = f"{row.export_id}-{row.export.fence}.{fence}.{row.variant}"
    stored.discard(row.stored_name)
    claimed = DerivedFile.objects.filter(free, pk=pk, fence=row.fence, state=DerivedFile.State.WANTED).update(
        fence=F("fence") + 1,
        leased_until=now + lease_time(),
        stored_name=name,
        attempts=row.attempts,
        done_rows=0,
        started_at=now,
    )
    return _Making(row, fence, name) if claimed else None


def _convert(making: _Making, source: Path, target: Path) -> dict[str, Any] | None:
    """Run the conversion in a child process, keeping the lease; None when it failed or must not go on."""
    row = making.row
    variant = Variant.named(row.variant)
    job = {
        "source": str(source),
        "target": str(target),
        "source_kind": row.export.file_kind,
        "format": row.format,
        "data_type": row.export.data_type,
        "guard": variant.guard,
        "delimiter": DELIMITERS[variant.delimiter],
        "bom": variant.bom,
        "gzip": variant.gzip,
        "mask": row.mask,
    }
    ended = run_conversion(job, go_on=_Renewal(making))
    if ended is None:
        return None
    if ended.status != 0 or ended.made["rows"] != row.export.rows:  # a row too few is as broken as none at all
        _give_up(making, ended)
        return None
    return ended.made


def _give_up(making: _Making, ended: Ended) -> None:
    row = making.row
    logger.error(
        "format.failed %s %s exit=%s rows=%s of %s %s",
        row.export_id,
        row.variant,
        ended.status,
        ended.made.get("rows"),
        row.export.rows,
        ended.errors,
    )
    attempts = row.attempts + 1
    if ended.status == NO_ROOM:
        making.wait_for_room()
    elif attempts < MAX_ATTEMPTS and ended.status != TOO_WIDE:
        making.rest(attempts=attempts, error_code="")
    else:
        making.write(
            state=DerivedFile.State.FAILED,
            error_code=TOO_MANY_COLUMNS if ended.status == TOO_WIDE else "conversion_failed",
            attempts=attempts,
            stored_name="",
            leased_until=None,
        )


class _Renewal:
    """Keeps the lease while the child works, and writes down how far it is; says whether it may go on."""

    def __init__(self, making: _Making) -> None:
        self._making = making
        self._renewed = time.monotonic()

    def __call__(self, rows: int) -> bool:
        if shutdown.is_stopping():
            self._making.write(leased_until=None, rung_at=None)  # handed back, free of charge
            return False
        now = time.monotonic()
        if now - self._renewed < min(settings.EXPORT_LEASE_SECONDS / 3, RENEW_SECONDS):
            return True
        self._renewed = now
        return self._making.write(leased_until=timezone.now() + lease_time(), done_rows=rows, error_code="")
