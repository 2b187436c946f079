"""Exports: one row is one question to Analytics Cloud, its place in the queue and what became of it."""

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import connections, models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models.statuses import ACTIVE, TRANSITIONS, DataType, Status
from exports.models.workspace import Membership, Workspace

if TYPE_CHECKING:
    from exports.models.user import User

KEYS_PER_UPDATE = 5_000  # a statement of PostgreSQL takes 65,535 values


class IllegalTransition(Exception):
    """Somebody asked for a way between two statuses that TRANSITIONS does not have: a defect of ours."""


class Queue(models.TextChoices):
    """Which workers look next: short questions, or questions whose answer may be the file."""

    POLL = "poll"
    TRANSFER = "transfer"


class ExportQuerySet(models.QuerySet["Export"]):
    """Exports as a person may see them, as the engine looks for them."""

    def visible_to(self, user: "User") -> Self:
        """Return the exports of the workspaces the person belongs to."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        # Not by way of the workspaces: a database looks each row up in each set named.
        return self.filter(workspace__in=Membership.objects.filter(user=user).values("workspace"))

    def active(self) -> Self:
        """Return those not yet ended."""
        return self.filter(status__in=ACTIVE)

    def due(self, now: datetime) -> Self:
        """Return active rows whose time has come and which no living worker holds, the oldest first."""
        return (
            self.filter(due_at__lte=now)
            .filter(Q(leased_until__isnull=True) | Q(leased_until__lte=now))
            .order_by("due_at")
        )

    def reachable(self, now: datetime) -> Self:
        """Narrow to rows whose workspace's lane is free: a busy lane's holder takes the rest itself."""
        return self.filter(Q(workspace__lane_until__isnull=True) | Q(workspace__lane_until__lte=now))

    def lock_in_order(self) -> list[uuid.UUID]:
        """Lock many rows for the rest of the caller's transaction, in the one order in which all lock them.

        Returns:
            Their keys. What else is written in that transaction is narrowed to them: a second set of rows would be
            locked in an order of its own, and two such transactions could wait for each other in a ring.
        """
        rows = self.order_by("pk")
        if connections[self.db].features.has_select_for_update:
            rows = rows.select_for_update(no_key=True, of=("self",))
        return list(rows.values_list("pk", flat=True))

    def update_in_order(self, **values: Any) -> int:
        """Update many rows, locking them in one order: two such updates at once never wait for each other in a ring.

        Returns:
            How many rows were written.
        """
        if not connections[self.db].features.has_select_for_update:
            return self.update(**values)
        with transaction.atomic(using=self.db):
            # The locked rows alone: asked anew, the conditions would find others that were let go of since.
            keys = self.lock_in_order()
            chunks = (keys[at : at + KEYS_PER_UPDATE] for at in range(0, len(keys), KEYS_PER_UPDATE))
            return sum(self.model._base_manager.filter(pk__in=chunk).update(**values) for chunk in chunks)

    def move(self, export: "Export", to: Status, *, fence: int | None = None, **values: Any) -> bool:
        """Change the status by compare-and-swap: the one place where a status changes.

        Args:
            export: as last read; its ``status`` is the one compared. Brought up to date on success.
            to: the new status (may equal the old one, to write ``values`` under the same guard).
            fence: when given, the write also needs this fence: a step's own claim.
            values: other columns to write. Leaving the active statuses clears lease and due time.

        Returns:
            False when the row has moved on meanwhile; nothing was written then.

        Raises:
            IllegalTransition: TRANSITIONS has no such way.
        """
        before = Status(export.status)
        if to != before and to not in TRANSITIONS[before]:
            raise IllegalTransition(f"{before} -> {to}")
        if to not in ACTIVE:
            values |= {"due_at": None, "leased_until": None, "rung_at": None, "gate_started_at": None}
        rows = self.filter(pk=export.pk, status=before)
        if fence is not None:
            rows = rows.filter(fence=fence)
        else:
            values.setdefault("fence", F("fence") + 1)  # an outside hand takes the row from whoever holds it
        if not rows.update(status=to, **values):
            return False
        export.status = to
        for name, value in values.items():
            if not hasattr(value, "resolve_expression"):
                setattr(export, name, value)
        return True


class Export(models.Model):
    """One export. ``range_from``/``range_to`` are the question, ``asked_from``/``asked_to`` what is sent.

    See `Status` for its life. ``due_at`` is not null exactly while active; ``leased_until`` and ``fence`` claim the
    row; every write of a step carries the fence (design.md §3).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Foreign keys without an index of their own: those below begin with them, and each one more slows every write.
    workspace = models.ForeignKey(Workspace, on_delete=models.PROTECT, related_name="exports", db_index=False)
    data_type = models.CharField(_("data type"), max_length=16, choices=DataType)
    range_from = models.DateTimeField(_("from"))
    range_to = models.DateTimeField(_("to"))
    asked_from = models.DateTimeField(null=True, blank=True)
    asked_to = models.DateTimeField(null=True, blank=True)
    fresh = models.BooleanField(default=False)
    name = models.CharField(_("name"), max_length=120, blank=True)
    note = models.TextField(_("note"), blank=True, max_length=2000)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requested_exports", db_index=False
    )
    requesters = models.ManyToManyField(settings.AUTH_USER_MODEL, through="Requester", related_name="exports")
    run_again_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="runs_again", db_index=False
    )
    status = models.CharField(max_length=12, choices=Status, default=Status.QUEUED)
    created_at = models.DateTimeField(default=timezone.now)

    # The row is the queue.
    due_at = models.DateTimeField(null=True, blank=True)
    queue = models.CharField(max_length=8, choices=Queue, default=Queue.POLL)
    leased_until = models.DateTimeField(null=True, blank=True)
    fence = models.BigIntegerField(default=0)
    rung_at = models.DateTimeField(null=True, blank=True)
    hold = models.CharField(max_length=16, blank=True, default="")
    bumped_at = models.DateTimeField(null=True, blank=True)

    # What is known of its life upstream.
    submitted_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    looks = models.PositiveIntegerField(default=0)
    upstream_created_at = models.DateTimeField(null=True, blank=True)
    upstream_started_at = models.DateTimeField(null=True, blank=True)
    running_since = models.DateTimeField(null=True, blank=True)
    running_seconds = models.FloatField(default=0)
    shifts = models.PositiveIntegerField(default=0)
    estimated_ready_at = models.DateTimeField(null=True, blank=True)
    estimate_basis = models.CharField(max_length=80, blank=True, default="")
    # What such exports took when this one was queued, from first question to stored file (services/history.py).
    usual_least_seconds = models.FloatField(null=True, blank=True)
    usual_most_seconds = models.FloatField(null=True, blank=True)

    # What it waits for, as the engine last saw it, and what it has tried.
    waiting_code = models.CharField(max_length=24, blank=True, default="")
    waiting_since = models.DateTimeField(null=True, blank=True)
    waiting_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    faults = models.PositiveIntegerField(default=0)
    last_problem = models.CharField(max_length=40, blank=True, default="")
    refused_sha256 = models.CharField(max_length=64, blank=True, default="")
    gate_started_at = models.DateTimeField(null=True, blank=True)
    gate_deaths = models.PositiveIntegerField(default=0)

    # The file and its receipt.
    stored_name = models.CharField(max_length=80, blank=True, default="")
    bytes_received = models.BigIntegerField(default=0)
    bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    rows = models.BigIntegerField(null=True, blank=True)
    file_kind = models.CharField(max_length=16, blank=True, default="")
    proved = models.BooleanField(default=True)
    unpacked_bytes = models.BigIntegerField(null=True, blank=True)
    first_date = models.DateTimeField(null=True, blank=True)
    last_date = models.DateTimeField(null=True, blank=True)
    upstream_wait_seconds = models.FloatField(null=True, blank=True)
    upstream_work_seconds = models.FloatField(null=True, blank=True)
    few_rows = models.BooleanField(default=False)
    ready_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    extended = models.PositiveIntegerField(default=0)
    pinned_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    error_code = models.CharField(max_length=40, blank=True, default="")
    error_line = models.BigIntegerField(null=True, blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        verbose_name = _("export")
        verbose_name_plural = _("exports")
        ordering = ["-created_at", "-id"]
        indexes = [
            # The tick and the workers' own search for the next due row (services/claims.py).
            models.Index(fields=["due_at"], name="export_due", condition=Q(due_at__isnull=False)),
            # Expiry (services/expire.py).
            models.Index(fields=["expires_at"], name="export_expiring", condition=Q(status="ready")),
            # The lane's fair order and its load (services/lanes.py).
            models.Index(fields=["workspace", "status"], name="export_lane", condition=Q(due_at__isnull=False)),
            # The lists of pages and API, everybody's and per workspace, by keyset (services/listing.py).
            models.Index(fields=["-created_at", "-id"], name="export_newest"),
            models.Index(fields=["workspace", "-created_at", "-id"], name="export_newest_here"),
            models.Index(fields=["status", "-created_at", "-id"], name="export_newest_status"),
            models.Index(fields=["workspace", "status", "-created_at", "-id"], name="export_here_status"),
            models.Index(fields=["data_type", "-created_at", "-id"], name="export_newest_type"),
            # How long such exports took before; an equal file that is ready (services/history.py, queue.py).
            models.Index(fields=["workspace", "data_type", "-ready_at"], name="export_history"),
            # "exports of mine" (services/listing.py).
            models.Index(fields=["requested_by", "-created_at"], name="export_mine"),
            # Those with a name, for the search; the name stands in the index itself (services/mentions.py).
            models.Index(fields=["-created_at", "-id", "name"], name="export_named", condition=Q(name__gt="")),
            # Which names there are, each once, and which exports have one (services/names.py).
            models.Index(fields=["name"], name="export_name", condition=Q(name__gt="")),
            # What failed lately, for the strip of who sees many workspaces (web/strip.py): what failed has a reason.
            models.Index(
                fields=["-created_at", "-id", "workspace", "status"],
                name="export_failed",
                condition=Q(error_code__gt=""),
            ),
            # Which exports ran this one again; few do.
            models.Index(fields=["run_again_of"], name="export_runs_again", condition=Q(run_again_of__isnull=False)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "data_type", "range_from", "range_to"],
                condition=Q(status__in=[s.value for s in ACTIVE]),
                name="export_one_active_per_question",
            ),
            models.CheckConstraint(
                condition=Q(status__in=[s.value for s in ACTIVE], due_at__isnull=False)
                | (~Q(status__in=[s.value for s in ACTIVE]) & Q(due_at__isnull=True)),
                name="export_due_exactly_while_active",
            ),
            models.CheckConstraint(
                condition=~Q(status="ready")
                | (
                    ~Q(stored_name="")
                    & ~Q(sha256="")
                    & Q(bytes__isnull=False, rows__isnull=False, ready_at__isnull=False)
                    & Q(expires_at__isnull=False)
                ),
                name="export_ready_has_file",
            ),
            models.CheckConstraint(
                condition=Q(pinned_at__isnull=True) | Q(status="ready"), name="export_pinned_is_ready"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["expired", "failed", "cancelled"]) | Q(ended_at__isnull=False),
                name="export_ended_has_time",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["expired", "cancelled", "failed"]) | Q(stored_name=""),
                name="export_ended_names_no_file",
            ),
            models.CheckConstraint(condition=~Q(status="failed") | ~Q(error_code=""), name="export_failed_has_reason"),
            models.CheckConstraint(  # declined by a manager, too
                condition=Q(error_code="") | Q(status__in=["failed", "cancelled"]), name="export_reason_ended_it"
            ),
            models.CheckConstraint(condition=Q(range_from__lte=F("range_to")), name="export_range_in_order"),
            models.CheckConstraint(condition=Q(status__in=[s.value for s in Status]), name="export_status_known"),
            models.CheckConstraint(
                condition=Q(hold="") | Q(status__in=["queued", "cancelled"]), name="export_hold_is_queued"
            ),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.data_type} {self.range_from:%Y-%m-%d}–{self.range_to:%Y-%m-%d}"

    def get_absolute_url(self) -> str:
        """Return the page of this export."""
        return f"/exports/{self.pk}/"

    @property
    def is_active(self) -> bool:
        """True until it is ready, failed or cancelled."""
        return self.status in ACTIVE

    @property
    def is_shifted(self) -> bool:
        """True when what is sent starts earlier than the question (a superset, never a loss)."""
        return self.asked_from is not None and self.asked_from != self.range_from


