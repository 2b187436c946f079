"""What an answer to the form would be, before it is sent: the window, and who answers it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.utils import timezone

from exports.models import DataType, Export, Limits, Preset, Role, User, Workspace
from exports.services import history, home
from exports.services.limits import Line, lines_for, needs_approval, refuse_question, rules_of
from exports.services.queue import Equal, look_for_equals
from exports.services.refusals import Refused
from exports.services.wishes import formats_wanted
from exports.web import estimates, ranges, times
from exports.web.forms.asking import AskForm, ExactZone
from exports.web.ranges import RangeKind, Window
from exports.web.rows import EXPIRES_SOON

# What the services call an input, and what the form calls it.
FIELDS = {"type": "types", "from": "range", "to": "range"}
# Inputs that can be refused while the form is filled.
CHECKED = ("workspace", "types", "range", "first_day", "last_day", "exact_from", "exact_to", "formats", "name", "note")
LISTS = ("types", "formats")


@dataclass(frozen=True)
class Answer:
    """What would answer one type: an export that runs, a file that is ready, or a new export."""

    type_label: str
    running: Export | None
    file: Export | None
    expires_soon: bool
    usual: str
    place: int | None

    @property
    def is_stored(self) -> bool:
        """True when a file that is kept answers."""
        return self.running is None and self.file is not None

    @property
    def is_new(self) -> bool:
        """True when Analytics Cloud has to be asked."""
        return self.running is None and self.file is None


@dataclass(frozen=True)
class Preview:
    """What will be sent, and what comes back."""

    workspace: Workspace
    window: Window
    local: str
    local_from: str
    local_to: str
    first_day: str
    last_day: str
    exact_from: str
    exact_to: str
    sent_from: str
    sent_to: str
    length: str
    clock_note: str
    ends_ahead: bool
    has_begun: bool
    answers: tuple[Answer, ...]
    before: int
    limits: tuple[Line, ...]
    refusals: tuple[tuple[str, str], ...]
    waits_for_approval: tuple[str, ...]
    is_fresh: bool

    @property
    def outcome(self) -> str:
        """What sending the form does: ``use`` a file, ``join`` what runs, ``queue`` anew, or ``some of each``."""
        outcomes = {
            "join" if answer.running is not None else "use" if answer.is_stored and not self.is_fresh else "queue"
            for answer in self.answers
        }
        return "some of each" if len(outcomes) > 1 else next(iter(outcomes), "queue")

    @property
    def has_file(self) -> bool:
        """True when a stored file would answer at least one type."""
        return any(answer.is_stored for answer in self.answers)


def preview_of(form: AskForm) -> Preview | None:
    """Return the preview of a checked form; None while workspace or range say nothing yet."""
    workspace, zone, window = form.place, form.zone, form.window
    if workspace is None or zone is None or window is None:
        return None
    now = timezone.now()
    first, last = timezone.localtime(window.start, zone), timezone.localtime(window.end, zone)
    rules = rules_of(form.person, workspace)
    types = form.cleaned_data.get("types", ())
    role = workspace.role_of(form.person) or Role.VIEWER
    return Preview(
        workspace=workspace,
        window=window,
        local=times.window(window.start, window.end, zone),
        local_from=times.exact(window.start, zone),
        local_to=times.exact(window.end, zone),
        first_day=first.date().isoformat(),
        last_day=last.date().isoformat(),
        exact_from=ranges.wall_clock(first),
        exact_to=ranges.wall_clock(last),
        sent_from=times.utc_text(window.start),
        sent_to=times.utc_text(window.end),
        length=times.length(window.span),
        clock_note=ranges.clock_change_note(window, zone),
        ends_ahead=window.end > now,
        has_begun=window.start <= now,
        answers=_answers(workspace, form.person, types, window, now),
        before=Export.objects.filter(workspace=workspace, due_at__isnull=False).count(),
        limits=tuple(lines_for(form.person, workspace, rules)),
        refusals=tuple(dict.fromkeys(_refusals(rules, workspace, types, window))) if role is not Role.VIEWER else (),
        waits_for_approval=tuple(str(DataType(kind).label) for kind in types if needs_approval(rules, kind, role)),
        is_fresh=bool(form.cleaned_data.get("fresh")),
    )


def _refusals(
    rules: list[Limits], workspace: Workspace, types: Sequence[str], window: Window
) -> Iterator[tuple[str, str]]:
    """Yield what the limits say against the question, with the input it is about."""
    for kind in types:
        try:
            refuse_question(rules, workspace, kind, window.start, window.end)
        except Refused as refusal:
            yield FIELDS.get(refusal.field or "", "range"), str(refusal.message)


def _answers(
    workspace: Workspace, person: User, types: Sequence[str], window: Window, now: datetime
) -> tuple[Answer, ...]:
    equals = look_for_equals(workspace, types, window.start, window.end)
    answers = [_answer(workspace, kind, equals[kind], window, now) for kind in types]
    new = [answer for answer in answers if answer.is_new]
    places = iter(home.next_places(workspace.pk, person.pk, len(new), now) if new else ())
    return tuple(replace(answer, place=next(places)) if answer.is_new else answer for answer in answers)


def _answer(workspace: Workspace, data_type: str, equal: Equal, window: Window, now: datetime) -> Answer:
    usual = None
    if equal.active is None and equal.ready is None:
        like_it = Export(workspace=workspace, data_type=data_type, range_from=window.start, range_to=window.end)
        usual = history.usual_total(like_it)
    expires_at = equal.ready.expires_at if equal.ready else None
    return Answer(
        type_label=str(DataType(data_type).label),
        running=equal.active,
        file=equal.ready,
        expires_soon=expires_at is not None and expires_at - now < EXPIRES_SOON,
        usual=estimates.usual_words(usual.least, usual.most, data_type, window.start, window.end) if usual else "",
        place=None,
    )


def errors_beside(form: AskForm, preview: Preview | None) -> list[tuple[str, list[str]]]:
    """Return what to say next to each input while the form is filled, empty where nothing speaks against it.

    An input that is still to be filled is not complained about.
    """
    said: dict[str, list[str]] = {name: [] for name in CHECKED}
    for name, problems in form.errors.as_data().items():
        said.setdefault(name, []).extend(
            sentence for problem in problems if problem.code != "required" for sentence in problem.messages
        )
    for name, sentence in preview.refusals if preview else ():
        said[name].append(sentence)
    return list(said.items())


def first_guess(person: User) -> dict[str, object]:
    """Return what the empty form starts with: where the person asked last, last month, the formats chosen last.

    No type of data: whoever ticks one more than the one of last time asks for two without meaning it.
    """
    places = list(AskForm(person=person).fields["workspace"].queryset.values_list("pk", flat=True))  # type: ignore[attr-defined]
    last = (
        Export.objects.filter(requested_by=person).order_by("-created_at").values_list("workspace", flat=True).first()
    )
    place = last if last in places else next(iter(places), "")
    return {
        "workspace": str(place),
        "types": [],
        "range": RangeKind.LAST_MONTH.value,
        "exact_zone": ExactZone.WORKSPACE.value,
        "formats": person.last_formats,
    }


# What a preset keeps of the form; where it asks stands in its row.
KEPT = ("types", "range", "first_day", "last_day", "exact_from", "exact_to", "exact_zone", "formats", "name", "note")


def question_of(form: AskForm) -> dict[str, object]:
    """Return what a preset keeps of a sent form: its inputs as they were typed."""
    assert isinstance(form.data, QueryDict)
    kept: dict[str, object] = {name: form.data.getlist(name) for name in LISTS}
    kept |= {name: form.data[name] for name in KEPT if name not in LISTS and form.data.get(name)}
    return kept


def preset_values(preset: Preset) -> dict[str, object]:
    """Return the form's values for a preset; inputs that the form doesn't know are left out."""
    values = {name: value for name, value in preset.question.items() if name in KEPT}
    return {"exact_zone": ExactZone.WORKSPACE.value, **values, "workspace": str(preset.workspace_id)}


def same_again(export: Export, person: User) -> dict[str, object]:
    """Return the form's values that ask what an export asked, to be changed."""
    return _values_for(export, person, Window(export.range_from, export.range_to)) | {"name": export.name}


def period_after(export: Export, person: User) -> dict[str, object]:
    """Return the form's values for the period after an export's range."""
    zone = ZoneInfo(export.workspace.time_zone)
    return _values_for(export, person, ranges.shifted_by_one_period(Window(export.range_from, export.range_to), zone))


def _values_for(export: Export, person: User, window: Window) -> dict[str, object]:
    zone = ZoneInfo(export.workspace.time_zone)
    first, last = timezone.localtime(window.start, zone), timezone.localtime(window.end, zone)
    values: dict[str, object] = {
        "workspace": str(export.workspace_id),
        "types": [export.data_type],
        "exact_zone": ExactZone.WORKSPACE.value,
        "note": export.note,
        "formats": list(formats_wanted(export, person)),
    }
    if times.covers_whole_days(window.start, window.end, zone):
        return values | {
            "range": RangeKind.DAYS.value,
            "first_day": first.date().isoformat(),
            "last_day": last.date().isoformat(),
        }
    return values | {
        "range": RangeKind.EXACT.value,
        "exact_from": ranges.wall_clock(first),
        "exact_to": ranges.wall_clock(last),
    }
