"""Tables of any size in seconds: some rows through Django, the rest copied by the database itself."""

from datetime import datetime, timedelta
from uuid import uuid4

from django.db import connection

from exports.models import DataType, Export, Membership, Role, UpstreamHost, User, Workspace

WORKSPACES = 100
THROUGH_DJANGO = 10_000
READY = 2_000  # a file is kept for a day: however many have been, so many are still there
ENDED = ("expired", "expired", "expired", "failed")
NAMED = 5  # every fifth has a name


def make_workspaces(now: datetime, count: int = WORKSPACES) -> tuple[User, list[Workspace]]:
    """Make a member and workspaces that are his; they are paused, so that no worker asks for them."""
    bob = User.objects.create_user("bob@example.com", "a long password")
    host = UpstreamHost.objects.create(origin="https://analytics.liferay.com")
    spaces = [
        Workspace(name=f"Space {number:03}", host=host, paused_at=now, pause_code="manager") for number in range(count)
    ]
    Workspace.objects.bulk_create(spaces)
    Membership.objects.bulk_create([Membership(workspace=space, user=bob, role=Role.MEMBER) for space in spaces])
    return bob, spaces


def fill(total: int, *, bob: User, spaces: list[Workspace], now: datetime) -> None:
    """Bring the number of ended exports up to ``total``, a minute apart, over all workspaces, and ANALYZE.

    PostgreSQL also gets the VACUUM that it does by itself while a table grows for months: without it, what an index
    answers alone is looked up in the table too.
    """
    have = Export.objects.filter(due_at__isnull=True).count()
    first = range(have, min(total, THROUGH_DJANGO))
    Export.objects.bulk_create([_ended(number, bob, spaces, now) for number in first], batch_size=1000)
    have = max(have, min(total, THROUGH_DJANGO))
    while have < total:
        copied = min(have - READY, total - have)
        _copy(copied, back=timedelta(minutes=have))
        have += copied
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def make_due(count: int, *, bob: User, spaces: list[Workspace], now: datetime, ahead: float = 0.0) -> None:
    """Add active exports that are due, over all workspaces.

    Args:
        ahead: when above zero, they are due so many seconds from now, and later, instead.
    """
    rows = []
    for number in range(count):
        start = now - timedelta(days=400, minutes=number, seconds=ahead)
        due = now + timedelta(seconds=ahead * (1 + number / count)) if ahead else now - timedelta(seconds=number % 60)
        rows.append(
            Export(
                workspace=spaces[number % len(spaces)],
                data_type=DataType.PAGE,
                range_from=start,
                range_to=start + timedelta(days=1),
                requested_by=bob,
                status="waiting",
                created_at=now,
                submitted_at=now,
                looked_at=now,
                due_at=due,
                queue="transfer" if number % 2 else "poll",
                waiting_code="upstream_pending",
            )
        )
    Export.objects.bulk_create(rows, batch_size=1000)


def _ended(number: int, bob: User, spaces: list[Workspace], now: datetime) -> Export:
    made_at = now - timedelta(minutes=number + 1)
    status = "ready" if number < READY else ENDED[number // len(spaces) % len(ENDED)]
    export = Export(
        workspace=spaces[number % len(spaces)],
        data_type=DataType.values[number // 7 % 6],
        range_from=made_at - timedelta(days=30),
        range_to=made_at,
        requested_by=bob,
        status=status,
        created_at=made_at,
        submitted_at=made_at,
        looked_at=made_at,
        rows=100,
        bytes=10_000,
        sha256="0" * 64,
        name=f"Report {number % 97}" if number % NAMED == 0 else "",
    )
    if status == "failed":
        export.error_code, export.ended_at = "upstream_failed", made_at
        return export
    export.ready_at = made_at + timedelta(minutes=20)
    export.expires_at = now + timedelta(hours=12)
    export.upstream_wait_seconds, export.upstream_work_seconds = 150, 1000
    if status == "ready":
        export.stored_name = f"{uuid4()}-1"
    else:
        export.ended_at = made_at + timedelta(hours=24)
    return export


def _copy(count: int, *, back: timedelta) -> None:
    """Copy the newest ended exports, so much earlier."""
    columns = [field.column for field in Export._meta.concrete_fields if not field.primary_key]
    moved = {"created_at", "submitted_at", "looked_at", "ready_at", "range_from", "range_to", "ended_at"}
    if connection.vendor == "postgresql":
        key = "gen_random_uuid()"
        shifted = {name: f"{name} - interval '{back.total_seconds()} seconds'" for name in moved}
    else:
        key = "lower(hex(randomblob(16)))"
        seconds = back.total_seconds()
        shifted = {name: f"strftime('%Y-%m-%d %H:%M:%f000', {name}, '-{seconds} seconds')" for name in moved}
    named = ", ".join(f'"{name}"' for name in columns)
    taken = ", ".join(shifted.get(name, f'"{name}"') for name in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f'INSERT INTO exports_export ("id", {named}) SELECT {key}, {taken} FROM exports_export '
            f"WHERE due_at IS NULL AND status <> 'ready' ORDER BY created_at DESC LIMIT {count:d}"
        )
