"""A person's own settings."""

from typing import Any

from django.db import transaction

from exports.models import User
from exports.services import audit_log
from exports.services.audit_log import record_audit

OWN = frozenset({"name", "language", "time_zone", "theme"})


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
