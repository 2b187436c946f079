"""Invitations: the page behind the link that came by mail, and what managers do with those that wait."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from exports.models import Invitation, User, Workspace
from exports.services import invitations
from exports.services.members import known_person
from exports.services.refusals import Refusal
from exports.web.accounts import sign_in_newcomer
from exports.web.acts import act, person_of, put_on_form, workspace_for
from exports.web.forms.invitations import NewcomerForm
from exports.web.guards import signed_in


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, secret: str) -> HttpResponse:
    """Show who invites whom where; on POST let in the person who is signed in, or make the one who isn't here yet."""
    found = invitations.invited(secret)
    if found is None:
        return render(request, "invitations/over.html", status=404)
    form = NewcomerForm(request.POST or None)
    if request.method == "POST" and isinstance(request.user, User):
        return _join(request, found, secret)
    if request.method == "POST" and form.is_valid():
        try:
            person = invitations.accept_as_newcomer(
                secret=secret, name=form.cleaned_data["name"], password=form.cleaned_data["password"]
            )
        except Refusal as refusal:
            put_on_form(form, refusal)
        else:
            sign_in_newcomer(request, person)
            return _welcome(request, found.workspace)
    context = {
        "invitation": found,
        "form": form,
        "is_mine": isinstance(request.user, User) and request.user.email.lower() == found.email.lower(),
        "has_account": known_person(found.email) is not None,
    }
    return render(request, "invitations/invitation.html", context, status=422 if form.errors else 200)


def _join(request: HttpRequest, found: Invitation, secret: str) -> HttpResponse:
    try:
        workspace = invitations.accept(person=person_of(request), secret=secret)
    except Refusal as refusal:
        messages.error(request, str(refusal.message))
        return redirect("invitation", secret)
    return _welcome(request, workspace)


def _welcome(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    messages.success(request, _("Welcome to “%(workspace)s”.") % {"workspace": workspace.name})
    return redirect(f"{reverse('export-list')}?workspace={workspace.pk}")


@require_POST
@signed_in
def resend(request: HttpRequest, pk: UUID, invitation: UUID) -> HttpResponse:
    """Send a new link."""
    found = _invitation(request, pk, invitation)
    return act(
        request,
        reverse("workspace", args=[pk]) + "#people",
        lambda: invitations.resend(actor=person_of(request), invitation=found),
        _("The invitation of %(email)s is on its way again. The link before no longer works.") % {"email": found.email},
    )


@require_POST
@signed_in
def revoke(request: HttpRequest, pk: UUID, invitation: UUID) -> HttpResponse:
    """End an invitation."""
    found = _invitation(request, pk, invitation)
    return act(
        request,
        reverse("workspace", args=[pk]) + "#people",
        lambda: invitations.revoke(actor=person_of(request), invitation=found),
        _("The invitation of %(email)s is revoked.") % {"email": found.email},
    )


def _invitation(request: HttpRequest, pk: UUID, invitation: UUID) -> Invitation:
    workspace = workspace_for(request, pk)
    found = Invitation.objects.filter(pk=invitation, workspace=workspace).select_related("workspace").first()
    if found is None:
        raise Http404
    return found
