"""This week in numbers: a page of its own, and a part of the list that comes after it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from exports.web.acts import person_of
from exports.web.guards import signed_in
from exports.web.week import kept_bars, span, weeks_of


@require_safe
@vary_on_headers("HX-Request")
@signed_in
def week(request: HttpRequest) -> HttpResponse:
    """Show the last seven days; to htmx only the charts."""
    person = person_of(request)
    context = {
        "section": "exports",
        "weeks": weeks_of(person),
        "kept": kept_bars(person),
        "span": span(),
        "zone": timezone.get_current_timezone_name(),
    }
    is_part = "HX-Request" in request.headers
    return render(request, "exports/week_charts.html" if is_part else "exports/week.html", context)
