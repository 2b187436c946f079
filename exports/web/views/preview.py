"""A look into a ready export's file without downloading it."""

from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from exports.files.profile_document import Profile
from exports.models import Export
from exports.services import downloads, health, profiles
from exports.services.masking import mask_for
from exports.services.profiles import ProfileState
from exports.services.refusals import Refusal
from exports.web import charts
from exports.web.acts import export_for, person_of
from exports.web.files import wait_sentence
from exports.web.guards import signed_in
from exports.web.no_file import no_file
from exports.web.preview import TABS, UNITS, charts_of, columns_of, table_of, whole_row
from exports.web.rows import title_of

SEARCH_MOST = 200


@require_safe
@vary_on_headers("HX-Request")
@signed_in
def file_preview(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the first rows, the columns or the charts of a file; while they are made, say so and ask again."""
    export = export_for(request, pk)
    try:
        downloads.refuse_without_file(export)
        state = profiles.look_at_profile(user=person_of(request), export=export)
    except Refusal as refusal:
        return no_file(request, export, refusal)
    is_live = "HX-Request" in request.headers
    is_waiting = state.profile is None and not state.has_failed
    waiting = _waiting(state) if is_waiting else {}
    if is_live and is_waiting and request.GET.get("waits", "") == waiting["waits"]:
        return HttpResponse(status=204)
    asked = request.GET.copy()
    asked.pop("waits", None)
    tab = request.GET.get("tab", "rows")
    context: dict[str, object] = {
        "section": "exports",
        "export": export,
        "title": title_of(export),
        "is_masked": bool(mask_for(person_of(request), export.workspace)),
        "state": state,
        "address": f"{request.path}?{asked.urlencode()}" if asked else request.path,
        "tab": tab if tab in TABS else "rows",
        "tabs": TABS.items(),
        "search": request.GET.get("q", "").strip()[:SEARCH_MOST],
    }
    context |= waiting
    if state.profile is not None:
        context |= _shown(request, export, state.profile, str(context["tab"]), str(context["search"]))
    return render(request, "exports/preview_live.html" if is_live else "exports/preview.html", context)


def _waiting(state: ProfileState) -> dict[str, object]:
    alive = health.state()
    waits = " ".join([state.waits_for, *(code for code, _sentence in alive.problems)])
    return {"health": alive, "waits": waits, "waits_for": wait_sentence(state.waits_for)}


def _shown(request: HttpRequest, export: Export, profile: Profile, tab: str, search: str) -> dict[str, object]:
    if tab == "columns":
        return {"columns": columns_of(profile, search), "uncounted": len(profile.names) - len(profile.columns)}
    if tab == "charts":
        zone = ZoneInfo(export.workspace.time_zone)
        rows_over_time, rankings = charts_of(profile, zone, request.GET.get("per", ""))
        by_hour = charts.by_hour(profile.quarters, zone)
        units = charts.units_for(profile.quarters, zone)
        return {
            "over_time": rows_over_time,
            "said": charts.said(rows_over_time) if rows_over_time else "",
            "units": [(unit, label) for unit, label in UNITS.items() if unit in units],
            "by_hour": by_hour,
            "said_by_hour": charts.said(by_hour) if by_hour else "",
            "rankings": rankings,
        }
    names, rows = table_of(profile, search)
    number = request.GET.get("row", "")
    chosen = (
        whole_row(profile, int(number), search) if number.isascii() and number.isdigit() and len(number) < 4 else None
    )
    places = {"before": chosen.number - 1, "after": chosen.number % len(rows) + 1} if chosen else {}
    if chosen and places["after"] == 1:
        places["after"] = 0
    return {"names": names, "rows": rows, "chosen": chosen, **places}
