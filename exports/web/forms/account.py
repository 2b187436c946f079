"""A person's own settings and API tokens."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import get_language_info
from django.utils.translation import gettext_lazy as _

from exports.models import Scope, User, Workspace
from exports.services.api_tokens import NAME_MOST
from exports.services.people import PERSON_NAME_MOST, change_own_settings
from exports.services.refusals import Refused
from exports.services.texts import clean_line
from exports.web.forms.workspaces import zone_names


class ProfileForm(forms.ModelForm):
    """Name, language, time zone and colours."""

    class Meta:
        model = User
        fields = ("name", "language", "time_zone", "theme")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        own_names = [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES]
        self.fields["language"] = forms.ChoiceField(
            label=_("Language"), required=False, choices=[("", _("Like the browser")), *own_names]
        )
        self.fields["time_zone"] = forms.ChoiceField(
            label=_("Time zone"),
            required=False,
            choices=[("", _("Like the browser")), *((name, name) for name in zone_names())],
        )

    def clean_name(self) -> str:
        """Return the name.

        Raises:
            ValidationError: more than one line, or control characters.
        """
        try:
            return clean_line(self.cleaned_data["name"], field="name", most=PERSON_NAME_MOST)
        except Refused as refusal:
            raise forms.ValidationError(str(refusal.message)) from None

    def keep(self) -> User:
        """Write what the form names, and nothing else of the row."""
        return change_own_settings(super().save(commit=False), **self.cleaned_data)


class Lifetime(models.TextChoices):
    """How long an API token works."""

    MONTH = "30", _("30 days")
    QUARTER = "90", _("90 days")
    YEAR = "365", _("1 year")
    EVER = "", _("until revoked")


class ApiTokenForm(forms.Form):
    """A new personal API token."""

    name = forms.CharField(
        max_length=NAME_MOST, error_messages={"required": _("Give it a name, such as “nightly job”.")}
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        initial=[Scope.READ, Scope.DOWNLOAD],
        error_messages={"required": _("Choose at least one thing that the token may do.")},
    )
    lifetime = forms.ChoiceField(required=False, choices=Lifetime.choices, initial=Lifetime.QUARTER)
    workspaces = forms.ModelMultipleChoiceField(
        queryset=Workspace.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "invalid_choice": _("Choose among your workspaces."),
            "invalid_pk_value": _("Choose among your workspaces."),
        },
    )

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["workspaces"].queryset = Workspace.objects.visible_to(person)  # type: ignore[attr-defined]

    def expires_at(self) -> datetime | None:
        """Return when it ends; None for never."""
        days = self.cleaned_data["lifetime"]
        return timezone.now() + timedelta(days=int(days)) if days else None
