"""The page in place of a file that there is not: why, and what leads on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from exports.models import Export
from exports.services.refusals import Forbidden, Gone, Refusal, TooMany, Unavailable, WrongState
from exports.web.acts import person_of

STATUS_OF: dict[type[Refusal], int] = {Forbidden: 403, Gone: 410, TooMany: 429, Unavailable: 503, WrongState: 409}
MISREAD = 400  # an address that no page leads to


def no_file(request: HttpRequest, export: Export, refusal: Refusal) -> HttpResponse:
    """Return the page that says why an export has no file for this person, or none right now."""
    status = STATUS_OF.get(type(refusal), MISREAD)
    retry_seconds = refusal.retry_seconds if isinstance(refusal, TooMany | Unavailable) else None
    role = export.workspace.role_of(person_of(request))
    context = {
        "export": export,
        "sentence": refusal.message,
        "status": status,
        "section": "exports",
        "is_masked": refusal.code == "masked",
        "is_for_later": retry_seconds is not None,
        "is_misread": status == MISREAD,
        "may_run_again": role is not None and role.may_ask,
    }
    page = render(request, "exports/no_file.html", context, status=status)
    if retry_seconds is not None:
        page["Retry-After"] = str(retry_seconds)
    return page
