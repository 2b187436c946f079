"""Addresses of the JSON API, to be included at ``api/v1/``. Whatever is not here is a problem document too."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, re_path
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt

from exports.api import problems
from exports.api.v1 import api, openapi

View = Callable[..., HttpResponseBase]


def _as_api(view: View) -> View:
    """Wrap a view: no cookie lets anybody in (hence no CSRF), nothing is cached, and 405 is a problem as well."""

    @csrf_exempt
    @wraps(view, updated=())
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code == 405:
            headers = {"Allow": response.headers["Allow"]}
            response = problems.problem(
                405, "method_not_allowed", _("This address does not take this method."), headers=headers
            )
        response.setdefault("Cache-Control", "no-store")
        return response

    return answer


urlpatterns = [
    path("openapi.json", _as_api(openapi), name="api-openapi"),
    *(
        URLPattern(pattern.pattern, _as_api(pattern.callback), pattern.default_args, pattern.name)
        for pattern in api.urls[0]
        if isinstance(pattern, URLPattern) and pattern.name != "api-root"
    ),
    re_path(r"", _as_api(problems.not_found), name="api-nothing"),
]
