"""What happened: append-only rows for people to read."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models.export import Export
from exports.models.workspace import Workspace


class ExportEvent(models.Model):
    """One thing that happened to an export; written through `exports.services.events`, never changed.

    The database refuses to change or delete it (`exports.models.append_only`), also when its export is deleted: then
    ``export_id`` names a row that is gone.
    """

    export = models.ForeignKey(Export, on_delete=models.DO_NOTHING, db_constraint=False, related_name="events")
    at = models.DateTimeField(default=timezone.now)
    code = models.CharField(max_length=40)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("export event")
        verbose_name_plural = _("export events")
        ordering = ["at", "id"]
        indexes = [models.Index(fields=["export", "at", "id"], name="event_timeline")]

    def __str__(self) -> str:
        return f"{self.code} {self.export_id}"


class AuditEntry(models.Model):
    """Who did what, for administrators; written through `exports.services.audit_log`, never changed.

    Holds copies beside foreign keys where the thing may go: the record outlives it. The database refuses to change or
    delete it (`exports.models.append_only`).
    """

    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(max_length=40)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+")
    actor_email = models.CharField(max_length=254, blank=True)
    as_site_administrator = models.BooleanField(default=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.SET_NULL, null=True, related_name="audit_entries")
    workspace_name = models.CharField(max_length=100, blank=True)
    subject = models.CharField(max_length=200, blank=True)
    address = models.GenericIPAddressField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit entries")
        ordering = ["-at", "-id"]
        indexes = [
            # The record by keyset: everything, a workspace's, one kind of deed (services/audit_trail.py).
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["workspace", "-at", "-id"], name="audit_newest_here"),
            models.Index(fields=["action", "-at", "-id"], name="audit_newest_action"),
        ]

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
        verbose_name = _("download")
        verbose_name_plural = _("downloads")
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["export", "-at"], name="download_log")]

    def __str__(self) -> str:
        return f"{self.format} of {self.export_id}"
