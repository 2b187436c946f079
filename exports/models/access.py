"""Personal API tokens and signs of life."""

import hashlib
import secrets
import uuid
from datetime import datetime

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models.workspace import Workspace

PREFIX = "lac_"


class Scope(models.TextChoices):
    """What a personal API token may do, within what its person may do."""

    READ = "read", _("read lists and records")
    DOWNLOAD = "download", _("download files")
    QUEUE = "queue", _("queue, cancel and run again")
    MANAGE = "manage", _("set workspace tokens, make workspaces")


def digest(token: str) -> str:
    """Return the SHA-256 (hex) under which a personal token is stored; it has 256 random bits of its own."""
    return hashlib.sha256(token.encode()).hexdigest()


def new_token() -> str:
    """Return a new personal token, shown once."""
    return PREFIX + secrets.token_urlsafe(32)


class ApiToken(models.Model):
    """A personal API token. Only its digest is stored."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(_("name"), max_length=100)
    digest = models.CharField(max_length=64, unique=True)
    last4 = models.CharField(max_length=4)
    scopes = models.JSONField(default=list)
    workspaces = models.ManyToManyField(Workspace, blank=True, related_name="+")
    all_workspaces = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("personal API token")
        verbose_name_plural = _("personal API tokens")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} …{self.last4}"

    def is_usable(self, now: datetime) -> bool:
        """True unless revoked, expired, or its person can no longer sign in."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now) and self.user.is_active


class Heartbeat(models.Model):
    """The last sign of life of a worker process (per queue) or of the clock (beat's tick)."""

    TICK = "tick"

    name = models.CharField(max_length=120, primary_key=True)
    queues = models.CharField(max_length=100, blank=True)
    at = models.DateTimeField()
    has_left = models.BooleanField(default=False)  # ended in good order, at that time

    class Meta:
        verbose_name = _("sign of life")
        verbose_name_plural = _("signs of life")
        indexes = [models.Index(fields=["at"], name="heartbeat_at")]

    def __str__(self) -> str:
        return self.name
