"""The page in place of a file that there is not: why, and what leads on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from exports.models import Export
from exports.services.refusals import Later, Refusal, Refused
from exports.web.acts import person_of

MISREAD = 400  # an address that no page leads to


def no_file(request: HttpRequest, export: Export, refusal: Refusal) -> HttpResponse:
    """Return the page that says why an export has no file for this person, or none right now."""
    is_misread = isinstance(refusal, Refused)
    status = MISREAD if is_misread else refusal.http_status
    role = export.workspace.role_of(person_of(request))
    context = {
        "export": export,
        "sentence": refusal.message,
        "status": status,
        "section": "exports",
        "is_masked": refusal.code == "masked",
        "is_for_later": isinstance(refusal, Later),
        "is_misread": is_misread,
        "may_run_again": role is not None and role.may_ask,
    }
    page = render(request, "exports/no_file.html", context, status=status)
    if isinstance(refusal, Later):
        page["Retry-After"] = str(refusal.retry_seconds)
    return page
