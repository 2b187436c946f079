"""The search page, and the same as a part for the palette."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from exports.services.listing import TEXT_MOST
from exports.web import finding
from exports.web.acts import person_of
from exports.web.guards import signed_in


@require_safe
@vary_on_headers("HX-Request")
@signed_in
def find(request: HttpRequest) -> HttpResponse:
    """Show what a text finds; to htmx only that."""
    text = request.GET.get("q", "").strip()[:TEXT_MOST]
    groups = finding.find(person_of(request), text)
    context = {"section": "find", "text": text, "groups": groups, "said": finding.said_of(groups)}
    return render(request, "find/results.html" if "HX-Request" in request.headers else "find/page.html", context)
