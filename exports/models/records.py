"""What happened: append-only rows for people to read."""

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models.export import Export
from exports.models.workspace import Workspace


class ExportEvent(models.Model):
    """One thing that happened to an export; written through `exports.services.events`, never changed."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    code = models.CharField(max_length=40)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["export", "at", "id"], name="event_timeline")]

    def __str__(self) -> str:
        return f"{self.code} {self.export_id}"


class AuditEntry(models.Model):
    """Who did what, for administrators; written through `exports.services.audit_log`, never changed.

    Holds copies instead of foreign keys where the thing may go: the record outlives it.
    """

    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(max_length=40)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    actor_email = models.CharField(max_length=254, blank=True)
    as_site_administrator = models.BooleanField(default=False)
    workspace = models.ForeignKey(
        Workspace, on_delete=models.SET_NULL, null=True, related_name="audit_entries"
    )
    subject = models.CharField(max_length=200, blank=True)
    address = models.GenericIPAddressField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["workspace", "-at"], name="audit_workspace")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"


class Download(models.Model):
    """One download of a file: who, when, from where, which format, how many bytes were sent."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="downloads")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    address = models.GenericIPAddressField(null=True)
    format = models.CharField(max_length=12)
    bytes = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["export", "-at"], name="download_log")]

    def __str__(self) -> str:
        return f"{self.format} of {self.export_id}"
