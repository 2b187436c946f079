"""The form behind an invitation's link."""

from django import forms
from django.utils.translation import gettext_lazy as _

from exports.services.people import PERSON_NAME_MOST


class NewcomerForm(forms.Form):
    """Name and password of somebody who was invited; what can't be is the service's to say."""

    name = forms.CharField(required=False, max_length=PERSON_NAME_MOST)
    password = forms.CharField(
        max_length=1000, strip=False, error_messages={"required": _("Choose a password.")}, widget=forms.PasswordInput
    )
