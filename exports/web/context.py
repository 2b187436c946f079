"""What every page needs."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language_info

from exports.models import User
from exports.services import health


def portal(request: HttpRequest) -> dict[str, Any]:
    """Return values for the frame of every page; what takes a query is looked up only where it is shown."""
    person = getattr(request, "user", None)
    return {
        "theme": getattr(person, "theme", User.Theme.SYSTEM.value),
        "languages": [(code, get_language_info(code)["name_local"]) for code, _name in settings.LANGUAGES],
        "company_sign_in": settings.OIDC_NAME if settings.OIDC_SERVER_URL else "",
        "nobody_yet": SimpleLazyObject(lambda: not User.objects.exists()),
        "health": SimpleLazyObject(health.state),
        "here": SimpleLazyObject(lambda: _here(request)),
    }


def _here(request: HttpRequest) -> str:
    """Return an address that shows this page; below a refused form that of the form, which may be sent elsewhere."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    before = request.headers.get("Referer", "")
    if not url_has_allowed_host_and_scheme(before, {request.get_host()}):
        return reverse("export-list")
    return urlsplit(before)._replace(scheme="", netloc="", fragment="").geturl()
