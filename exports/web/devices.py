"""Browsers in which somebody has been in, known by a signed cookie: strangers’ guesses can’t lock that person out.

It opens nothing by itself: all it does is to spare its person the throttle that counts everybody's guesses together.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from allauth.account.signals import password_reset
from django.conf import settings
from django.contrib.auth.signals import user_logged_in
from django.core import signing
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from exports.models import User

KNOWN_FOR = timedelta(days=180)
SALT = "exports.web.devices"


class DeviceMiddleware:
    """Leaves the cookie in a browser in which somebody has just shown who it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        person = getattr(request, "shown_to_be", None)
        if person is not None:
            response.set_cookie(
                settings.DEVICE_COOKIE_NAME,
                signing.dumps(_known_as(person.email), salt=SALT),
                max_age=KNOWN_FOR,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response


@receiver([user_logged_in, password_reset])
def note_person(request: HttpRequest | None, user: User, **_more: Any) -> None:
    """Somebody knew the password and the second factor, or reads the mail of that address."""
    if request is not None:
        request.shown_to_be = user  # type: ignore[attr-defined]


def is_known_device(request: HttpRequest, email: str) -> bool:
    """True when the person with this address has been in in this browser lately."""
    cookie = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    try:
        said = signing.loads(cookie, salt=SALT, max_age=KNOWN_FOR)
    except signing.BadSignature:
        return False
    return bool(email) and said == _known_as(email)


def _known_as(email: str) -> str:
    return signing.Signer(salt=SALT).signature(email.lower())
