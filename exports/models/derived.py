"""Other formats of a stored file, made once on demand by the convert worker."""

from django.db import models
from django.utils import timezone

from exports.models.export import Export


class DerivedFile(models.Model):
    """One format of one export's file: asked for, being made, made, or failed with a reason.

    ``variant`` names format and choices (``csv``, ``csv-noguard``; services/variants.py). ``mask`` names the columns
    that are hidden in it. The row goes with the export's file.
    """

    class State(models.TextChoices):
        WANTED = "wanted"
        READY = "ready"
        FAILED = "failed"

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="derived_files")
    format = models.CharField(max_length=12)
    variant = models.CharField(max_length=60)
    mask = models.JSONField(default=list)
    state = models.CharField(max_length=8, choices=State, default=State.WANTED)
    wanted_at = models.DateTimeField(default=timezone.now)
    started_at = models.DateTimeField(null=True, blank=True)  # the making that goes on or went well
    leased_until = models.DateTimeField(null=True, blank=True)
    rung_at = models.DateTimeField(null=True, blank=True)
    fence = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    done_rows = models.BigIntegerField(default=0)
    stored_name = models.CharField(max_length=120, blank=True, default="")
    bytes = models.BigIntegerField(null=True, blank=True)
    sha256 = models.CharField(max_length=64, blank=True, default="")
    made_at = models.DateTimeField(null=True, blank=True)
    # Why it failed; of a wanted one, what it waits for.
    error_code = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        indexes = [
            # The tick's search for formats to make (services/formats.py).
            models.Index(fields=["wanted_at"], name="derived_wanted", condition=models.Q(state="wanted")),
        ]
        constraints = [
            models.UniqueConstraint(fields=["export", "variant"], name="derived_once"),
            models.CheckConstraint(
                condition=~models.Q(state="ready")
                | (~models.Q(stored_name="") & ~models.Q(sha256="") & models.Q(bytes__isnull=False)),
                name="derived_ready_has_file",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.variant} of {self.export_id}"

    @property
    def waits_for(self) -> str:
        """The code of what a wanted one waits for, when that is more than its turn; otherwise nothing."""
        return self.error_code if self.state == self.State.WANTED else ""
