"""What people keep for the next time: presets of the form that asks, and views of the list."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models.workspace import Workspace


class Preset(models.Model):
    """A filled form under a name: its maker's own, or everybody's who may ask in the workspace.

    ``question`` holds the form's inputs as they were typed: "last month" stays "last month" and is worked out when
    the preset is used.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="presets")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="presets")
    is_shared = models.BooleanField(default=False)
    name = models.CharField(_("name"), max_length=80)
    question = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("preset")
        verbose_name_plural = _("presets")
        ordering = [Lower("name"), "id"]
        constraints = [
            models.UniqueConstraint(
                "workspace", Lower("name"), condition=Q(is_shared=True), name="preset_name_once_for_the_workspace"
            ),
            models.UniqueConstraint(
                "workspace", "user", Lower("name"), condition=Q(is_shared=False), name="preset_name_once_for_a_person"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SavedView(models.Model):
    """A person's filters and order of the list, as they stand in its address, under a name."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(_("name"), max_length=80)
    query = models.CharField(max_length=1000, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        ordering = [Lower("name"), "id"]
        constraints = [models.UniqueConstraint("user", Lower("name"), name="saved_view_name_once")]

    def __str__(self) -> str:
        return self.name
