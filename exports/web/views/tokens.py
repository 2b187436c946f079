"""A workspace's access token: saved, tried, forgotten; never shown."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from exports.services import token_test, tokens
from exports.services.refusals import Forbidden, Refusal
from exports.services.token_test import Verdict
from exports.web.acts import RoleTooLow, act, person_of, put_on_form, workspace_for
from exports.web.confirm import after_confirmation
from exports.web.forms.workspaces import TokenForm
from exports.web.guards import signed_in
from exports.web.views.workspaces import show_workspace


@sensitive_post_parameters("token")
@require_POST
@signed_in
@after_confirmation(lambda pk: reverse("workspace", args=[pk]) + "#token")
def token_set(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Save a token that Analytics Cloud accepts; the lane goes on with it."""
    workspace = workspace_for(request, pk)
    form = TokenForm(request.POST)
    if form.is_valid():
        try:
            tokens.set_tried_token(
                actor=person_of(request),
                workspace=workspace,
                token=form.cleaned_data["token"],
                expires_at=form.expires_at(workspace),
                never_expires=form.never_expires(),
                anyway=form.cleaned_data["anyway"],
            )
        except Refusal as refusal:
            form.can_insist = refusal.code == "token_untried"
            put_on_form(form, refusal, {"expires_at": "expires_on"})
        else:
            messages.success(request, _("The token is saved."))
            return redirect(reverse("workspace", args=[pk]) + "#token")
    return show_workspace(request, workspace, token_form=form, status=422)


@require_POST
@signed_in
def token_test_view(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Ask Analytics Cloud whether it accepts the token; makes no export."""
    workspace = workspace_for(request, pk)
    try:
        tested = token_test.test_token(actor=person_of(request), workspace=workspace)
    except Forbidden as refusal:
        raise RoleTooLow(str(refusal.message)) from None
    except Refusal as refusal:
        messages.error(request, str(refusal.message))
    else:
        say = messages.success if tested.verdict is Verdict.ACCEPTED else messages.warning
        say(request, tested.message)
    return redirect(reverse("workspace", args=[pk]) + "#token")


@require_POST
@signed_in
@after_confirmation(lambda pk: reverse("workspace", args=[pk]) + "#token")
def token_forget(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete the token; the workspace waits for another."""
    workspace = workspace_for(request, pk)
    return act(
        request,
        reverse("workspace", args=[pk]) + "#token",
        lambda: tokens.forget_token(actor=person_of(request), workspace=workspace),
        _("The token is deleted. The workspace waits for another."),
    )
