"""One export: its page, and what people do with it."""

from collections.abc import Callable
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from exports.models import DerivedFile, Export, User
from exports.services import bump, cancel, downloads, expire, former, health, queue
from exports.services.masking import as_seen_by
from exports.services.refusals import Refusal
from exports.services.variants import Variant, read_variant
from exports.web import times
from exports.web.acts import act, export_for, person_of
from exports.web.details import detail_of, is_whole_days
from exports.web.files import making_of, query_of
from exports.web.guards import signed_in
from exports.web.no_file import no_file
from exports.web.rows import version_of

AFTER_MAKING = "then"  # in the address at which the page of a format in the making looks again


@require_safe
@vary_on_headers("HX-Request")
@signed_in
def export_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show an export; to htmx only its live part, or 204 when nothing changed."""
    read_at = timezone.now()
    export = export_for(request, pk)
    state = health.state()
    detail = detail_of(export, person_of(request), state, read_at=read_at)
    version = version_of(detail, state, get_language())
    is_live = "HX-Request" in request.headers
    if is_live and request.GET.get("v") == version:
        return HttpResponse(status=204)
    is_making = any(one.state == DerivedFile.State.WANTED for one in detail.formats)
    context = {
        "section": "exports",
        "export": export,
        "detail": detail,
        "row": detail.row,
        "may": detail.may,
        "health": state,
        "version": version,
        # A ready file's end comes nearer: its warning, and its end, show by themselves.
        "polls": export.is_active or detail.row.is_ready,
        "polls_seconds": 3 if export.is_active or is_making else 60,
        "whole_days": is_whole_days(export),
    }
    return render(request, "exports/detail_live.html" if is_live else "exports/detail.html", context)


def _deed(
    service: Callable[..., object], said: Callable[[Export], str]
) -> Callable[[HttpRequest, UUID], HttpResponseBase]:
    """Return the view of a button: the service does it, the page says it."""

    @require_POST
    @signed_in
    def view(request: HttpRequest, pk: UUID) -> HttpResponse:
        export = export_for(request, pk)
        person: User = person_of(request)
        return act(
            request, export.get_absolute_url(), lambda: service(user=person, export=export), lambda _done: said(export)
        )

    return view


def _said_of_cancel(export: Export) -> str:
    if export.is_active:
        return _("You have stepped back. Others still wait for this export, so it goes on.")
    return _("The export is cancelled.")


def _said_of_extension(export: Export) -> str:
    assert export.expires_at is not None
    return _("The file is kept longer: until %(at)s.") % {"at": times.moment(export.expires_at)}


cancel_export = _deed(cancel.cancel_export, _said_of_cancel)
take_over = _deed(former.take_over, lambda export: _("The export is yours now."))
extend_export = _deed(expire.extend_export, _said_of_extension)
pin_file = _deed(expire.pin_file, lambda export: _("The file is pinned: it is kept as long as the workspace allows."))
unpin_file = _deed(expire.unpin_file, lambda export: _("The file is unpinned: it is kept for the usual time from now."))
delete_file = _deed(expire.delete_file_now, lambda export: _("The file is deleted. This record stays."))


@require_POST
@signed_in
def bump_export(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Move an export to the front of the queue, with a reason."""
    export = export_for(request, pk)
    return act(
        request,
        export.get_absolute_url(),
        lambda: bump.bump_export(user=person_of(request), export=export, reason=request.POST.get("reason", "")),
        _("Moved to the front: it is asked next. Everybody reads your reason."),
    )


@require_POST
@signed_in
def run_again(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Queue the same question anew, and show the new export."""
    export = export_for(request, pk)
    asked: list[queue.Queued] = []
    said = {
        queue.Outcome.MADE: _("Queued again."),
        queue.Outcome.JOINED: _("An equal export is running: you have joined it."),
        queue.Outcome.REUSED: _("A file answers this already."),
    }

    def deed() -> queue.Queued:
        asked.append(queue.run_again(user=person_of(request), export=export))
        return asked[0]

    response = act(request, export.get_absolute_url(), deed, lambda queued: said[queued.outcome])
    if asked:
        response["Location"] = asked[0].export.get_absolute_url()
    return response


@require_safe
@signed_in
def download(request: HttpRequest, pk: UUID) -> HttpResponseBase:
    """Hand out the file; while a format is made, show how far it is (the page asks again by itself)."""
    export = export_for(request, pk)
    try:
        downloads.refuse_without_file(export)
        variant = read_variant(
            format=request.GET.get("format", "original"),
            **{name: request.GET.get(name, "") for name in ("guard", "delimiter", "bom", "gzip")},
        )
        if AFTER_MAKING in request.GET and (page := _made(request, export, variant)):
            return page
        response = downloads.file_response(request, user=person_of(request), export=export, variant=variant)
    except Refusal as refusal:
        return no_file(request, export, refusal)
    if response.status_code != 202:
        return response
    seen = as_seen_by(person_of(request), export.workspace, variant)
    page = render(request, "exports/making.html", {"section": "exports", **making_of(export, seen)}, status=202)
    page["Refresh"] = f"2; url={request.path}?{query_of(variant)}&{AFTER_MAKING}=1"
    return page


def _made(request: HttpRequest, export: Export, variant: Variant) -> HttpResponse | None:
    """Return a page that starts the download and stays: a file in its place would leave "Making" on the screen."""
    context = making_of(export, as_seen_by(person_of(request), export.workspace, variant))
    if context["file"].state != DerivedFile.State.READY:
        return None
    page = render(request, "exports/made.html", {"section": "exports", **context})
    page["Refresh"] = f"0; url={request.path}?{query_of(variant)}"
    return page
