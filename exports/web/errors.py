"""Pages for what went wrong: a sentence, a way on, and for our own faults an id to find the log line by."""

import logging
import uuid

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from exports.web.acts import RoleTooLow

log = logging.getLogger(__name__)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 when the form's token is missing or old (``settings.CSRF_FAILURE_VIEW``)."""
    log.info("page.csrf_failed path=%s", request.path)
    return render(request, "errors/csrf.html", status=403)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 400; the exception's text stays away from the page."""
    return render(request, "errors/400.html", status=400)


def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 403 for a role that is too low, with the service's own sentence where there is one."""
    sentence = exception.sentence if isinstance(exception, RoleTooLow) else ""
    return render(request, "errors/403.html", {"sentence": sentence}, status=403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Answer 404, the same for what doesn't exist and what isn't the person's to see."""
    return render(request, "errors/404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with an id only.

    The page is made without context processors: the database may be what is broken.
    """
    fault = uuid.uuid4().hex[:12]
    log.error("page.failed id=%s path=%s", fault, request.path)
    return HttpResponse(render_to_string("errors/500.html", {"fault": fault}), status=500)
