"""Workspaces: who is in them, whether they run, what they are called."""

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from exports.models import Export, PauseCode, Role, Workspace
from exports.models.workspace import LONGEST_HOURS
from exports.services import pauses, workspaces
from exports.services.invitations import open_invitations
from exports.services.listing import TEXT_MOST
from exports.services.members import members_of
from exports.services.refusals import Refusal
from exports.services.reminders import expiry_of
from exports.services.roles import require_site_administrator
from exports.web.acts import RoleTooLow, act, person_of, put_on_form, workspace_for
from exports.web.confirm import after_confirmation, confirm_address, shown_lately
from exports.web.forms.workspaces import NewMemberForm, NewWorkspaceForm, SettingsForm, TokenForm, zone_names
from exports.web.guards import signed_in
from exports.web.places import places_of

TILES = 60


@require_safe
@signed_in
def workspace_list(request: HttpRequest) -> HttpResponse:
    """Show the person's workspaces by name, a page of them; ``q`` narrows to names that hold its words."""
    person = person_of(request)
    text = request.GET.get("q", "").strip()[:TEXT_MOST]
    words = text.casefold().split()
    places = places_of(person)
    named = [place.id for place in places if all(word in place.name.casefold() for word in words)]
    page = Paginator(named, TILES).get_page(request.GET.get("page"))
    context = {
        "section": "workspaces",
        "has_any": bool(places),
        "is_long": len(places) > TILES,
        "text": text,
        "page": page,
        "workspaces": workspaces.with_numbers(page.object_list),
        "archived": Workspace.objects.visible_to(person).filter(archived_at__isnull=False),
    }
    return render(request, "workspaces/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
@after_confirmation(lambda: reverse("workspace-new"))
def workspace_new(request: HttpRequest) -> HttpResponse:
    """Make a workspace: site administrators only."""
    person = person_of(request)
    try:
        require_site_administrator(person)
    except Refusal as refusal:
        raise RoleTooLow(str(refusal.message)) from None
    form = NewWorkspaceForm(request.POST or None, initial=NewWorkspaceForm.first_guess())
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            made = workspaces.create_workspace(
                actor=person,
                name=data["name"],
                base_url=data["base_url"],
                time_zone=data["time_zone"],
                token=data["token"] or None,
            )
        except Refusal as refusal:
            put_on_form(form, refusal)
        else:
            messages.success(request, _("The workspace is there. Add its people below."))
            return redirect("workspace", made.pk)
    context = {"section": "workspaces", "form": form, "zones": zone_names(), "origins": form.origins()}
    return render(request, "workspaces/new.html", context, status=422 if form.errors else 200)


@require_safe
@signed_in
def workspace_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show a workspace: everybody its people and state, managers its token and settings."""
    return show_workspace(request, workspace_for(request, pk))


@require_POST
@signed_in
def workspace_settings(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Save name, address, time zone and how long files are kept."""
    workspace = workspace_for(request, pk)
    form = SettingsForm(request.POST)
    if form.is_valid():
        data = form.cleaned_data
        person = person_of(request)
        try:
            workspaces.update_workspace(
                actor=person,
                workspace=workspace,
                name=data["name"],
                base_url=data["base_url"],
                time_zone=data["time_zone"],
                retention_hours=data["retention_hours"],
                longest_hours=data["longest_hours"],
            )
        except Refusal as refusal:
            put_on_form(form, refusal)
        else:
            messages.success(request, _("The settings are saved."))
            return redirect("workspace", pk)
    return show_workspace(request, workspace_for(request, pk), settings_form=form, status=422)


@require_POST
@signed_in
def workspace_pause(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop asking for this workspace."""
    workspace = workspace_for(request, pk)
    return act(
        request,
        reverse("workspace", args=[pk]),
        lambda: pauses.pause_by_manager(actor=person_of(request), workspace=workspace),
        _("The workspace is paused. Its exports keep their places."),
    )


@require_POST
@signed_in
def workspace_resume(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let a workspace go on."""
    workspace = workspace_for(request, pk)
    said = _("The workspace goes on.")
    if workspace.pause_code == PauseCode.TOKEN_REJECTED:
        said = _(
            "The workspace goes on. Its token was rejected last time: the next question shows whether it works now."
        )
    return act(
        request,
        reverse("workspace", args=[pk]),
        lambda: pauses.resume_by_manager(actor=person_of(request), workspace=workspace),
        said,
    )


def show_workspace(
    request: HttpRequest,
    workspace: Workspace,
    *,
    settings_form: SettingsForm | None = None,
    token_form: TokenForm | None = None,
    member_form: NewMemberForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """Show the workspace's page, with a form that was refused in its place."""
    person = person_of(request)
    role = workspace.role_of(person)
    manages = role is Role.MANAGER
    running = Export.objects.filter(workspace=workspace, due_at__isnull=False)
    context = {
        "section": "workspaces",
        "workspace": workspace,
        "place": workspace,
        # Nothing waits for the token of an archived one in which nothing runs.
        "tells_of_pause": workspace.is_paused and (workspace.archived_at is None or running.exists()),
        "role": role,
        "manages": manages,
        "members": members_of(workspace),
        "invitations": open_invitations(workspace) if manages else [],
        "now": timezone.now(),
        "shown_lately": shown_lately(request),
        "confirm_url": confirm_address(reverse("workspace", args=[workspace.pk]) + "#token"),
        "roles": Role.choices,
        "settings_form": settings_form or SettingsForm.of(workspace),
        "token_form": token_form or TokenForm(),
        "member_form": member_form or NewMemberForm(initial={"role": Role.MEMBER}),
        "zones": zone_names() if manages else [],
        "origins": SettingsForm.origins(),
        "expiry": expiry_of(workspace) if manages else None,
        "default_hours": f"{settings.EXPORT_RETENTION_HOURS:g}",
        "default_longest": f"{LONGEST_HOURS:g}",
    }
    return render(request, "workspaces/detail.html", context, status=status)
