"""Showing who one is once more before access tokens, API tokens and second factors are touched.

A sign-in counts as well: whoever has just typed the password isn't asked for it again.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.account.signals import authentication_step_completed
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from exports.web.guards import View

SHOWN = "shown_at"


@receiver(user_logged_in)
def note_sign_in(request: HttpRequest | None, **_more: Any) -> None:
    """Somebody has just signed in."""
    if request is not None:
        request.session[SHOWN] = timezone.now().timestamp()


@receiver(authentication_step_completed)
def note_confirmation(request: HttpRequest, **more: Any) -> None:
    """Somebody who is in has shown it once more."""
    if more.get("reauthenticated"):
        request.session[SHOWN] = timezone.now().timestamp()


def shown_lately(request: HttpRequest) -> bool:
    """True for `ACCOUNT_REAUTHENTICATION_TIMEOUT` seconds after a sign-in or a confirmation."""
    ago = timezone.now().timestamp() - request.session.get(SHOWN, 0.0)
    return bool(0 <= ago < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


def can_confirm(request: HttpRequest) -> bool:
    """False for people who have neither password nor second factor here: they sign in again instead."""
    return bool(get_reauthentication_flows(request.user))


def confirm_address(back: str) -> str:
    """Return where a person confirms who it is and is then led ``back``."""
    return f"{reverse('account-confirm')}?{urlencode({'next': back})}"


def after_confirmation(back: Callable[..., str]) -> Callable[[View], View]:
    """Let nobody do this who has not shown lately who it is; nothing of what was sent is kept meanwhile.

    Unlike allauth's own guard, which would keep a posted access token in the session's row in clear.

    Args:
        back: returns the page to come back to, from the view's keys.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if shown_lately(request):
                return view(request, *args, **kwargs)
            if request.method == "POST":
                messages.warning(
                    request, _("Nothing was changed yet: please confirm first that it is you, then do it once more.")
                )
            return redirect(confirm_address(back(**kwargs)))

        return guarded

    return decorate
