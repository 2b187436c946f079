"""The page in place of a file that there is not: why, and what leads on."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from exports.models import Export
from exports.services.refusals import Refusal, Refused
from exports.web.acts import person_of


def no_file(request: HttpRequest, export: Export, refusal: Refusal, *, status: int) -> HttpResponse:
    """Return the page that says why an export has no file for this person."""
    role = export.workspace.role_of(person_of(request))
    context = {
        "export": export,
        "sentence": refusal.message,
        "status": status,
        "section": "exports",
        "is_masked": refusal.code == "masked",
        "is_misread": isinstance(refusal, Refused),
        "may_run_again": role is not None and role.may_ask,
    }
    return render(request, "exports/no_file.html", context, status=status)
