"""Who belongs to a workspace."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from exports.models import Role, User, Workspace
from exports.services import invitations, members
from exports.services.refusals import Refusal
from exports.services.roles import require_role
from exports.web.acts import act, person_of, put_on_form, workspace_for
from exports.web.forms.workspaces import NewMemberForm
from exports.web.guards import signed_in
from exports.web.views.workspaces import show_workspace


@require_POST
@signed_in
def member_add(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let a person in, or invite somebody who isn't here yet."""
    workspace = workspace_for(request, pk)
    form = NewMemberForm(request.POST)
    if form.is_valid():
        actor = person_of(request)
        try:
            # Asked first: whether an address is known here is for managers to learn.
            require_role(actor, workspace, Role.MANAGER)
            said = _let_in(actor, workspace, **form.cleaned_data)
        except Refusal as refusal:
            put_on_form(form, refusal)
        else:
            messages.success(request, said)
            return redirect(reverse("workspace", args=[pk]) + "#people")
    return show_workspace(request, workspace, member_form=form, status=422)


def _let_in(actor: User, workspace: Workspace, email: str, role: str) -> str:
    """Add whoever has an account here, invite whoever hasn't; return what to say of it."""
    newcomer = members.known_person(email)
    if newcomer is not None:
        members.add_member(actor=actor, workspace=workspace, user=newcomer, role=role)
        return _("%(person)s is in.") % {"person": newcomer}
    invitation = invitations.invite(actor=actor, workspace=workspace, email=email, role=role)
    return _("%(email)s is new here: an invitation is on its way and works for seven days.") % {
        "email": invitation.email
    }


@require_POST
@signed_in
def member_change(request: HttpRequest, pk: UUID, person: UUID) -> HttpResponse:
    """Give a member another role."""
    workspace = workspace_for(request, pk)
    member = _member(workspace, person)
    return act(
        request,
        reverse("workspace", args=[pk]) + "#people",
        lambda: members.change_role(
            actor=person_of(request), workspace=workspace, user=member, role=request.POST.get("role", "")
        ),
        _("The role of %(person)s is changed.") % {"person": member},
    )


@require_POST
@signed_in
def member_remove(request: HttpRequest, pk: UUID, person: UUID) -> HttpResponse:
    """Take a person out; oneself too."""
    workspace = workspace_for(request, pk)
    member = _member(workspace, person)
    actor = person_of(request)
    leaves = member == actor and not actor.is_superuser
    return act(
        request,
        reverse("workspace-list") if leaves else reverse("workspace", args=[pk]) + "#people",
        lambda: members.remove_member(actor=actor, workspace=workspace, user=member),
        _("%(person)s no longer belongs to “%(workspace)s”.") % {"person": member, "workspace": workspace.name},
    )


def _member(workspace: Workspace, person: UUID) -> User:
    found = User.objects.filter(pk=person, memberships__workspace=workspace).first()
    if found is None:
        raise Http404
    return found
