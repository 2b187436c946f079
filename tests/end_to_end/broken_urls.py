"""The portal's addresses, and two that break."""

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.urls import path

from lacportal import urls

handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500


def refuse(request: HttpRequest) -> HttpResponse:
    """Break as a forged request does."""
    raise SuspiciousOperation("secret detail")


def fall(request: HttpRequest) -> HttpResponse:
    """Break as a defect does."""
    raise RuntimeError("secret detail")


urlpatterns = [path("broken/400/", refuse), path("broken/500/", fall), *urls.urlpatterns]
