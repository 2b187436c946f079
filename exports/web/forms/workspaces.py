"""Forms of a workspace: its settings, its token, its people."""

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.models import Role, Workspace
from exports.services.tokens import TOKEN_MOST
from exports.services.workspaces import NAME_MOST, time_zones


def zone_names() -> list[str]:
    """Return the zones worth choosing, in order."""
    return sorted(name for name in time_zones() if "/" in name and not name.startswith(("Etc/", "SystemV/"))) + ["UTC"]


class WorkspaceForm(forms.Form):
    """Name, address and time zone; the services say what can't be."""

    name = forms.CharField(max_length=NAME_MOST, strip=True)
    base_url = forms.CharField(max_length=300)
    time_zone = forms.CharField(max_length=64)

    @staticmethod
    def origins() -> list[str]:
        """The addresses that tokens may go to."""
        return list(settings.ANALYTICS_CLOUD_ORIGINS)


class NewWorkspaceForm(WorkspaceForm):
    """A workspace that isn't there yet, with its token where it is at hand."""

    token = forms.CharField(required=False, max_length=2 * TOKEN_MOST, strip=True)

    @classmethod
    def first_guess(cls) -> dict[str, str]:
        """Return what it begins with: who makes a workspace mostly lives by its clock."""
        here = timezone.get_current_timezone_name()
        return {"base_url": cls.origins()[0], "time_zone": here if here in zone_names() else "UTC"}


class SettingsForm(WorkspaceForm):
    """A workspace's settings."""

    retention_hours = forms.FloatField(required=False)
    longest_hours = forms.FloatField(required=False)

    @classmethod
    def of(cls, workspace: Workspace) -> "SettingsForm":
        """Return the form filled with what is."""
        return cls(
            initial={
                "name": workspace.name,
                "base_url": workspace.base_url,
                "time_zone": workspace.time_zone,
                "retention_hours": workspace.retention_hours,
                "longest_hours": workspace.longest_hours,
            }
        )


class TokenLifetime(models.TextChoices):
    """What Analytics Cloud offers when a token is made there (analytics-cloud-api.md §2); months as numbers."""

    UNKNOWN = "", _("I don’t know")
    DAYS_30 = "30-days", _("in 30 days")
    MONTHS_6 = "6", _("in 6 months")
    YEAR = "12", _("in 1 year")
    NEVER = "never", _("never")


def _months_after(day: date, months: int) -> date:
    """Return the same day of a later month, or that month's last."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return day.replace(year=year, month=month + 1, day=min(day.day, monthrange(year, month + 1)[1]))


class TokenForm(forms.Form):
    """An access token; its text is never put back into a page."""

    token = forms.CharField(max_length=2 * TOKEN_MOST, error_messages={"required": _("Paste the access token here.")})
    lifetime = forms.ChoiceField(required=False, choices=TokenLifetime.choices)
    expires_on = forms.DateField(required=False, input_formats=["%Y-%m-%d"])
    anyway = forms.BooleanField(required=False)

    # True when nothing could be learnt about the token: the person may save it untried.
    can_insist = False

    def never_expires(self) -> bool:
        """Tell whether it was said to have no end."""
        return self.cleaned_data["expires_on"] is None and self.cleaned_data["lifetime"] == TokenLifetime.NEVER

    def expires_at(self, workspace: Workspace) -> datetime | None:
        """Return the end of the last day in the workspace's zone; the day given comes before the span chosen."""
        day = self.cleaned_data["expires_on"]
        span = self.cleaned_data["lifetime"]
        if day is None and span in (TokenLifetime.UNKNOWN, TokenLifetime.NEVER):
            return None
        if day is None:
            today = timezone.localdate(timezone=ZoneInfo(workspace.time_zone))
            day = today + timedelta(days=30) if span == TokenLifetime.DAYS_30 else _months_after(today, int(span))
        return datetime.combine(day, time(23, 59, 59), tzinfo=ZoneInfo(workspace.time_zone))


class NewMemberForm(forms.Form):
    """A person to let in."""

    email = forms.EmailField(max_length=254)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)


class RoleForm(forms.Form):
    """A member's new role."""

    role = forms.ChoiceField(choices=Role.choices)
