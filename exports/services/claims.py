"""Claiming a due row by compare-and-swap: lease, fence, and the thread that keeps the lease alive (design.md §3)."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils import timezone

from exports.models import Export, Status
from exports.services import lanes, shutdown

logger = logging.getLogger(__name__)

WATCH_SECONDS = 0.25


class LeaseLost(Exception):
    """Somebody else holds the row by now (lease lapsed, cancelled): this step must change nothing more."""


def lease_time() -> timedelta:
    """Return the length of a lease."""
    return timedelta(seconds=settings.EXPORT_LEASE_SECONDS)


class Claim:
    """One worker's hold on one active export. Every write carries the fence."""

    def __init__(self, export: Export, *, lapsed: bool) -> None:
        self.export = export
        self.fence = export.fence
        self.lapsed = lapsed  # the holder before this one never let go: it died, or slept past its lease

    def write(self, to: Status | str | None = None, **values: Any) -> None:
        """Write columns (and a status) under the fence, keeping the claim.

        Raises:
            LeaseLost: the row is no longer ours.
        """
        status = Status(to or self.export.status)
        if not Export.objects.move(self.export, status, fence=self.fence, **values):
            raise LeaseLost

    def let_go(self, to: Status | str | None = None, *, due_at: datetime, **values: Any) -> None:
        """Write and release: the next look is at ``due_at``.

        Raises:
            LeaseLost: the row is no longer ours.
        """
        self.write(to, due_at=due_at, leased_until=None, rung_at=None, gate_started_at=None, **values)

    def renew(self, **values: Any) -> bool:
        """Push the lease (and the due time behind it) ahead. Returns False when the row is no longer ours."""
        until = timezone.now() + lease_time()
        # A released row keeps the fence of its last holder: its lease must not come back to life.
        rows = Export.objects.filter(pk=self.export.pk, fence=self.fence, leased_until__isnull=False).active()
        return bool(rows.update(leased_until=until, due_at=until, **values))


def claim_export(pk: UUID | str) -> Claim | None:
    """Claim a due export, or return None when it is not due, ended, or held by another worker."""
    now = timezone.now()
    export = Export.objects.select_related("workspace__host").filter(pk=pk).active().due(now).first()
    if export is None:
        return None
    until = now + lease_time()
    claimed = (
        Export.objects.filter(pk=pk, fence=export.fence, status=export.status)
        .due(now)
        .update(fence=export.fence + 1, leased_until=until, due_at=until)
    )
    if not claimed:
        return None
    lapsed = export.leased_until is not None
    export.fence += 1
    export.leased_until = export.due_at = until
    return Claim(export, lapsed=lapsed)


class LeaseKeeper:
    """A thread beside a step: renews the lease, writes progress, and aborts the step when it must end.

    It must end when the worker is asked to stop or the row is no longer ours; ``abort`` then cuts the connection,
    so that a blocked read returns.

    Attributes:
        on_wire: a connection may be open. Then a lease that could not be renewed in time counts as lost: whoever takes
            the row over asks too.
    """

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.stopping = False
        self.lost = False
        self.holds_transfer_lane = False
        self.on_wire = True
        self._aborts: list[Callable[[], None]] = []
        self._progress: int | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease-keeper", daemon=True)

    def __enter__(self) -> "LeaseKeeper":
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._done.set()
        self._thread.join()

    def on_abort(self, abort: Callable[[], None]) -> None:
        """Register what ends a blocked step."""
        self._aborts.append(abort)

    def progress(self, received: int) -> None:
        """Note the bytes received so far; they are written with the next renewal."""
        self._progress = received

    @property
    def must_end(self) -> bool:
        """True when the step must end without a result."""
        return self.stopping or self.lost

    def _run(self) -> None:
        pause = min(WATCH_SECONDS, settings.EXPORT_LEASE_SECONDS / 6)
        every = min(settings.EXPORT_LEASE_SECONDS / 3, 2.0)
        tried = renewed = time.monotonic()
        try:
            while not self._done.wait(pause):
                if shutdown.is_stopping():
                    self.stopping = True
                now = time.monotonic()
                if not self.must_end and now - tried >= every:
                    tried = now
                    if self._renew():
                        renewed = now
                if self.on_wire and time.monotonic() - renewed >= settings.EXPORT_LEASE_SECONDS:
                    self.lost = True
                if self.must_end:
                    for abort in self._aborts:
                        abort()
        finally:
            connection.close()

    def _renew(self) -> bool:
        values = {} if self._progress is None else {"bytes_received": self._progress}
        try:
            self.lost = not self.claim.renew(**values)
            if not self.lost and self.holds_transfer_lane:
                lanes.renew_transfer_lane(self.claim.export)
        except DatabaseError as error:
            # The database is away for a moment: the lease still stands; the next write decides by the fence.
            logger.warning("lease.renewal_failed %s %s", self.claim.export.pk, type(error).__name__)
            connection.close()
            return False
        return not self.lost
