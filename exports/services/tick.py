"""The clock: marks what is due and rings for it, expires, and leaves a sign of life."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils import timezone

from exports.models import DerivedFile, Export, Heartbeat
from exports.services import doorbell, expire, health
from exports.services.claims import lease_time

logger = logging.getLogger(__name__)

RINGS_PER_TICK = 200


def tick() -> int:
    """Mark due rows and ring for them (a bounded number, none again within one lease); returns how many rang."""
    now = timezone.now()
    health.beat(Heartbeat.TICK, queues="", at=now)
    rung = _ring_due()
    _ring_formats()
    expire.expire_due()  # last: a file that can't be removed must not keep the others waiting
    return rung


def mark_due(now: datetime, *, limit: int = RINGS_PER_TICK) -> list[tuple[UUID, str]]:
    """Find the rows that are due and mark them, so that no other tick rings for them within one lease.

    Returns:
        Their keys and queues, the oldest first, at most ``limit``.
    """
    quiet = Q(rung_at__isnull=True) | Q(rung_at__lte=now - lease_time())
    due = Export.objects.due(now).reachable(now).filter(quiet)
    with transaction.atomic():
        if connection.features.has_select_for_update_skip_locked:
            # A row that somebody is writing needs no ring; SQLite has one writer at a time.
            due = due.select_for_update(skip_locked=True, no_key=True, of=("self",))
        chosen = list(due.values_list("pk", "queue")[:limit])
        if chosen:
            Export.objects.filter(pk__in=[pk for pk, _queue in chosen]).update(rung_at=now)
    return chosen


def _ring_due() -> int:
    now = timezone.now()
    chosen = mark_due(now)
    for rung, (pk, queue) in enumerate(chosen):
        if not doorbell.send(doorbell.ADVANCE, str(pk), queue):
            # Nobody heard: the marks must not keep the next tick quiet.
            keys = [key for key, _queue in chosen[rung:]]
            Export.objects.filter(pk__in=keys, rung_at=now).update_in_order(rung_at=None)
            return rung
    return len(chosen)


def _ring_formats() -> None:
    now = timezone.now()
    quiet = Q(rung_at__isnull=True) | Q(rung_at__lte=now - lease_time())
    free = Q(leased_until__isnull=True) | Q(leased_until__lte=now)
    wanted = DerivedFile.objects.filter(quiet, free, state=DerivedFile.State.WANTED).order_by(F("wanted_at"))
    for pk in list(wanted.values_list("pk", flat=True)[:RINGS_PER_TICK]):
        DerivedFile.objects.filter(pk=pk).update(rung_at=now)
        if not doorbell.send(doorbell.MAKE_FORMAT, str(pk), "convert"):
            DerivedFile.objects.filter(pk=pk, rung_at=now).update(rung_at=None)
            break
