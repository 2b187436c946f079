"""Requests that wait for a manager: the queue of decisions, approve, decline."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from exports.models import Export
from exports.services import approvals, health
from exports.services.refusals import Forbidden, Refusal
from exports.web.acts import RoleTooLow, act, export_for, next_page, person_of
from exports.web.forms.limits import DeclineForm
from exports.web.guards import signed_in
from exports.web.rows import row_views

SHOWN = 100


@require_safe
@signed_in
def approval_list(request: HttpRequest) -> HttpResponse:
    """Show what waits for the person's decision, the oldest first."""
    return _show(request)


@require_POST
@signed_in
def approve(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let an export take its place in the queue."""
    export = export_for(request, pk)
    return act(
        request,
        reverse("approval-list"),
        lambda: approvals.approve_export(user=person_of(request), export=export),
        _("Approved: it takes its place in the queue."),
    )


@require_POST
@signed_in
def decline(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End an export with a reason."""
    export = export_for(request, pk)
    form = DeclineForm(request.POST)
    if not form.is_valid():
        return _show(request, refused=export, sentence=str(form.errors["reason"][0]), status=422)
    try:
        approvals.decline_export(user=person_of(request), export=export, reason=form.cleaned_data["reason"])
    except Forbidden as refusal:
        raise RoleTooLow(str(refusal.message)) from None
    except Refusal as refusal:
        if refusal.field == "reason":
            return _show(request, refused=export, sentence=str(refusal.message), status=422)
        messages.error(request, str(refusal.message))
    else:
        messages.success(request, _("Declined. The person reads your reason."))
    return redirect(next_page(request, reverse("approval-list")))


def _show(
    request: HttpRequest, *, refused: Export | None = None, sentence: str = "", status: int = 200
) -> HttpResponse:
    found = list(approvals.waiting_for(person_of(request))[: SHOWN + 1])
    shown = found[:SHOWN]
    context = {
        "section": "exports",
        "requests": list(zip(shown, row_views(shown, health.state()), strict=True)),
        "has_more": len(found) > SHOWN,
        "refused": refused.pk if refused else None,
        "sentence": sentence,
    }
    return render(request, "approvals/list.html", context, status=status)
