"""Each request in its person's language and time zone, and the headers every answer carries."""

import zoneinfo
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.urls import is_valid_path
from django.utils import timezone, translation

from exports.services.addresses import client_address
from exports.services.audit_log import coming_from

ZONE_COOKIE = "time_zone"
# Nothing here needs a sensor, a payment or the person's position, and no embedded page gets them either.
PERMISSIONS_POLICY = (
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), "
    "payment=(), usb=(), interest-cohort=()"
)
WITHOUT_PERSON = ("/api/", "/health/", "/static/")


class BalancerMiddleware:
    """Lets balancers ask for our health under whatever name or address they know us by.

    Everything else is answered only under ``ALLOWED_HOSTS``; nothing in these answers depends on the name.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._public_host = urlsplit(settings.PUBLIC_URL).netloc

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith("/health/"):
            request.get_host = lambda: self._public_host  # type: ignore[method-assign]
        return self.get_response(request)


class AddressMiddleware:
    """Has the record of deeds say from which address each was done."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with coming_from(client_address(request)):
            return self.get_response(request)


class AccountMethodsMiddleware:
    """Closes the side doors of the library's account pages: they are forms, and some act on PUT or DELETE.

    A passkey removed by DELETE would leave no entry on record.
    """

    METHODS = ("GET", "HEAD", "POST", "OPTIONS")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """Answer 405 to whatever no form sends."""
        if request.path.startswith("/accounts/") and request.method not in self.METHODS:
            return HttpResponseNotAllowed(self.METHODS)
        return None


class MethodPageMiddleware:
    """Puts a page where browsers would show one of their own: somebody opened the address that a form is sent to."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_looking = request.method in ("GET", "HEAD") and not request.path.startswith(WITHOUT_PERSON)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED or not is_looking:
            return response
        page = render(request, "errors/405.html", {"way_back": _page_above(request.path)}, status=response.status_code)
        page["Allow"] = response.headers.get("Allow", "POST")
        return page


def _page_above(path: str) -> str:
    """Return the address of the next page above one: forms are sent to addresses below the page that shows them."""
    while (path := path.rstrip("/").rpartition("/")[0] + "/") != "/":
        if is_valid_path(path):
            return path
    return path


class PermissionsPolicyMiddleware:
    """Tells browsers what no page here needs, on every answer, refused ones too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        return response


class PersonMiddleware:
    """Activates the signed-in person's language and time zone; has no cache keep what a person sees.

    A person without a chosen time zone sees times in the browser's, told by a cookie that the pages' script sets, else
    in ``settings.TIME_ZONE``. Machine interfaces know neither.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(WITHOUT_PERSON):
            response = self.get_response(request)
        else:
            is_somebody = request.user.is_authenticated  # asked first: signing out makes nobody of them
            with timezone.override(_zone_of(request)):
                _speak_language_of(request)
                response = self.get_response(request)
            if is_somebody or request.user.is_authenticated:
                response.setdefault("Cache-Control", "no-store")
        return response


def _speak_language_of(request: HttpRequest) -> None:
    language = getattr(request.user, "language", "")
    if language in dict(settings.LANGUAGES):
        translation.activate(language)
        request.LANGUAGE_CODE = translation.get_language()


def _zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    """Return the zone to show times in; None deactivates, which means ``settings.TIME_ZONE``."""
    for name in (getattr(request.user, "time_zone", ""), request.COOKIES.get(ZONE_COOKIE, "")):
        if name:
            try:
                return zoneinfo.ZoneInfo(name)
            except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
                continue  # a cookie is anybody's text; an unknown name is no zone
    return None