class Requester(models.Model):
    """Somebody who wants an export: who queued it, and everybody who joined."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="requests")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    joined_at = models.DateTimeField(default=timezone.now)
    formats = models.JSONField(default=list, blank=True)  # made as soon as the file is ready (services/wishes.py)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["export", "user"], name="requester_once")]

    def __str__(self) -> str:
        return f"{self.user_id} wants {self.export_id}"


class AskedWindow(models.Model):
    """A key asked of Analytics Cloud: upstream answers it with one file for 24 h and can't recall it.

    Tells which shifted windows are used up (``fresh``, run again, stuck) and how much still lies upstream, also for
    exports cancelled here (design.md §3).
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="asked_windows")
    data_type = models.CharField(max_length=16, choices=DataType)
    asked_from = models.DateTimeField()
    asked_to = models.DateTimeField()
    export = models.ForeignKey(Export, on_delete=models.SET_NULL, null=True, related_name="asked_windows")
    first_asked_at = models.DateTimeField()
    last_asked_at = models.DateTimeField()
    is_upstream = models.BooleanField(default=True)  # being made there, or made and not yet fetched

    class Meta:
        indexes = [
            # The lane's load (services/lanes.py).
            models.Index(fields=["workspace"], name="asked_upstream", condition=Q(is_upstream=True)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "data_type", "asked_from", "asked_to"], name="asked_window_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.data_type} {self.asked_from.isoformat()} {self.asked_to.isoformat()}"
