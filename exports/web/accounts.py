"""Sign-in through django-allauth, with the door for strangers closed."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from exports.models import User
from exports.services.addresses import client_address
from exports.web.confirm import can_confirm, confirm_address, shown_lately

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@dataclass(frozen=True)
class Site:
    """What the mails call us."""

    name: str
    domain: str


def sign_in_newcomer(request: HttpRequest, person: User) -> None:
    """Sign in somebody who has just accepted an invitation and chosen a password; its entry on record tells of it."""
    request.is_on_record = True  # type: ignore[attr-defined]
    login(request, person, backend=BACKEND)


class ClosedAccountAdapter(DefaultAccountAdapter):
    """People are invited by managers or added by administrators; nobody signs up."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The e-mail address or the password isn’t right."),
        "enter_current_password": _("This isn’t your password."),
        "incorrect_password": _("This isn’t your password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False always."""
        return False

    def is_reauthentication_required(self, *, app: str, **_more: Any) -> bool:
        """Return False for a while after somebody has shown who it is, at the sign-in too.

        Raises:
            ImmediateHttpResponse: the person has nothing to show but a new sign-in.
        """
        request = context.request
        if shown_lately(request):
            return False
        if not can_confirm(request):
            raise ImmediateHttpResponse(redirect(confirm_address(request.get_full_path())))
        return True

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return where a request came from, as the record of deeds has it."""
        return client_address(request) or "0.0.0.0"  # noqa: S104  # nosec B104  # says "unknown", binds nothing

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send a mail that names the portal by its own address, whatever host a visitor asked for."""
        host = urlsplit(settings.PUBLIC_URL).netloc
        super().send_mail(template_prefix, email, {**context, "current_site": Site(name="LAC Portal", domain=host)})

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Return the link of a mail: to our own address, whatever host a visitor asked for."""
        asked = urlsplit(super().get_reset_password_from_key_url(key))
        return f"{settings.PUBLIC_URL}{asked.path}"
