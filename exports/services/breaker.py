"""The breaker and ``Retry-After`` of one Analytics Cloud host, kept on its row for all workers (design.md §3)."""

from datetime import datetime, timedelta

from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from exports.models import Export, UpstreamHost
from exports.services import home, lanes, pace


def closed_until(host: UpstreamHost, now: datetime) -> datetime | None:
    """Return until when nothing may be asked of the host, or None when it may."""
    return host.not_before if host.not_before is not None and host.not_before > now else None


def take_turn(host: UpstreamHost) -> bool:
    """While the host is failing let one question through at a time; always True for a host in good health."""
    if not host.failures and host.not_before is None:
        return True
    now = timezone.now()
    if closed_until(host, now):
        return False
    # The trial question holds the turn as long as it may take; its outcome then sets the real time.
    trial_until = now + timedelta(seconds=lanes.question_seconds() + lanes.MARGIN_SECONDS)
    taken = UpstreamHost.objects.filter(pk=host.pk, not_before=host.not_before, failures=host.failures)
    return bool(taken.update(not_before=trial_until))


def note_fault(host: UpstreamHost, *, asked_at: datetime, reason: str, retry_after: float | None) -> datetime:
    """Count a fault of the host and return when to ask next.

    Questions that were on the wire together fail together: only the first of them counts.
    """
    now = timezone.now()
    wait = pace.back_off(host.failures + 1, pace.configured_pace())
    until = now + timedelta(seconds=max(wait, retry_after or 0.0))
    first = UpstreamHost.objects.filter(Q(failed_at__isnull=True) | Q(failed_at__lt=asked_at), pk=host.pk).update(
        failures=F("failures") + 1,
        failed_at=now,
        failing_since=Coalesce(F("failing_since"), now),
        not_before=until,
        reason=reason,
    )
    if not first and retry_after:
        UpstreamHost.objects.filter(pk=host.pk).update(not_before=Greatest(Coalesce(F("not_before"), until), until))
    host.refresh_from_db()
    due = host.not_before or until
    home.put_off(Export.objects.filter(workspace__host=host), due)
    return due


def note_success(host: UpstreamHost) -> None:
    """One good answer ends the breaker for everybody on the host."""
    if not host.failures and host.not_before is None:
        return
    now = timezone.now()
    healed = UpstreamHost.objects.filter(pk=host.pk, failures__gt=0).update(
        failures=0, not_before=None, failing_since=None, failed_at=None, reason="", recovered_at=now
    )
    if healed:
        home.wake(Export.objects.filter(workspace__host=host))
