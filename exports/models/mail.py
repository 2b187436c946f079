"""Mails to be sent: rows first, so that no mail server's mood reaches a page or a step of an export."""

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models.invitation import Invitation
from exports.models.workspace import Workspace


class Mail(models.Model):
    """One mail to one person, or to an invited address; written by `exports.services.mails`, worded when it is sent.

    ``key`` says what it tells whom: the same is never told twice. ``due_at`` is not null until it was sent or given up;
    pushing it ahead by compare-and-swap on ``fence`` claims it.
    """

    class Kind(models.TextChoices):
        TOKEN_EXPIRING = "token_expiring"  # noqa: S105 - what is told, no secret
        TOKEN_REJECTED = "token_rejected"  # noqa: S105
        APPROVAL_ASKED = "approval_asked"
        APPROVED = "approved"
        DECLINED = "declined"
        INVITED = "invited"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=200, unique=True)
    kind = models.CharField(max_length=20, choices=Kind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+")
    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, null=True, related_name="+")
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="+")
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(null=True, blank=True)
    fence = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField(null=True, blank=True)
    problem = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        indexes = [
            # The search for what is to be sent (services/mails.py).
            models.Index(fields=["due_at"], name="mail_due", condition=models.Q(due_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(user__isnull=False, invitation__isnull=True)
                | models.Q(user__isnull=True, invitation__isnull=False),
                name="mail_to_one",
            ),
        ]

    def __str__(self) -> str:
        return self.key
