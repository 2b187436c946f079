"""Asking for exports: the form, its live preview, and sending it."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe
from django.views.decorators.vary import vary_on_headers

from exports.models import DataType, Preset, Workspace
from exports.services import health
from exports.services.bundles import Answered, queue_bundle
from exports.services.people import remember_formats
from exports.services.presets import NAME_LENGTH, preset_for, presets_with_rights
from exports.services.queue import Outcome, Queued
from exports.services.refusals import Forbidden, TooMany
from exports.services.variants import MADE
from exports.templatetags.portal import listed
from exports.web import bundle
from exports.web.acts import RoleTooLow, export_for, person_of, put_on_form
from exports.web.asking import (
    FIELDS,
    LISTS,
    errors_beside,
    first_guess,
    period_after,
    preset_values,
    preview_of,
    same_again,
)
from exports.web.explain import FORMATS, TYPES, USUAL_FORMATS, labels_of
from exports.web.forms.asking import AskForm
from exports.web.guards import signed_in
from exports.web.ranges import RangeKind
from exports.web.rows import version_of

FILLED_MOST = 1_200  # characters: servers take lines of 4,094, and in the address of the sign-in page it grows
# Where one of these is in the address, the formats ticked are its own, not those of last time.
_SAYS_FORMATS = {"next_of", "like", "preset", "formats"}


def _as_filled(request: HttpRequest) -> str:
    """Return the address of the form as it stands: whoever was signed out meanwhile finds it filled."""
    form = reverse("export-new")
    if request.method != "POST" and request.path == form:
        return request.get_full_path()
    sent = request.POST if request.method == "POST" else request.GET
    kept = {name: sent.getlist(name) for name in AskForm.base_fields if sent.get(name)}
    whole = urlencode(kept, doseq=True)
    kept.pop("note", None)  # the longest by far
    for query in (whole, urlencode(kept, doseq=True)):
        if len(query) <= FILLED_MOST:
            return f"{form}?{query}"
    return form


@require_http_methods(["GET", "HEAD", "POST"])
@partial(signed_in, back=_as_filled)
def export_new(request: HttpRequest) -> HttpResponse:
    """Show the form; on POST queue what it says, or check it when that button was pressed."""
    person = person_of(request)
    if request.method != "POST":
        values = _start_values(request)
        form = AskForm(initial=values, person=person)
        return show_form(request, form, AskForm(_as_query(values), person=person, is_preview=True))
    form = AskForm(request.POST, person=person)
    if not form.is_valid() or "check" in request.POST:
        return show_form(request, form, form, status=200 if form.is_valid() else 422)
    answers = _ask(request, form)
    refusals = [one.refusal for one in answers if one.refusal is not None]
    if len(refusals) < len(answers):
        remember_formats(person, form.cleaned_data["formats"])
        return _asked(request, answers, form.cleaned_data["formats"])
    for refusal in {str(one.message): one for one in refusals}.values():
        put_on_form(form, refusal, FIELDS)
    return show_form(request, form, form, status=429 if isinstance(refusals[0], TooMany) else 422)


@require_safe
@partial(signed_in, back=_as_filled)
def export_preview(request: HttpRequest) -> HttpResponse:
    """Show what the form as it stands would send."""
    form = AskForm(request.GET, person=person_of(request), is_preview=True)
    form.is_valid()
    preview = preview_of(form)
    context = {"form": form, "checked": form, "preview": preview, "beside": errors_beside(form, preview)}
    return render(request, "exports/new_preview.html", context)


@require_safe
@vary_on_headers("HX-Request")
@signed_in
def export_asked(request: HttpRequest) -> HttpResponse:
    """Show what became of each type of a bundle, and follow it."""
    answers = bundle.unpack(person_of(request), request.GET.get("r", ""))
    if not answers:
        messages.info(request, _("That page is only for who asked. These are all exports that you can see."))
        return redirect("export-list")
    version = version_of(answers, get_language())
    is_live = "HX-Request" in request.headers
    if is_live and request.GET.get("v") == version:
        return HttpResponse(status=204)
    context = {
        "section": "exports",
        "answers": answers,
        "refused": [one for one in answers if one.outcome == bundle.REFUSED],
        "version": version,
        "usual_formats": USUAL_FORMATS,
        "polls": any(one.row is not None and one.row.is_active for one in answers),
    }
    return render(request, "exports/asked_live.html" if is_live else "exports/asked.html", context)


def _start_values(request: HttpRequest) -> dict[str, object]:
    values = first_guess(person_of(request))
    for name, values_from in (("next_of", period_after), ("like", same_again)):
        if wanted := request.GET.get(name):
            try:
                values |= values_from(export_for(request, UUID(wanted)), person_of(request))
            except ValueError:
                raise Http404 from None
    if wanted := request.GET.get("preset"):
        values |= preset_values(_preset(request, wanted))
    for name in AskForm.base_fields:
        if name in request.GET and name not in ("fresh", "anyway"):
            values[name] = request.GET.getlist(name) if name in LISTS else request.GET[name]
    return values


def _preset(request: HttpRequest, wanted: str) -> Preset:
    try:
        preset = preset_for(person_of(request), UUID(wanted))
    except ValueError:
        preset = None
    if preset is None:
        raise Http404
    return preset


def _as_query(values: dict[str, object]) -> QueryDict:
    query = QueryDict(mutable=True)
    for name, value in values.items():
        query.setlist(name, [str(one) for one in value] if isinstance(value, list) else [str(value)])
    return query


def show_form(request: HttpRequest, form: AskForm, checked: AskForm, status: int = 200) -> HttpResponse:
    """Show the form as it stands, with its preview and the presets of its person."""
    checked.is_valid()
    person = person_of(request)
    context = {
        "section": "exports",
        "form": form,
        "checked": checked,
        "preview": preview_of(checked),
        "workspaces": _choices_of(form),
        "chosen_workspace": str(form["workspace"].value() or ""),
        "chosen_types": form["types"].value() or [],
        "types": [(value, DataType(value).label, words) for value, words in TYPES.items()],
        "ranges": RangeKind.choices,
        "formats": [(value, words) for value, words in FORMATS.items() if value in MADE],
        "chosen_formats": form["formats"].value() or [],
        "are_as_last_time": not form.is_bound and bool(person.last_formats) and not _SAYS_FORMATS & request.GET.keys(),
        "presets": presets_with_rights(person),
        "chosen_preset": request.GET.get("preset", ""),
        "preset_name": request.POST.get("preset_name", "")[:NAME_LENGTH],
        "health": health.state(),
    }
    return render(request, "exports/new.html", context, status=status)


def _choices_of(form: AskForm) -> list[tuple[str, str]]:
    """Return the workspaces that the form offers, each with its zone: keys and labels alone, of maybe a thousand."""
    rows: QuerySet[Workspace] = form.fields["workspace"].queryset  # type: ignore[attr-defined]
    paused = _("paused")
    return [
        (str(pk), f"{name} — {zone}" + (f" ({paused})" if paused_at else ""))
        for pk, name, zone, paused_at in rows.values_list("pk", "name", "time_zone", "paused_at")
    ]


def _ask(request: HttpRequest, form: AskForm) -> list[Answered]:
    data = form.cleaned_data
    assert form.window is not None
    try:
        return queue_bundle(
            user=person_of(request),
            workspace=data["workspace"],
            data_types=data["types"],
            range_from=form.window.start,
            range_to=form.window.end,
            name=data["name"],
            note=data["note"],
            fresh=data["fresh"],
            formats=data["formats"],
        )
    except Forbidden as refusal:
        raise RoleTooLow(str(refusal.message)) from None


def _asked(request: HttpRequest, answers: list[Answered], formats: Sequence[str]) -> HttpResponse:
    if len(answers) > 1:
        return redirect(f"{reverse('export-asked')}?{urlencode({'r': bundle.pack(person_of(request), answers)})}")
    queued: Queued | None = answers[0].queued
    assert queued is not None
    said = {
        Outcome.MADE: _("Queued. You can close this page: the export goes on."),
        Outcome.JOINED: _("An equal export was running already: you have joined it."),
        Outcome.REUSED: _("A file that is ready answers this already."),
    }
    messages.success(request, " ".join([said[queued.outcome], *_said_of(formats, queued.outcome)]))
    return redirect(queued.export)


def _said_of(formats: Sequence[str], outcome: Outcome) -> list[str]:
    """Return a sentence about formats that were chosen; none when there are none."""
    if not formats:
        return []
    names = listed(labels_of(formats))
    if outcome is Outcome.REUSED:
        return [_("Made for you now: %(formats)s.") % {"formats": names}]
    return [_("Made for you when it is ready: %(formats)s.") % {"formats": names}]
