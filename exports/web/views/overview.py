"""The last seven days in numbers: a page of its own, and a part of the list that comes after it."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from exports.services.spread import sees_many
from exports.web.acts import person_of
from exports.web.guards import signed_in
from exports.web.week import kept_bars, span, weeks_of


@require_safe
@vary_on_headers("HX-Request")
@signed_in
def week(request: HttpRequest) -> HttpResponse:
    """Show the last seven days; to htmx only the charts."""
    person = person_of(request)
    is_spread = sees_many(person)
    context = {
        "section": "exports",
        "weeks": weeks_of(person, is_spread=is_spread),
        "kept": kept_bars(person, is_spread=is_spread),
        "span": span(),
        "zone": timezone.get_current_timezone_name(),
    }
    is_part = "HX-Request" in request.headers
    return render(request, "exports/week_charts.html" if is_part else "exports/week.html", context)
