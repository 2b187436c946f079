"""What a workspace allows: how much, how long a range, which types, and which of them a manager must approve."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from exports.models.workspace import Workspace


class Whom(models.TextChoices):
    """For whom a row of limits counts."""

    TOGETHER = "together", _("Everybody together")
    EACH = "each", _("Each person")
    PERSON = "person", _("One person")


class Limits(models.Model):
    """Limits of a workspace; an empty value (None, or a list without types) doesn't limit.

    A question has to keep to the row of everybody together and to one more: the person's own where there is one, else
    that of each person. Submitting locks these rows, so that questions asked at once are counted one after another
    (services/limits.py).
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="limits")
    whom = models.CharField(max_length=8, choices=Whom)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    per_day = models.PositiveIntegerField(null=True, blank=True)
    at_once = models.PositiveIntegerField(null=True, blank=True)
    bytes_kept = models.BigIntegerField(null=True, blank=True)
    range_days = models.PositiveIntegerField(null=True, blank=True)
    retention_hours = models.FloatField(null=True, blank=True)
    types = models.JSONField(default=list)
    approval_types = models.JSONField(default=list)

    class Meta:
        verbose_name = _("limits")
        verbose_name_plural = _("limits")
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "whom"], condition=Q(user__isnull=True), name="limits_once_for_many"
            ),
            models.UniqueConstraint(
                fields=["workspace", "user"], condition=Q(user__isnull=False), name="limits_once_for_a_person"
            ),
            models.CheckConstraint(
                condition=Q(whom="person", user__isnull=False) | (~Q(whom="person") & Q(user__isnull=True)),
                name="limits_name_their_person",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.whom} in {self.workspace_id}"
