"""Asking for exports: the form, its live preview, and sending it."""

from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from exports.models import DataType
from exports.services import health
from exports.services.queue import Outcome, Queued, queue_export
from exports.services.refusals import Refusal, TooMany
from exports.web.acts import export_for, person_of, put_on_form
from exports.web.asking import first_guess, period_after, preview_of
from exports.web.explain import TYPES
from exports.web.forms.asking import AskForm
from exports.web.guards import signed_in
from exports.web.ranges import RangeKind

# What the services call an input, and what the form calls it.
FIELDS = {"type": "types", "from": "range", "to": "range"}


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def export_new(request: HttpRequest) -> HttpResponse:
    """Show the form; on POST queue what it says, or check it when that button was pressed."""
    person = person_of(request)
    if request.method != "POST":
        values = _start_values(request)
        form = AskForm(initial=values, person=person)
        return _show(request, form, AskForm(_as_query(values), person=person, is_preview=True))
    form = AskForm(request.POST, person=person)
    if form.is_valid() and "check" not in request.POST:
        try:
            return _queued(request, _queue(request, form))
        except Refusal as refusal:
            put_on_form(form, refusal, FIELDS)
            return _show(request, form, form, status=429 if isinstance(refusal, TooMany) else 422)
    return _show(request, form, form, status=200 if form.is_valid() else 422)


@require_safe
@signed_in
def export_preview(request: HttpRequest) -> HttpResponse:
    """Show what the form as it stands would send."""
    form = AskForm(request.GET, person=person_of(request), is_preview=True)
    form.is_valid()
    return render(request, "exports/new_preview.html", {"form": form, "checked": form, "preview": preview_of(form)})


def _start_values(request: HttpRequest) -> dict[str, object]:
    values = first_guess(person_of(request))
    if wanted := request.GET.get("next_of"):
        try:
            values |= period_after(export_for(request, UUID(wanted)))
        except ValueError:
            raise Http404 from None
    for name in AskForm.base_fields:
        if name in request.GET and name not in ("fresh", "anyway"):
            values[name] = request.GET.getlist(name) if name == "types" else request.GET[name]
    return values


def _as_query(values: dict[str, object]) -> QueryDict:
    query = QueryDict(mutable=True)
    for name, value in values.items():
        query.setlist(name, [str(one) for one in value] if isinstance(value, list) else [str(value)])
    return query


def _show(request: HttpRequest, form: AskForm, checked: AskForm, status: int = 200) -> HttpResponse:
    checked.is_valid()
    workspaces = list(form.fields["workspace"].queryset)  # type: ignore[attr-defined]
    context = {
        "section": "exports",
        "form": form,
        "checked": checked,
        "preview": preview_of(checked),
        "workspaces": workspaces,
        "chosen_types": form["types"].value() or [],
        "types": [(value, DataType(value).label, words) for value, words in TYPES.items()],
        "ranges": RangeKind.choices,
        "health": health.state(),
    }
    return render(request, "exports/new.html", context, status=status)


def _queue(request: HttpRequest, form: AskForm) -> list[Queued]:
    data = form.cleaned_data
    assert form.window is not None
    with transaction.atomic():  # several types are asked together or not at all
        return [
            queue_export(
                user=person_of(request),
                workspace=data["workspace"],
                data_type=data_type,
                range_from=form.window.start,
                range_to=form.window.end,
                name=data["name"],
                note=data["note"],
                fresh=data["fresh"],
            )
            for data_type in data["types"]
        ]


def _queued(request: HttpRequest, asked: list[Queued]) -> HttpResponse:
    if len(asked) == 1:
        said = {
            Outcome.MADE: _("Queued. This page follows it; you can close it, the export goes on."),
            Outcome.JOINED: _("An equal export was running already: you have joined it."),
            Outcome.REUSED: _("A file that is ready answers this already."),
        }
        messages.success(request, said[asked[0].outcome])
        return redirect(asked[0].export)
    counts = {outcome: sum(one.outcome is outcome for one in asked) for outcome in Outcome}
    parts = [
        ngettext("%(n)s export queued.", "%(n)s exports queued.", counts[Outcome.MADE]) % {"n": counts[Outcome.MADE]}
        if counts[Outcome.MADE]
        else "",
        ngettext("%(n)s running one joined.", "%(n)s running ones joined.", counts[Outcome.JOINED])
        % {"n": counts[Outcome.JOINED]}
        if counts[Outcome.JOINED]
        else "",
        ngettext("%(n)s file was there already.", "%(n)s files were there already.", counts[Outcome.REUSED])
        % {"n": counts[Outcome.REUSED]}
        if counts[Outcome.REUSED]
        else "",
    ]
    messages.success(request, " ".join(part for part in parts if part))
    return redirect("export-list")
