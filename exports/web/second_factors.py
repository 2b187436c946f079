"""Second factors and passkeys (allauth.mfa): what they are called, and names that may stand on a page."""

from typing import Any

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django import forms
from django.contrib.auth.base_user import AbstractBaseUser
from django.utils.translation import gettext as _

from exports.models import User
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.refusals import Refused
from exports.services.texts import clean_line

NAME_MOST = 100


class SecondFactors(DefaultMFAAdapter):
    """What apps and browsers call the portal."""

    def _get_site_name(self) -> str:
        return "LAC Portal"

    def generate_authenticator_name(self, user: AbstractBaseUser, type: Authenticator.Type) -> str:  # noqa: A002
        """Return the name of a passkey to which nobody gave one."""
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return _("Passkey %(n)d") % {"n": count + 1}


def _clean(name: str) -> str:
    try:
        return clean_line(name, field="name", most=NAME_MOST)
    except Refused as refusal:
        raise forms.ValidationError(str(refusal.message)) from None


class AddPasskeyForm(AddWebAuthnForm):
    """A new passkey."""

    def clean_name(self) -> str:
        """Return the name, or one of ours.

        Raises:
            ValidationError: more than one line, or control characters.
        """
        return _clean(super().clean_name())


class RenamePasskeyForm(EditWebAuthnForm):
    """A passkey's other name; on record, which allauth has no signal for."""

    def clean_name(self) -> str:
        """Return the name.

        Raises:
            ValidationError: more than one line, or control characters.
        """
        return _clean(self.cleaned_data["name"])

    def save(self) -> Any:
        """Write it."""
        renamed = super().save()
        person = self.instance.user
        assert isinstance(person, User)
        record_audit(audit_log.SECOND_FACTOR_RENAMED, actor=person, subject=person.email, on_oneself=True)
        return renamed
