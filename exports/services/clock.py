"""A machine's clock that was set back: times that no row may hold are brought back into reach.

Every wait and every lease is a moment on the clock, and each has a longest span (15 minutes to the next look, one
lease, six hours of ``Retry-After``). A moment further ahead than that was written by a clock that ran ahead; left
alone its row would sleep until the clock has come there again.
"""

import logging
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from exports.models import DerivedFile, Export, UpstreamHost, Workspace
from exports.services import home, lanes
from exports.services.claims import lease_time

logger = logging.getLogger(__name__)

SLACK = timedelta(seconds=30)
LONGEST_RETRY_AFTER = timedelta(hours=6)  # analytics_cloud/dates.py


def mend_times() -> int:
    """Bring back what lies too far ahead; returns how many rows were changed (0 while the clock only went forward).

    A lease is shortened to a whole one from now, not ended: its holder may live, and renews it within seconds.
    """
    now = timezone.now()
    mended = _exports(now) + _formats(now) + _lanes(now) + _hosts(now)
    if mended:
        logger.warning("clock.was_set_back rows=%d", mended)
    return mended


def _exports(now: datetime) -> int:
    lease = now + lease_time()
    held = Export.objects.active().filter(due_at__gt=lease + SLACK, leased_until__gt=lease + SLACK)
    far = Export.objects.active().filter(due_at__gt=now + home.AUDIT_LIMIT + SLACK, leased_until__isnull=True)
    rung = Export.objects.active().filter(rung_at__gt=now + SLACK)
    # The plan of looks counts from these: a look that is still to come would put the next one off beyond it.
    seen = Export.objects.active().filter(looked_at__gt=now + SLACK)
    asked = Export.objects.active().filter(submitted_at__gt=now + SLACK)
    count = 0
    for rows, values in (
        (held, {"leased_until": lease, "due_at": lease}),
        (far, {"due_at": now}),
        (rung, {"rung_at": None}),
        (seen, {"looked_at": now}),
        (asked, {"submitted_at": now}),
    ):
        if rows.exists():  # a look costs nothing, a write on SQLite waits for other writers
            count += rows.update_in_order(**values)
    return count


def _formats(now: datetime) -> int:
    lease = now + lease_time()
    wanted = DerivedFile.objects.filter(state=DerivedFile.State.WANTED)
    held, rung = wanted.filter(leased_until__gt=lease + SLACK), wanted.filter(rung_at__gt=now + SLACK)
    count = held.update(leased_until=lease) if held.exists() else 0
    return count + (rung.update(rung_at=None) if rung.exists() else 0)


def _lanes(now: datetime) -> int:
    turn = now + timedelta(seconds=lanes.question_seconds() + lanes.MARGIN_SECONDS)
    lease = now + lease_time()
    asking = Workspace.objects.filter(lane_until__gt=turn + SLACK)
    fetching = Workspace.objects.filter(transfer_until__gt=lease + SLACK)
    left = Workspace.objects.filter(Q(lane_left_after__gt=now + SLACK) | Q(lane_left_by__gt=now + SLACK))
    count = asking.update(lane_until=turn) if asking.exists() else 0
    count += left.update(lane_left_after=None, lane_left_by=None) if left.exists() else 0
    return count + (fetching.update(transfer_until=lease) if fetching.exists() else 0)


def _hosts(now: datetime) -> int:
    ahead = UpstreamHost.objects.filter(
        Q(failed_at__gt=now + SLACK) | Q(not_before__gt=now + LONGEST_RETRY_AFTER + SLACK)
    )
    return ahead.update(failed_at=now, failing_since=now, not_before=now) if ahead.exists() else 0
