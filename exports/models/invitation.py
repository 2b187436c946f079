"""Invitations: an address that may join a workspace, for a while and once."""

import hashlib
import hmac
import uuid
from base64 import urlsafe_b64encode
from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models.statuses import Role
from exports.models.workspace import Workspace


class Invitation(models.Model):
    """One address, invited into one workspace; open until accepted, revoked or past its time.

    The link's secret is derived from the key of the row, the number of the mail and ``SECRET_KEY`` when the mail is
    sent; only its digest is stored. ``issue`` grows with each mail, which ends the link of the one before.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="invitations")
    email = models.EmailField(_("e-mail"), max_length=254)
    role = models.CharField(_("role"), max_length=8, choices=Role)
    digest = models.CharField(max_length=64, unique=True)
    issue = models.PositiveIntegerField(default=1)
    language = models.CharField(max_length=8, blank=True, default="")
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        ordering = ["email"]
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_open_once",
            ),
            models.CheckConstraint(condition=Q(role__in=[r.value for r in Role]), name="invitation_role_known"),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True), name="invitation_ends_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"

    def is_open(self, now: datetime) -> bool:
        """True while the link works."""
        return self.accepted_at is None and self.revoked_at is None and self.expires_at > now

    def secret(self) -> str:
        """Return the secret of the link (256 bits, URL-safe); for the mail alone."""
        message = f"invitation:{self.pk}:{self.issue}".encode()
        made = hmac.new(settings.SECRET_KEY.encode(), message, hashlib.sha256).digest()
        return urlsafe_b64encode(made).decode().rstrip("=")


def digest_of_secret(secret: str) -> str:
    """Return the SHA-256 (hex) under which the secret of a link is stored."""
    return hashlib.sha256(secret.encode()).hexdigest()
