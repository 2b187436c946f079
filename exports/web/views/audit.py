"""Who did what: the record, its filters, and its files."""

from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from exports.models import AuditEntry, Workspace
from exports.services.audit_trail import (
    TrailFilters,
    as_csv,
    as_json_lines,
    checked_filters,
    note_taken,
    page_of_trail,
    trail,
)
from exports.services.flood import take_stream, when_closed
from exports.services.refusals import Forbidden, Refused
from exports.web.acts import RoleTooLow, person_of, put_on_form, workspace_for
from exports.web.entries import entry_views
from exports.web.forms.audit import TrailForm
from exports.web.guards import signed_in

PAGE = 50
FILES = {
    "csv": ("text/csv; charset=utf-8", as_csv),
    "jsonl": ("application/x-ndjson", as_json_lines),
}


@require_safe
@signed_in
def audit(request: HttpRequest) -> HttpResponse:
    """Show the whole record (site administrators)."""
    return _show(request, None)


@require_safe
@signed_in
def workspace_audit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the record of a workspace (its managers)."""
    return _show(request, workspace_for(request, pk))


@require_safe
@signed_in
def audit_file(request: HttpRequest, format: str) -> HttpResponseBase:  # noqa: A002 - the field's word
    """Hand out the whole record, filtered as the page is."""
    return _hand_out(request, None, format)


@require_safe
@signed_in
def workspace_audit_file(request: HttpRequest, pk: UUID, format: str) -> HttpResponseBase:  # noqa: A002 - the field's word
    """Hand out the record of a workspace."""
    return _hand_out(request, workspace_for(request, pk), format)


def _rows(request: HttpRequest, workspace: Workspace | None, filters: TrailFilters) -> QuerySet[AuditEntry]:
    try:
        return trail(reader=person_of(request), workspace=workspace, filters=filters)
    except Forbidden as refusal:
        raise RoleTooLow(str(refusal.message)) from None


def _filters(form: TrailForm) -> TrailFilters | None:
    """Return what the form says; None when it says what can't be, which then stands at its inputs."""
    if form.is_valid():
        try:
            return checked_filters(form.filters())
        except Refused as refusal:
            put_on_form(form, refusal)
    return None


def _show(request: HttpRequest, workspace: Workspace | None) -> HttpResponse:
    form = TrailForm(request.GET)
    filters = _filters(form)
    rows = _rows(request, workspace, filters or TrailFilters())
    entries, cursor = [], None
    if filters is not None:
        try:
            page = page_of_trail(rows, cursor=request.GET.get("cursor") or None, limit=PAGE)
        except Refused as refusal:
            form.add_error(None, str(refusal.message))
        else:
            entries, cursor = entry_views(page.items), page.next_cursor
    context = {
        "section": "workspaces" if workspace else "audit",
        "workspace": workspace,
        "form": form,
        "entries": entries,
        "next_cursor": cursor,
        "is_first_page": not request.GET.get("cursor"),
    }
    return render(request, "audit/trail.html", context, status=422 if form.errors else 200)


def _hand_out(request: HttpRequest, workspace: Workspace | None, format_name: str) -> HttpResponseBase:
    filters = _filters(TrailForm(request.GET))
    rows = _rows(request, workspace, filters or TrailFilters())
    if filters is None:
        return _show(request, workspace)
    content_type, lines = FILES[format_name]
    # What is written from now on, this entry first, belongs to the next file.
    rows = rows.filter(at__lt=timezone.now())
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse(content_type=content_type)
    else:
        give_back = take_stream(str(person_of(request).pk))
        note_taken(reader=person_of(request), workspace=workspace, format=format_name)
        response = StreamingHttpResponse(lines(rows), content_type=content_type)
        when_closed(response, give_back)
    day = f"{timezone.localdate():%Y-%m-%d}"
    response["Content-Disposition"] = f'attachment; filename="audit-{day}.{format_name}"'
    response["Cache-Control"] = "no-store"
    return response
