"""Every invariant of database and disk, checked beside live workers (``manage.py audit``).

What is true only for a moment is looked at twice: a row that changed in between is nobody's violation.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Q
from django.utils import timezone

from exports.files.storage import FileMissing
from exports.models import (
    ACTIVE,
    ApiToken,
    DerivedFile,
    Export,
    Status,
    TokenUnreadable,
    Workspace,
)
from exports.models.append_only import unguarded_tables
from exports.services import expire, home, stored
from exports.services.claims import lease_time

SLACK = timedelta(seconds=30)


def find_violations() -> Iterator[str]:
    """Yield one line for each violation."""
    now = timezone.now()
    yield from _broken_ready_files()
    yield from _broken_derived_files()
    yield from _nameless_files(now)
    yield from _active_without_next_look(now)
    yield from _past_deadline(now)
    yield from _lapsed_leases(now)
    yield from _doubled_questions()
    yield from _wanted_by_nobody()
    yield from _tokens()
    for table in unguarded_tables(connection):
        yield f"table {table}: not append-only, its triggers are missing"


def _broken_ready_files() -> Iterator[str]:
    for export in Export.objects.filter(status=Status.READY).order_by("pk").iterator(chunk_size=200):
        fault = _fault_of_file(export.stored_name, export.bytes, export.sha256)
        if fault and Export.objects.filter(pk=export.pk, status=Status.READY, stored_name=export.stored_name).exists():
            yield f"export {export.pk}: ready, but its file {fault}"


def _broken_derived_files() -> Iterator[str]:
    ready = DerivedFile.objects.filter(state=DerivedFile.State.READY).order_by("pk")
    for derived in ready.iterator(chunk_size=200):
        fault = _fault_of_file(derived.stored_name, derived.bytes, derived.sha256)
        if fault and DerivedFile.objects.filter(pk=derived.pk, stored_name=derived.stored_name).exists():
            yield f"export {derived.export_id}: its {derived.variant} file {fault}"


def _fault_of_file(name: str, size: int | None, sha256: str) -> str:
    try:
        actual = stored.storage().size(name)
        if actual != size:
            return f"has {actual} bytes instead of {size}"
        return "" if stored.sha256_of(name) == sha256 else "has another SHA-256 than its receipt"
    except FileMissing:
        return "is missing"


def _nameless_files(now: datetime) -> Iterator[str]:
    limit = now - 2 * lease_time()
    storage = stored.storage()
    old = [found for found in storage.names() if found.modified_at < limit]
    named = expire.named_files()
    for found in old:
        if found.name.removesuffix(stored.SOURCE) not in named:
            yield f"file {found.name}{'.part' if found.is_part else ''}: no row names it"
    for found in storage.strangers():
        if found.modified_at < limit:
            yield f"file {found.name}: not one of ours, in the folder of exports"


def _active_without_next_look(now: datetime) -> Iterator[str]:
    limit = now + home.AUDIT_LIMIT + SLACK
    for export in Export.objects.filter(status__in=ACTIVE).filter(Q(due_at__isnull=True) | Q(due_at__gt=limit)):
        yield f"export {export.pk}: {export.status}, but its next look is {export.due_at or 'never'}"
    for export in Export.objects.exclude(status__in=ACTIVE).filter(due_at__isnull=False):
        yield f"export {export.pk}: {export.status}, but still due at {export.due_at}"


def _past_deadline(now: datetime) -> Iterator[str]:
    allowed = timedelta(hours=settings.EXPORT_DEADLINE_HOURS)
    grace = timedelta(seconds=settings.EXPORT_POLL_MAX_SECONDS) + 2 * lease_time()
    # What waits for something else (another download, room on the disk) is not looked at; neither was what stood still.
    resumed, recovered = "workspace__resumed_at", "workspace__host__recovered_at"
    running = Export.objects.filter(
        Q(**{f"{resumed}__isnull": True}) | Q(**{f"{resumed}__lte": F("looked_at")}),
        Q(**{f"{recovered}__isnull": True}) | Q(**{f"{recovered}__lte": F("looked_at")}),
        status=Status.PREPARING,
        waiting_code="upstream_running",
        workspace__paused_at__isnull=True,
        workspace__host__failures=0,
        looked_at__isnull=False,
    )
    for export in running.iterator():
        assert export.looked_at is not None
        observed = timedelta(seconds=export.running_seconds) + min(now - export.looked_at, home.AUDIT_LIMIT)
        if observed > allowed + grace:
            yield f"export {export.pk}: preparing for {observed}, past its deadline of {allowed}"


def _lapsed_leases(now: datetime) -> Iterator[str]:
    limit = now - 2 * lease_time() - SLACK
    lapsed = Export.objects.filter(leased_until__lt=limit).filter(Q(due_at__isnull=True) | Q(due_at__gt=now))
    for export in lapsed:
        yield f"export {export.pk}: its lease ended at {export.leased_until}, but it is not due"


def _doubled_questions() -> Iterator[str]:
    doubled = (
        Export.objects.filter(status__in=ACTIVE)
        .values("workspace", "data_type", "range_from", "range_to")
        .annotate(count=Count("pk"))
        .filter(count__gt=1)
        .order_by()
    )
    for key in doubled:
        yield f"workspace {key['workspace']}: {key['count']} active exports of one question ({key['data_type']})"


def _wanted_by_nobody() -> Iterator[str]:
    for export in Export.objects.filter(status__in=ACTIVE, requests__isnull=True):
        yield f"export {export.pk}: {export.status}, but nobody asks for it"


def _tokens() -> Iterator[str]:
    for workspace in Workspace.objects.exclude(token_sealed="").order_by("pk"):
        try:
            clear = workspace.read_token().reveal()
        except TokenUnreadable:
            sealed = workspace.token_sealed.startswith("gAAAA")
            yield f"workspace {workspace.pk}: its token is " + (
                "not readable with TOKEN_ENCRYPTION_KEYS" if sealed else "stored in clear text"
            )
            continue
        if clear in (workspace.name, workspace.token_last4, workspace.token_fingerprint):
            yield f"workspace {workspace.pk}: its token stands in clear text in another column"
    for token in ApiToken.objects.exclude(digest__regex=r"^[0-9a-f]{64}$"):
        yield f"personal API token {token.pk}: not stored as a digest"
    for workspace in Workspace.objects.filter(token_sealed="", paused_at__isnull=True):
        yield f"workspace {workspace.pk}: no token, but not paused"
