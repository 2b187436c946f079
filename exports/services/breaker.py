"""The breaker and ``Retry-After`` of one Analytics Cloud host, kept on its row for all workers (design.md §3).

While the host is failing one question at a time is let through, the trial: it holds ``not_before`` as long as it may
take, and its outcome then sets the real time. Whoever moves many exports because of the host does so in one
transaction with the host's row, so that a fault and a recovery that meet leave no export put off for nothing.
"""

from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from exports.models import Export, UpstreamHost
from exports.models.export import ExportQuerySet
from exports.services import home, lanes, pace


def closed_until(host: UpstreamHost, now: datetime) -> datetime | None:
    """Return until when nothing may be asked of the host, or None when it may."""
    return host.not_before if host.not_before is not None and host.not_before > now else None


def lock_host(host: UpstreamHost) -> UpstreamHost:
    """Return the row afresh, held against other writers until the running transaction ends."""
    return UpstreamHost.objects.select_for_update(no_key=True).get(pk=host.pk)


def exports_of(host: UpstreamHost) -> ExportQuerySet:
    """Return the exports of all workspaces on the host."""
    return Export.objects.filter(workspace__host=host)


def take_turn(host: UpstreamHost) -> bool:
    """While the host is failing let one question through at a time; always True for a host in good health."""
    if not host.failures and host.not_before is None:
        return True
    now = timezone.now()
    if closed_until(host, now):
        return False
    trial_until = now + timedelta(seconds=lanes.question_seconds() + lanes.MARGIN_SECONDS)
    free = UpstreamHost.objects.filter(pk=host.pk, not_before=host.not_before, failures=host.failures)
    if not free.update(not_before=trial_until):
        return False
    host.not_before = trial_until
    return True


def note_fault(host: UpstreamHost, *, asked_at: datetime, reason: str, retry_after: float | None) -> datetime:
    """Count a fault of the host and return when to ask next.

    Questions that were on the wire together fail together: only the first of them counts.
    """
    with transaction.atomic():
        row = lock_host(host)
        now = timezone.now()
        counts = row.failed_at is None or row.failed_at < asked_at
        if counts:
            row.failures += 1
            row.failed_at, row.reason = now, reason
            if row.failures == 1:
                row.failing_since = now
        wait = pace.back_off(row.failures, pace.configured_pace())
        until = now + timedelta(seconds=max(wait, retry_after or 0.0))
        if counts:
            row.not_before = until
        elif retry_after:
            row.not_before = max(row.not_before or until, until)
        row.save(update_fields=["failures", "failed_at", "failing_since", "reason", "not_before"])
        due = row.not_before or until
        home.put_off(exports_of(row), due, and_those_due_at=host.not_before)
        host.failures, host.not_before = row.failures, row.not_before
    return due


def end_trial(host: UpstreamHost) -> None:
    """The answer told nothing of the host's health (a page, an odd answer, a time-out): the next trial may follow.

    Args:
        host: as `take_turn` left it; nothing happens when it held no trial.
    """
    if not host.failures:
        return
    with transaction.atomic():
        row = lock_host(host)
        if row.not_before != host.not_before or row.failures != host.failures:
            return
        row.not_before = timezone.now() + timedelta(seconds=pace.back_off(row.failures, pace.configured_pace()))
        row.save(update_fields=["not_before"])
        # Those put off to the end of the trial, which has ended sooner, look again when the next one may go.
        waited = exports_of(row).active().filter(due_at=host.not_before, leased_until__isnull=True)
        waited.update_in_order(due_at=home.latest_due(row.not_before), rung_at=None)
        host.not_before = row.not_before


def note_success(host: UpstreamHost) -> None:
    """One good answer ends the breaker for everybody on the host."""
    if not host.failures and host.not_before is None:
        return
    now = timezone.now()
    with transaction.atomic():
        # `failing_since` stays: with `recovered_at` it tells which stretch was nobody's (settle.py).
        healed = UpstreamHost.objects.filter(pk=host.pk, failures__gt=0).update(
            failures=0, not_before=None, failed_at=None, reason="", recovered_at=now
        )
        if healed:
            unheld = exports_of(host).active().filter(leased_until__isnull=True)
            waiting = Export.objects.filter(pk__in=unheld.lock_in_order())
            waiting.filter(waiting_code="upstream_unavailable").update(waiting_until=None)
            home.wake(waiting)
    host.refresh_from_db(fields=["failures", "not_before", "failing_since", "recovered_at"])
