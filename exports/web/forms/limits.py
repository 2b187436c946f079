"""Forms of a workspace's limits and approvals."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from exports.models import DataType, Limits, Role, User, Workspace
from exports.services.limits import GIGABYTE, MOST, MOST_HOURS, NUMBERS, Allowed
from exports.services.masking import COLUMNS_MOST, NAME_MOST, ROLES

WHOLE = _("Give a whole number from 1, or leave it empty.")
FIELDS = {"bytes_kept": "gigabytes"}


class LimitsForm(forms.Form):
    """One row of limits; an empty input doesn't limit, and no type chosen means all of them."""

    per_day = forms.IntegerField(
        label=_("New exports a day"), required=False, min_value=1, max_value=MOST, error_messages={"invalid": WHOLE}
    )
    at_once = forms.IntegerField(
        label=_("Exports under way at once"),
        required=False,
        min_value=1,
        max_value=MOST,
        error_messages={"invalid": WHOLE},
    )
    gigabytes = forms.FloatField(label=_("Files kept, in GB"), required=False, min_value=0.001, max_value=1_000_000)
    range_days = forms.IntegerField(
        label=_("Longest range, in days"),
        required=False,
        min_value=1,
        max_value=MOST,
        error_messages={"invalid": WHOLE},
    )
    retention_hours = forms.FloatField(
        label=_("Files kept, in hours at most"), required=False, min_value=0.01, max_value=MOST_HOURS
    )
    types = forms.MultipleChoiceField(label=_("Only these types"), required=False, choices=DataType.choices)

    @classmethod
    def of(cls, row: Limits | None, prefix: str | None = None) -> "LimitsForm":
        """Return the form filled with what is."""
        return cls(prefix=prefix, initial=cls.values_of(row))

    @classmethod
    def values_of(cls, row: Limits | None) -> dict[str, Any]:
        """Return what the form's inputs say of a row."""
        if row is None:
            return {}
        gigabytes = None if row.bytes_kept is None else row.bytes_kept / GIGABYTE
        return {
            **{name: getattr(row, name) for name in NUMBERS if name not in FIELDS},
            "gigabytes": gigabytes,
            "types": row.types,
        }

    def allowed(self, approval_types: tuple[str, ...] = ()) -> Allowed:
        """Return what a checked form says."""
        data = self.cleaned_data
        gigabytes = data["gigabytes"]
        return Allowed(
            per_day=data["per_day"],
            at_once=data["at_once"],
            bytes_kept=None if gigabytes is None else max(round(gigabytes * GIGABYTE), 1),
            range_days=data["range_days"],
            retention_hours=data["retention_hours"],
            types=tuple(data["types"]),
            approval_types=approval_types,
        )


class ApprovalForm(forms.Form):
    """Which types a manager must approve."""

    approval_types = forms.MultipleChoiceField(required=False, choices=DataType.choices)


class MaskingForm(forms.Form):
    """Which columns are masked, one on a line, and for whom."""

    masked_columns = forms.CharField(required=False, max_length=COLUMNS_MOST * NAME_MOST)
    masked_roles = forms.MultipleChoiceField(required=False, choices=[(role.value, role.label) for role in ROLES])

    @classmethod
    def of(cls, workspace: Workspace) -> "MaskingForm":
        """Return the form filled with what is."""
        return cls(
            initial={
                "masked_columns": "\n".join(workspace.masked_columns),
                "masked_roles": workspace.masked_roles or [role.value for role in ROLES],
            }
        )


class DeclineForm(forms.Form):
    """Why not."""

    reason = forms.CharField(max_length=300, error_messages={"required": _("Say why: the person reads it.")})


def may_ask(members: list[Any]) -> list[User]:
    """Return the members whose limits can matter: viewers ask for nothing."""
    return [member.user for member in members if Role(member.role).may_ask]
