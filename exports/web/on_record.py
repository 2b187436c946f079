"""What Django, allauth, axes and the administration do, put on record: they tell of it by signals only."""

import json
from typing import Any

from allauth.account.signals import authentication_step_completed, password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authentication_failed, authenticator_added, authenticator_removed, authenticator_reset
from allauth.socialaccount.signals import social_account_added, social_account_removed
from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE, DELETION, LogEntry
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from exports.models import AuditEntry, User
from exports.services import audit_log
from exports.services.addresses import client_address
from exports.services.audit_log import record_audit

ADMIN_DEEDS = {
    ADDITION: audit_log.ADMIN_ADDED,
    CHANGE: audit_log.ADMIN_CHANGED,
    DELETION: audit_log.ADMIN_DELETED,
}


def _on_oneself(action: str, user: User | None, request: HttpRequest | None, **data: Any) -> None:
    record_audit(
        action,
        actor=user,
        subject=user.email if user else "",
        address=client_address(request) if request else None,
        on_oneself=True,
        **data,
    )


@receiver(user_logged_in)
def signed_in(request: HttpRequest | None, user: User, **_more: Any) -> None:
    """Somebody is in: after the second factor, where there is one.

    Whoever comes by accepting an invitation is told of by that deed's own entry.
    """
    if not getattr(request, "is_on_record", False):
        _on_oneself(audit_log.SIGNED_IN, user, request, **getattr(request, "sign_in_data", {}))


@receiver(social_account_added)
def sign_in_linked(request: HttpRequest, sociallogin: Any, **_more: Any) -> None:
    """Somebody linked the company's sign-in from inside; that a sign-in did it stands in the sign-in's entry."""
    if sociallogin.state.get("process") == "connect":
        _on_oneself(audit_log.SIGN_IN_LINKED, sociallogin.user, request)


@receiver(social_account_removed)
def sign_in_unlinked(request: HttpRequest, socialaccount: Any, **_more: Any) -> None:
    """Somebody undid it."""
    _on_oneself(audit_log.SIGN_IN_UNLINKED, socialaccount.user, request)


@receiver(user_logged_out)
def signed_out(request: HttpRequest | None, user: User | None, **_more: Any) -> None:
    """Somebody has left."""
    if user is not None:
        _on_oneself(audit_log.SIGNED_OUT, user, request)


@receiver(user_login_failed)
def sign_in_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_more: Any) -> None:
    """A sign-in was refused. The receiver of axes, which counts, comes before this one.

    A lock-out is one entry, however often somebody goes on trying meanwhile: the record must not grow at a stranger's
    will.
    """
    subject, address = _tried_address(credentials), client_address(request) if request else None
    action = audit_log.SIGN_IN_LOCKED if getattr(request, "axes_locked_out", False) else audit_log.SIGN_IN_FAILED
    if action == audit_log.SIGN_IN_LOCKED:
        since = timezone.now() - settings.AXES_COOLOFF_TIME
        if AuditEntry.objects.filter(action=action, at__gt=since, subject=subject, address=address).exists():
            return
    record_audit(action, actor=None, subject=subject, address=address)


def _tried_address(credentials: dict[str, Any]) -> str:
    """Return the e-mail address that was tried; nothing when it is none: people type passwords into the wrong box."""
    tried = next((str(credentials[name]) for name in ("email", "username", "login") if credentials.get(name)), "")
    try:
        validate_email(tried)
    except ValidationError:
        return ""
    return tried.lower()


@receiver(authentication_failed)
def second_factor_failed(request: HttpRequest, user: User, **_more: Any) -> None:
    """The password was right and the second factor wrong."""
    record_audit(
        audit_log.SIGN_IN_FAILED, actor=None, subject=user.email, address=client_address(request), step="second_factor"
    )


@receiver(authentication_step_completed)
def confirmed(request: HttpRequest, user: User, method: str, **more: Any) -> None:
    """Somebody who is in has shown once more who it is."""
    if more.get("reauthenticated"):
        _on_oneself(audit_log.CONFIRMED, user, request, method=method)


@receiver([password_changed, password_set])
def changed_password(request: HttpRequest, user: User, **_more: Any) -> None:
    """A new password, by somebody who knew the old one."""
    _on_oneself(audit_log.PASSWORD_CHANGED, user, request)


@receiver(password_reset)
def reset_password(request: HttpRequest, user: User, **_more: Any) -> None:
    """A new password, by a link that came by mail."""
    _on_oneself(audit_log.PASSWORD_RESET, user, request)


@receiver(authenticator_added)
def second_factor_added(request: HttpRequest, user: User, authenticator: Any, **_more: Any) -> None:
    """A second factor; the recovery codes that come and go with the first and the last are no deed of their own."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        _on_oneself(audit_log.SECOND_FACTOR_ADDED, user, request, kind=authenticator.type)


@receiver(authenticator_removed)
def second_factor_removed(request: HttpRequest, user: User, authenticator: Any, **_more: Any) -> None:
    """A second factor less."""
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        _on_oneself(audit_log.SECOND_FACTOR_REMOVED, user, request, kind=authenticator.type)


@receiver(authenticator_reset)
def second_factor_renewed(request: HttpRequest, user: User, authenticator: Any, **_more: Any) -> None:
    """New recovery codes; the old ones no longer work."""
    _on_oneself(audit_log.SECOND_FACTOR_RENEWED, user, request, kind=authenticator.type)


@receiver(post_save, sender=LogEntry)
def administration_acted(instance: LogEntry, created: bool, **_more: Any) -> None:
    """Django's administration changed a row: which, and which of its columns; never their values."""
    if created:
        record_audit(
            ADMIN_DEEDS[instance.action_flag],
            actor=instance.user,
            subject=instance.object_repr,
            kind=f"{instance.content_type.app_label}.{instance.content_type.model}" if instance.content_type else "",
            key=str(instance.object_id or ""),
            fields=_changed_fields(instance),
        )


def _changed_fields(entry: LogEntry) -> list[str]:
    try:
        message = json.loads(entry.change_message or "[]")
    except ValueError:
        return []  # an older form of Django's, a sentence
    return [name for part in message if isinstance(part, dict) for name in part.get("changed", {}).get("fields", [])]
