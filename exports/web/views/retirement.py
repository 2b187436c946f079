"""Archiving and deleting a workspace."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from exports.models import Export, Status
from exports.services import retirement
from exports.services.refusals import Forbidden, Refused
from exports.services.roles import require_site_administrator
from exports.web.acts import RoleTooLow, act, person_of, workspace_for
from exports.web.guards import signed_in


@require_POST
@signed_in
def workspace_archive(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take no new exports for a workspace."""
    workspace = workspace_for(request, pk)
    return act(
        request,
        reverse("workspace", args=[pk]),
        lambda: retirement.archive_workspace(actor=person_of(request), workspace=workspace),
        _("The workspace is archived. What runs goes on; its records stay."),
    )


@require_POST
@signed_in
def workspace_unarchive(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take exports again."""
    workspace = workspace_for(request, pk)
    return act(
        request,
        reverse("workspace", args=[pk]),
        lambda: retirement.unarchive_workspace(actor=person_of(request), workspace=workspace),
        _("The workspace takes exports again."),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def workspace_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Say what goes with a workspace; delete it once its name is typed (site administrators)."""
    workspace = workspace_for(request, pk)
    sentence = ""
    try:
        require_site_administrator(person_of(request))
        if request.method == "POST":
            retirement.delete_workspace(
                actor=person_of(request), workspace=workspace, typed_name=request.POST.get("name", "")
            )
            messages.success(
                request, _("“%(workspace)s” is deleted. Its record stays.") % {"workspace": workspace.name}
            )
            return redirect("workspace-list")
    except Forbidden as refusal:
        raise RoleTooLow(str(refusal.message)) from None
    except Refused as refusal:
        sentence = str(refusal.message)
    exports = Export.objects.filter(workspace=workspace).order_by()
    context = {
        "section": "workspaces",
        "workspace": workspace,
        "sentence": sentence,
        "exports": exports.count(),
        "running": exports.active().count(),
        "files": exports.filter(status=Status.READY).count(),
    }
    return render(request, "workspaces/delete.html", context, status=422 if sentence else 200)
