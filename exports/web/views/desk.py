"""The list of exports with its overview: one view for the page and for its live part."""

from datetime import timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from exports.services import health
from exports.services.listing import list_exports
from exports.services.refusals import Refused
from exports.services.saved_views import views_of
from exports.services.spread import MANY
from exports.web.acts import person_of
from exports.web.first_steps import first_steps
from exports.web.forms.filters import kept_query, read_filters
from exports.web.guards import signed_in
from exports.web.places import places_of
from exports.web.rows import row_views, version_of
from exports.web.strip import overview

PAGE = 30
TOKEN_ENDS_SOON = timedelta(days=7)
BANNERS = 3  # of a kind; whoever runs hundreds of workspaces finds the rest among the workspaces


@require_safe
@vary_on_headers("HX-Request")
@signed_in
def export_list(request: HttpRequest) -> HttpResponse:
    """Show the exports of the person's workspaces; to htmx only what changed, or 204 when nothing did."""
    person = person_of(request)
    places = places_of(person)
    sees_many = len(places) > MANY
    try:
        filters = read_filters(request.GET, person)
        page = list_exports(
            user=person,
            filters=filters.meaning,
            cursor=request.GET.get("cursor") or None,
            limit=PAGE,
            sees_many=sees_many,
        )
    except Refused as refusal:
        messages.warning(request, str(refusal.message))
        return redirect("export-list")
    state = health.state()
    strip = overview(person, is_spread=sees_many)
    rows = row_views(page.items, state)
    expiring = places.with_tokens_ending_before(timezone.now() + TOKEN_ENDS_SOON)
    banners = {
        "paused_shown": places.paused[:BANNERS],
        "paused_more": len(places.paused[BANNERS:]),
        "expiring": expiring[:BANNERS],
        "expiring_more": len(expiring[BANNERS:]),
    }
    version = version_of(rows, strip, banners, places.may_ask, state, page.next_cursor, get_language())
    is_live = "HX-Request" in request.headers
    if is_live and request.GET.get("v") == version:
        return HttpResponse(status=204)
    is_all = page.next_cursor is None and not request.GET.get("cursor") and not filters.any
    context = {
        "section": "exports",
        "steps": [] if is_live else first_steps(person, places, rows, is_all=is_all),
        "filters": filters,
        "rows": rows,
        "next_cursor": page.next_cursor,
        "is_first_page": not request.GET.get("cursor"),
        "views": SimpleLazyObject(lambda: views_of(person)),  # asked when the page is drawn whole
        "kept_query": kept_query(request.GET),
        "strip": strip,
        "places": places,
        "roles": places.roles,
        "paused": places.paused,
        "approvals_waiting": strip.to_approve,
        "may_ask": places.may_ask,
        "health": state,
        "version": version,
        "is_live": is_live,
        "polls": any(row.is_active for row in rows),
    } | banners
    return render(request, "exports/desk_live.html" if is_live else "exports/desk.html", context)
