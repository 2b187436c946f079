"""The form that asks for exports."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db import models
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.models import DataType, Role, User, Workspace
from exports.services.presets import NAME_LENGTH as PRESET_NAME_LENGTH
from exports.services.queue import NAME_LENGTH, NOTE_LENGTH
from exports.services.variants import MADE
from exports.web import ranges
from exports.web.explain import FORMATS
from exports.web.ranges import RangeKind, RangeRefused, Window

RANGE_FIELDS = ("range", "first_day", "last_day", "exact_from", "exact_to")


class ExactZone(models.TextChoices):
    """In which zone exact times are meant."""

    WORKSPACE = "workspace", gettext_lazy("the workspace’s time zone")
    UTC = "utc", gettext_lazy("UTC")


class WallClockField(forms.Field):
    """A date and time as typed, in no zone unless it names one."""

    def to_python(self, value: Any) -> datetime | None:
        """Return the time; None for an empty input."""
        text = str(value or "").strip()
        if not text:
            return None
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            raise forms.ValidationError(_("Write the time like 2026-10-01T09:30 or 2026-10-01T09:30:00.000.")) from None


class WorkspaceField(forms.ModelChoiceField):
    """One of the workspaces in which the person may ask; what is no id at all isn't one of them either."""

    def to_python(self, value: Any) -> Any:
        """Return the workspace; None for an empty input."""
        try:
            return super().to_python(value)
        except forms.ValidationError:
            raise forms.ValidationError(self.error_messages["invalid_choice"], code="invalid_choice") from None


class AskForm(forms.Form):
    """Workspace, types, range; knows the window that will be sent and what speaks against it.

    ``doubts`` are soft refusals (field, sentence): the person may insist with ``anyway``.
    """

    workspace = WorkspaceField(
        queryset=Workspace.objects.none(),
        empty_label=None,
        error_messages={
            "required": gettext_lazy("Choose a workspace."),
            "invalid_choice": gettext_lazy("You can’t ask for exports here: that needs the role “Member”."),
        },
    )
    types = forms.MultipleChoiceField(
        choices=DataType.choices,
        error_messages={
            "required": gettext_lazy("Choose at least one type of data."),
            "invalid_choice": gettext_lazy("Choose one of the data types."),
        },
    )
    range = forms.ChoiceField(
        choices=RangeKind.choices, error_messages={"required": gettext_lazy("Choose which days you need.")}
    )
    first_day = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    last_day = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    exact_from = WallClockField(required=False)
    exact_to = WallClockField(required=False)
    exact_zone = forms.ChoiceField(required=False, choices=ExactZone.choices)
    name = forms.CharField(required=False, max_length=NAME_LENGTH)
    formats = forms.MultipleChoiceField(
        required=False,
        choices=[(name, FORMATS[name].label) for name in MADE],
        error_messages={"invalid_choice": gettext_lazy("Choose one of the formats offered.")},
    )
    note = forms.CharField(required=False, max_length=NOTE_LENGTH)
    fresh = forms.BooleanField(required=False)
    anyway = forms.BooleanField(required=False)

    def __init__(self, *args: Any, person: User, is_preview: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        places = Workspace.objects.where_role(person, Role.MEMBER).filter(archived_at__isnull=True)
        self.fields["workspace"].queryset = places.select_related("host")  # type: ignore[attr-defined]
        self.person = person
        self.is_preview = is_preview
        self.place: Workspace | None = None
        self.window: Window | None = None
        self.doubts: list[tuple[str, str | Promise]] = []

    @property
    def is_range_refused(self) -> bool:
        """Whether something is said against the days, other than that they are still to be chosen."""
        errors = self.errors.as_data()
        said = (error for name in RANGE_FIELDS for error in errors.get(name, ()))
        return any(error.code != "required" for error in said)

    @property
    def zone(self) -> ZoneInfo | None:
        """The chosen workspace's time zone."""
        return ZoneInfo(self.place.time_zone) if self.place else None

    def clean(self) -> dict[str, Any]:
        """Find the window and what speaks against it."""
        data = self.cleaned_data
        # Kept apart: a refusal takes the workspace out of the data, and the preview with its "anyway" needs it still.
        self.place = workspace = data.get("workspace")
        zone = self.zone
        if zone is not None and data.get("range"):
            try:
                self.window = self._find_window(zone)
            except RangeRefused as refused:
                self.add_error(refused.field, refused.message)
        if workspace is not None and workspace.is_paused:
            self.doubts.append(("workspace", _("This workspace is paused: the export would wait until it is resumed.")))
        if self.window is not None and ranges.is_outside_retention(self.window.start, timezone.now()):
            self.doubts.append(
                (
                    "range",
                    _("This begins more than 13 months ago, before what Analytics Cloud keeps: it would refuse."),
                )
            )
        if self.window is not None and self.window.start > timezone.now():
            self.doubts.append(("range", _("This hasn’t begun yet: the file would have no rows.")))
        if not data.get("anyway") and not self.is_preview:
            for field, sentence in self.doubts:
                self.add_error(field, str(sentence))
        return data

    def _find_window(self, zone: ZoneInfo) -> Window | None:
        data = self.cleaned_data
        kind = data["range"]
        if kind == RangeKind.DAYS:
            first = self._needed("first_day", _("Choose the first day."))
            last = self._needed("last_day", _("Choose the last day."))
            if isinstance(first, date) and isinstance(last, date):
                return ranges.days_window(first, last, zone)
            return None
        if kind == RangeKind.EXACT:
            start = self._needed("exact_from", _("Say when it begins."))
            end = self._needed("exact_to", _("Say when it ends."))
            if not (isinstance(start, datetime) and isinstance(end, datetime)):
                return None
            meant = UTC if data.get("exact_zone") == ExactZone.UTC else zone
            return ranges.exact_window(start, end, meant)
        return ranges.preset_window(kind, zone, timezone.now())

    def _needed(self, field: str, sentence: str) -> Any:
        value = self.cleaned_data.get(field)
        if value is None and field not in self.errors and not self.is_preview:
            self.add_error(field, sentence)
        return value


class PresetForm(AskForm):
    """The form kept as a preset: it must say what to ask, but it may be kept while something speaks against asking."""

    preset_name = forms.CharField(
        max_length=PRESET_NAME_LENGTH, error_messages={"required": gettext_lazy("Give the preset a name.")}
    )
    preset_shared = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        """Check the question; doubts don't matter until it is asked."""
        self.cleaned_data["anyway"] = True
        return super().clean()
