"""The same deed for several exports of the list."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from exports.services import bulk, parcels
from exports.services.addresses import client_address
from exports.services.queue import Outcome
from exports.services.refusals import Refusal
from exports.web.acts import next_page, person_of
from exports.web.guards import signed_in
from exports.web.rows import title_of


@require_POST
@signed_in
def export_bulk(request: HttpRequest) -> HttpResponseBase:
    """Cancel, run again or download what was picked; say of each that wasn't done why."""
    try:
        # A row's own button says which it means, whatever else is picked.
        deed, _colon, only = request.POST.get("deed", "").partition(":")
        keys = bulk.read_keys([only] if only else request.POST.getlist("pick"))
        if deed == "download":
            return parcels.parcel_response(user=person_of(request), keys=keys, address=client_address(request))
        exports = bulk.picked(person_of(request), keys)
        if deed == "cancel":
            _say(request, bulk.cancel_many(user=person_of(request), exports=exports))
        elif deed == "run-again":
            _say(request, bulk.run_many_again(user=person_of(request), exports=exports))
    except Refusal as refusal:
        messages.error(request, str(refusal.message))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    return redirect(next_page(request, reverse("export-list")))


def _say(request: HttpRequest, done: list[bulk.Done]) -> None:
    queued = [one.queued.outcome for one in done if one.queued is not None]
    cancelled = sum(one.queued is None and one.refusal is None for one in done)
    made, joined = queued.count(Outcome.MADE), len(queued) - queued.count(Outcome.MADE)
    said = []
    if cancelled:
        said.append(ngettext("%(n)s export cancelled.", "%(n)s exports cancelled.", cancelled) % {"n": cancelled})
    if made:
        said.append(ngettext("%(n)s export queued.", "%(n)s exports queued.", made) % {"n": made})
    if joined:
        said.append(ngettext("%(n)s running one joined.", "%(n)s running ones joined.", joined) % {"n": joined})
    # Whoever chose all meant those that run.
    ended = sum(_had_ended(one) for one in done)
    if ended:
        said.append(ngettext("%(n)s had ended already.", "%(n)s had ended already.", ended) % {"n": ended})
    if said:
        tell = messages.success if cancelled or queued else messages.info
        tell(request, " ".join(said))
    why: dict[str, list[str]] = {}
    for one in done:
        if one.refusal is not None and not _had_ended(one):
            why.setdefault(str(one.refusal.message), []).append(title_of(one.export))
    for sentence, titles in why.items():
        messages.error(request, _("Not done for %(exports)s: %(why)s") % {"exports": _named(titles), "why": sentence})


def _had_ended(done: bulk.Done) -> bool:
    return done.refusal is not None and done.refusal.code == "already_ended"


def _named(titles: list[str]) -> str:
    if len(titles) <= 3:
        return ", ".join(titles)
    return ngettext("%(n)s export", "%(n)s exports", len(titles)) % {"n": len(titles)}
