"""Refuses a person's pages when they are asked for faster than others could be served meanwhile."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from exports.services.addresses import client_address
from exports.services.flood import refuse_flood
from exports.services.refusals import TooMany

# The API counts by token (exports/api/auth.py); balancers ask for health as they like; files of ours cost nothing.
UNCOUNTED = ("/api/", "/health/", "/static/")


class FloodMiddleware:
    """Counts pages by person, those of strangers by address; after `PersonMiddleware`, in whose language it refuses."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(UNCOUNTED):
            try:
                refuse_flood(_who(request))
            except TooMany as refusal:
                return _too_fast(request, refusal)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer 429 for what a view left to us."""
        return _too_fast(request, exception) if isinstance(exception, TooMany) else None


def _who(request: HttpRequest) -> str:
    if request.user.is_authenticated:
        return f"person:{request.user.pk}"
    return f"address:{client_address(request)}"


def _too_fast(request: HttpRequest, refusal: TooMany) -> HttpResponse:
    page = render(request, "errors/429.html", {"refusal": refusal}, status=429)
    page["Retry-After"] = str(refusal.retry_seconds)
    return page
