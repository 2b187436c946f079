"""Presets: the form kept under a name, and deleted again."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from exports.services import presets
from exports.services.refusals import Refusal
from exports.web.acts import act, person_of, put_on_form
from exports.web.asking import question_of
from exports.web.forms.asking import PresetForm
from exports.web.guards import signed_in
from exports.web.views.asking import show_form


@require_POST
@signed_in
def preset_save(request: HttpRequest) -> HttpResponse:
    """Keep the form as it stands; it is shown again, filled with the preset."""
    form = PresetForm(request.POST, person=person_of(request))
    if not form.is_valid():
        return show_form(request, form, form, status=422)
    data = form.cleaned_data
    try:
        preset = presets.save_preset(
            user=person_of(request),
            workspace=data["workspace"],
            name=data["preset_name"],
            question=question_of(form),
            is_shared=data["preset_shared"],
        )
    except Refusal as refusal:
        put_on_form(form, refusal)
        return show_form(request, form, form, status=422)
    messages.success(request, _("The preset is saved: choose it above whenever you need it."))
    return redirect(f"{reverse('export-new')}?preset={preset.pk}")


@require_POST
@signed_in
def preset_delete(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete a preset."""
    preset = presets.preset_for(person_of(request), pk)
    if preset is None:
        raise Http404
    return act(
        request,
        reverse("export-new"),
        lambda: presets.delete_preset(user=person_of(request), preset=preset),
        _("The preset is deleted."),
    )
