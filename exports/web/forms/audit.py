"""The filters of the record of deeds."""

from datetime import date, datetime, time, timedelta

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from exports.analytics_cloud.dates import YEARS
from exports.services.audit_trail import TrailFilters
from exports.web.audit_words import DEEDS, FAMILIES

# Days that have a midnight, and a day after them, in every time zone.
NEAR = [MinValueValidator(date(YEARS[0], 1, 1)), MaxValueValidator(date(YEARS[-1], 12, 31))]


def _choices() -> list[tuple[object, object]]:
    grouped: list[tuple[object, object]] = [("", _("Everything"))]
    for family, label in FAMILIES.items():
        deeds = [(action, deed.label) for action, deed in DEEDS.items() if action.startswith(family)]
        whole = [(family, label)] if len(deeds) > 1 else []
        grouped.append((label, [*whole, *deeds]))
    return grouped


class TrailForm(forms.Form):
    """What, who, which days (of the person who looks)."""

    action = forms.ChoiceField(required=False, choices=_choices)
    person = forms.CharField(required=False, max_length=254)
    subject = forms.CharField(required=False, max_length=200)
    since = forms.DateField(required=False, input_formats=["%Y-%m-%d"], validators=NEAR)
    until = forms.DateField(required=False, input_formats=["%Y-%m-%d"], validators=NEAR)

    def filters(self) -> TrailFilters:
        """Return what a checked form means: both days included."""
        data = self.cleaned_data
        return TrailFilters(
            action=data["action"],
            person=data["person"],
            subject=data["subject"],
            since=_midnight(data["since"]),
            until=_midnight(data["until"] and data["until"] + timedelta(days=1)),
        )

    @property
    def narrows(self) -> bool:
        """True when something is left out."""
        return any(self.data.get(name) for name in self.fields)


def _midnight(day: date | None) -> datetime | None:
    return timezone.make_aware(datetime.combine(day, time())) if day else None
