"""Who gets to a view."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase

View = Callable[..., HttpResponseBase]


def signed_in(view: View, *, back: Callable[[HttpRequest], str] | None = None) -> View:
    """Send strangers to the sign-in page and back.

    A page that refreshes a part of itself is told to load anew, or to go to the sign-in page, which has no place
    inside it.

    Args:
        back: the address to come back to, where it isn't the one that is asked for.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(request, *args, **kwargs)
        if "HX-Request" not in request.headers:
            return redirect_to_login(back(request) if back else request.get_full_path())
        way = {"HX-Redirect": redirect_to_login(back(request)).url} if back else {"HX-Refresh": "true"}
        return HttpResponse(status=401, headers=way)

    return guarded
