"""Who gets to a view."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase

View = Callable[..., HttpResponseBase]


def signed_in(view: View, *, back: Callable[[HttpRequest], str] = HttpRequest.get_full_path) -> View:
    """Send strangers to the sign-in page and back.

    A page that refreshes a part of itself is told to load anew: the sign-in page has no place inside it.

    Args:
        back: the address to come back to.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if "HX-Request" in request.headers:
            return HttpResponse(status=401, headers={"HX-Refresh": "true"})
        return redirect_to_login(back(request))

    return guarded
