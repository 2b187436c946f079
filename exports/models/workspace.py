"""Workspaces, who belongs to them, and the host they live on."""

import uuid
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models.secrets import AccessToken, unseal
from exports.models.statuses import Role

if TYPE_CHECKING:
    from exports.models.user import User


LONGEST_HOURS = 90 * 24.0  # where a workspace says nothing else


class PauseCode(models.TextChoices):
    """Why a workspace's lane stands still."""

    TOKEN_MISSING = "token_missing", _("no access token yet")
    TOKEN_REJECTED = "token_rejected", _("access token rejected")
    TOKEN_UNREADABLE = "token_unreadable", _("stored access token can't be read")
    BASE_URL_REFUSED = "base_url_refused", _("address not allowed")
    MANAGER = "manager", _("paused by a manager")


class UpstreamHost(models.Model):
    """One Analytics Cloud origin: its breaker and ``Retry-After`` (design.md §3).

    ``not_before`` holds every question of every workspace on the host back; one question at a time tries again.
    ``failing_since`` and ``recovered_at`` bound the outage that lasts, or the last one.
    """

    origin = models.CharField(max_length=300, unique=True)
    not_before = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)
    recovered_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=40, blank=True)

    class Meta:
        verbose_name = _("Analytics Cloud host")
        verbose_name_plural = _("Analytics Cloud hosts")

    def __str__(self) -> str:
        return self.origin


class WorkspaceQuerySet(models.QuerySet["Workspace"]):
    """Workspaces as a person may see them."""

    def visible_to(self, user: "User") -> Self:
        """Return what the person belongs to; everything for a site administrator."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(pk__in=Membership.objects.filter(user=user).values("workspace"))

    def where_role(self, user: "User", least: Role) -> Self:
        """Return those in which the person has at least this role."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        enough = [role.value for role in Role if role.rank >= least.rank]
        return self.filter(pk__in=Membership.objects.filter(user=user, role__in=enough).values("workspace"))


class Workspace(models.Model):
    """An Analytics Cloud workspace: its address, its token (sealed), its lane.

    ``lane_until`` and ``lane_fence`` serialize the questions, ``transfer_until`` and ``transfer_export`` the
    downloads: leases of the whole workspace, taken by compare-and-swap.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(_("name"), max_length=100)
    host = models.ForeignKey(UpstreamHost, on_delete=models.PROTECT, related_name="workspaces")
    time_zone = models.CharField(_("time zone"), max_length=64, default="UTC")
    # When the address was last changed: files asked for before come from another one.
    address_since = models.DateTimeField(null=True, blank=True)
    retention_hours = models.FloatField(_("hours a file is kept"), null=True, blank=True)
    # Columns whose values these roles see only as *** (services/masking.py).
    masked_columns = models.JSONField(default=list, blank=True)
    masked_roles = models.JSONField(default=list, blank=True)
    longest_hours = models.FloatField(_("hours a file may be kept at most"), null=True, blank=True)

    token_sealed = models.TextField(blank=True, default="")
    token_fingerprint = models.CharField(max_length=64, blank=True, default="")
    token_last4 = models.CharField(max_length=4, blank=True, default="")
    token_set_at = models.DateTimeField(null=True, blank=True)
    token_set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    token_expires_at = models.DateTimeField(null=True, blank=True)
    token_never_expires = models.BooleanField(default=False)  # said so when it was saved; else nobody noted an end
    token_worked_at = models.DateTimeField(null=True, blank=True)

    paused_at = models.DateTimeField(null=True, blank=True)
    pause_code = models.CharField(max_length=20, choices=PauseCode, blank=True, default="")
    resumed_at = models.DateTimeField(null=True, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    lane_until = models.DateTimeField(null=True, blank=True)
    lane_fence = models.BigIntegerField(default=0)
    transfer_until = models.DateTimeField(null=True, blank=True)
    transfer_export = models.UUIDField(null=True, blank=True)
    # The last export that was seen to have left upstream's hands: still there then, gone by then.
    lane_left_after = models.DateTimeField(null=True, blank=True)
    lane_left_by = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        verbose_name = _("workspace")
        verbose_name_plural = _("workspaces")
        ordering = [Lower("name")]
        constraints = [
            models.UniqueConstraint(
                Lower("name"),
                name="workspace_name_unique_whatever_case",
                violation_error_message=_("A workspace of this name exists already."),
            ),
            models.UniqueConstraint(
                fields=["token_fingerprint"],
                condition=~Q(token_fingerprint=""),
                name="workspace_token_used_once",
            ),
            models.CheckConstraint(
                condition=Q(paused_at__isnull=True, pause_code="") | (Q(paused_at__isnull=False) & ~Q(pause_code="")),
                name="workspace_pause_has_code",
            ),
            models.CheckConstraint(
                condition=Q(token_sealed="", token_fingerprint="", token_last4="", token_set_at__isnull=True)
                | (~Q(token_sealed="") & ~Q(token_fingerprint="") & Q(token_set_at__isnull=False)),
                name="workspace_token_whole_or_absent",
            ),
            models.CheckConstraint(
                condition=~Q(token_sealed="") | Q(paused_at__isnull=False),
                name="workspace_without_token_is_paused",
            ),
            models.CheckConstraint(
                condition=Q(retention_hours__isnull=True) | Q(retention_hours__gt=0),
                name="workspace_retention_positive",
            ),
            models.CheckConstraint(
                condition=Q(longest_hours__isnull=True) | Q(longest_hours__gt=0),
                name="workspace_longest_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def base_url(self) -> str:
        """The Analytics Cloud origin, without a path."""
        return self.host.origin

    @property
    def is_paused(self) -> bool:
        """True while no question may be asked for this workspace."""
        return self.paused_at is not None

    @property
    def has_token(self) -> bool:
        """True when a token is stored (whether it still works is another matter)."""
        return bool(self.token_sealed)

    def read_token(self) -> AccessToken:
        """Return the token for the door to the outside.

        Raises:
            TokenUnreadable: no key in ``TOKEN_ENCRYPTION_KEYS`` opens it.
        """
        return unseal(self.token_sealed)

    @property
    def kept_hours(self) -> float:
        """Hours a file is kept from the moment it is ready."""
        return settings.EXPORT_RETENTION_HOURS if self.retention_hours is None else self.retention_hours

    @property
    def longest_kept_hours(self) -> float:
        """Hours from the moment a file is ready beyond which nobody can have it kept, pinned or not."""
        return max(LONGEST_HOURS if self.longest_hours is None else self.longest_hours, self.kept_hours)

    def role_of(self, user: "User") -> Role | None:
        """Return the person's role here; manager for a site administrator, None for a stranger."""
        if not user.is_active:
            return None
        if user.is_superuser:
            return Role.MANAGER
        found = Membership.objects.filter(workspace=self, user=user).values_list("role", flat=True).first()
        return Role(found) if found else None


class Membership(models.Model):
    """A person's role in a workspace."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(_("role"), max_length=8, choices=Role)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="membership_once"),
            models.CheckConstraint(condition=Q(role__in=[r.value for r in Role]), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} in {self.workspace_id}"
