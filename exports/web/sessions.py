"""How long a sign-in lasts, and ending those elsewhere."""

from collections.abc import Callable, Iterable
from typing import Any

from allauth.core import context
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from exports.services import audit_log
from exports.services.audit_log import record_audit

BEGAN, SEEN = "began_at", "seen_at"
SEEN_NOTED_EVERY_SECONDS = 300


@receiver(user_logged_in)
def session_begins(request: HttpRequest | None, **_more: Any) -> None:
    """Note when somebody signed in."""
    if request is not None:
        request.session[BEGAN] = request.session[SEEN] = timezone.now().timestamp()


class SessionLimitMiddleware:
    """Signs people out who left long ago, and everybody some day, however busy."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.user.is_authenticated:
            _hold_to_limits(request)
        return self.get_response(request)


def _hold_to_limits(request: HttpRequest) -> None:
    now = timezone.now().timestamp()
    began = request.session.get(BEGAN, 0.0)
    seen = request.session.get(SEEN, 0.0)
    idle, longest = settings.SESSION_IDLE_LIMIT.total_seconds(), settings.SESSION_COOKIE_AGE
    if now - began > longest or now - seen > idle:
        logout(request)
    # An open page that refreshes itself is nobody at work.
    elif now - seen > SEEN_NOTED_EVERY_SECONDS and "HX-Request" not in request.headers:
        request.session[SEEN] = now


class SessionsOnRecord(DefaultUserSessionsAdapter):
    """Ends the sessions that a person chose to end, and says so on record."""

    def end_sessions(self, sessions: Iterable[UserSession]) -> None:
        """End them: whoever holds one is a stranger at the next click."""
        ended = list(sessions)
        super().end_sessions(ended)
        person = context.request.user
        record_audit(audit_log.SESSIONS_ENDED, actor=person, subject=person.email, on_oneself=True)
