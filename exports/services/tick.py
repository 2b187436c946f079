"""The clock: marks what is due and rings for it, expires, and leaves a sign of life."""

import logging

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


def _ring_due() -> int:
    now = timezone.now()
    quiet = Q(rung_at__isnull=True) | Q(rung_at__lte=now - lease_time())
    due = Export.objects.active().due(now).reachable(now).filter(quiet)
    chosen = list(due.values_list("pk", "queue")[:RINGS_PER_TICK])
    if not chosen:
        return 0
    # The same condition again: another beat's tick may have rung meanwhile.
    keys = [pk for pk, _queue in chosen]
    Export.objects.active().filter(quiet, pk__in=keys, due_at__lte=now).update_in_order(rung_at=now)
    for rung, (pk, queue) in enumerate(chosen):
        if not doorbell.send(doorbell.ADVANCE, str(pk), queue):
            # Nobody heard: the marks must not keep the next tick quiet.
            Export.objects.filter(pk__in=keys[rung:], rung_at=now).update_in_order(rung_at=None)
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
