"""People: made, and their own settings."""

from collections.abc import Sequence
from typing import Any

from allauth.account.models import EmailAddress
from django.db import transaction

from exports.models import User
from exports.services import audit_log
from exports.services.audit_log import record_audit

PERSON_NAME_MOST = 150
OWN = frozenset({"name", "language", "time_zone", "theme"})


def make_person(*, email: str, name: str, password: str | None, language: str = "") -> User:
    """Make a person whose address has been proved: by a link that came to it, or by the company's sign-in.

    Args:
        password: checked already; None for somebody who signs in another way.
    """
    person = User.objects.create_user(email, password, name=name, language=language)
    EmailAddress.objects.create(user=person, email=person.email, verified=True, primary=True)
    return person


def change_own_settings(user: User, **settings: str) -> User:
    """Write the settings that differ from what is stored, with one entry on record.

    Args:
        settings: any of `OWN`, checked already.
    """
    assert settings.keys() <= OWN
    with transaction.atomic():
        stored = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        changes: dict[str, Any] = {name: value for name, value in settings.items() if getattr(stored, name) != value}
        if changes:
            User.objects.filter(pk=user.pk).update(**changes)
            record_audit(audit_log.SETTINGS_CHANGED, actor=user, subject=user.email, on_oneself=True, **changes)
    for name, value in changes.items():
        setattr(user, name, value)
    return user


def remember_formats(user: User, formats: Sequence[str]) -> None:
    """Keep which formats a person chose, for the next time the form opens."""
    if user.last_formats != list(formats):
        User.objects.filter(pk=user.pk).update(last_formats=list(formats))
