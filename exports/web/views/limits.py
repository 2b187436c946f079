"""Limits of a workspace, and which types need a manager's approval."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from exports.models import DataType, Limits, Role, User, Whom, Workspace
from exports.services import limits, masking
from exports.services.members import members_of
from exports.services.refusals import Refusal
from exports.services.roles import require_role
from exports.templatetags.portal import listed
from exports.web.acts import RoleTooLow, act, person_of, put_on_form, workspace_for
from exports.web.forms.limits import FIELDS, ApprovalForm, LimitsForm, MaskingForm, may_ask
from exports.web.guards import signed_in


def _managed(request: HttpRequest, pk: UUID) -> Workspace:
    workspace = workspace_for(request, pk)
    try:
        require_role(person_of(request), workspace, Role.MANAGER)
    except Refusal as refusal:
        raise RoleTooLow(str(refusal.message)) from None
    return workspace


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def workspace_limits(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Show the limits; on POST save those of everybody together and of each person, and the approvals."""
    workspace = _managed(request, pk)
    if request.method != "POST":
        return _show(request, workspace)
    together, each = (LimitsForm(request.POST, prefix=whom.value) for whom in (Whom.TOGETHER, Whom.EACH))
    approval = ApprovalForm(request.POST)
    if all(form.is_valid() for form in (together, each, approval)):
        try:
            limits.set_limits(
                actor=person_of(request),
                workspace=workspace,
                together=together.allowed(tuple(approval.cleaned_data["approval_types"])),
                each=each.allowed(),
            )
        except Refusal as refusal:
            put_on_form(together, refusal)
        else:
            messages.success(request, _("The limits are saved. They count for what is asked from now on."))
            return redirect("workspace-limits", pk)
    return _show(request, workspace, together=together, each=each, approval=approval, status=422)


@require_POST
@signed_in
def workspace_masking(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Save which columns are masked for whom."""
    workspace = _managed(request, pk)
    form = MaskingForm(request.POST)
    if form.is_valid():
        try:
            masking.set_masking(
                actor=person_of(request),
                workspace=workspace,
                columns=form.cleaned_data["masked_columns"].splitlines(),
                roles=form.cleaned_data["masked_roles"],
            )
        except Refusal as refusal:
            put_on_form(form, refusal)
        else:
            messages.success(request, _("Saved. It counts from the next download and preview on."))
            workspace.refresh_from_db(fields=["masked_columns"])
            if unknown := masking.unknown_columns(workspace):
                names = listed(unknown)
                said = _("No type of data is known to have these columns: %(names)s. Check how they are written.")
                messages.warning(request, said % {"names": names})
            return redirect(reverse("workspace-limits", args=[pk]) + "#masking")
    return _show(request, workspace, masked=form, status=422)


@require_POST
@signed_in
def person_limits(request: HttpRequest, pk: UUID, person: UUID) -> HttpResponse:
    """Save the limits of one member."""
    workspace = _managed(request, pk)
    member = _person(workspace, person)
    form = LimitsForm(request.POST, prefix=Whom.PERSON.value)
    if form.is_valid():
        try:
            limits.set_limits_of_person(
                actor=person_of(request), workspace=workspace, user=member, allowed=form.allowed()
            )
        except Refusal as refusal:
            put_on_form(form, refusal, FIELDS)
        else:
            messages.success(request, _("%(person)s has limits of their own now.") % {"person": member})
            return redirect(reverse("workspace-limits", args=[pk]) + "#people")
    return _show(request, workspace, person=member, person_form=form, status=422)


@require_POST
@signed_in
def person_limits_remove(request: HttpRequest, pk: UUID, person: UUID) -> HttpResponse:
    """Have one member keep to what counts for each person again."""
    workspace = _managed(request, pk)
    member = _person(workspace, person)
    return act(
        request,
        reverse("workspace-limits", args=[pk]) + "#people",
        lambda: limits.set_limits_of_person(actor=person_of(request), workspace=workspace, user=member, allowed=None),
        _("The limits of each person count for %(person)s again.") % {"person": member},
    )


def _person(workspace: Workspace, key: UUID) -> User:
    """Return a member, or somebody who has limits here still.

    Raises:
        Http404: neither.
    """
    members = User.objects.filter(pk=key, memberships__workspace=workspace)
    with_limits = User.objects.filter(pk=key, pk__in=Limits.objects.filter(workspace=workspace).values("user"))
    found = members.first() or with_limits.first()
    if found is None:
        raise Http404
    return found


def _show(
    request: HttpRequest,
    workspace: Workspace,
    *,
    together: LimitsForm | None = None,
    each: LimitsForm | None = None,
    approval: ApprovalForm | None = None,
    person: User | None = None,
    person_form: LimitsForm | None = None,
    masked: MaskingForm | None = None,
    status: int = 200,
) -> HttpResponse:
    rows = limits.limits_of(workspace)
    many = {Whom(row.whom): row for row in rows if row.user is None}
    own = {row.user: row for row in rows if row.user is not None}
    people = may_ask(members_of(workspace))
    if person is None and (wanted := request.GET.get("person")):
        person = next((one for one in [*people, *own] if str(one.pk) == wanted), None)
    if person is not None and person_form is None:
        person_form = LimitsForm.of(own.get(person), prefix=Whom.PERSON.value)
    rule = many.get(Whom.TOGETHER)
    context = {
        "section": "workspaces",
        "workspace": workspace,
        "together": together or LimitsForm.of(many.get(Whom.TOGETHER), prefix=Whom.TOGETHER.value),
        "each": each or LimitsForm.of(many.get(Whom.EACH), prefix=Whom.EACH.value),
        "approval": approval or ApprovalForm(initial={"approval_types": rule.approval_types if rule else []}),
        "types": DataType.choices,
        "masking": masked or MaskingForm.of(workspace),
        "own": [(user, limits.summary(row)) for user, row in own.items()],
        "people": [user for user in people if user not in own],
        "person": person,
        "person_form": person_form,
    }
    return render(request, "workspaces/limits.html", context, status=status)
