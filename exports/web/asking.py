"""What an answer to the form would be, before it is sent: the window, and who answers it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from exports.models import DataType, Export, Limits, Role, User, Workspace
from exports.services import history
from exports.services.limits import Line, lines_for, needs_approval, refuse_question, rules_of
from exports.services.queue import look_for_equal
from exports.services.refusals import Refused
from exports.web import ranges, times
from exports.web.forms.asking import AskForm, ExactZone
from exports.web.ranges import RangeKind, Window
from exports.web.rows import EXPIRES_SOON


@dataclass(frozen=True)
class Answer:
    """What would answer one type: an export that runs, a file that is ready, or a new export."""

    type_label: str
    running: Export | None
    file: Export | None
    expires_soon: bool
    usual: timedelta | None
    samples: int


@dataclass(frozen=True)
class Preview:
    """What will be sent, and what comes back."""

    workspace: Workspace
    window: Window
    local: str
    local_from: str
    local_to: str
    sent_from: str
    sent_to: str
    length: str
    clock_note: str
    ends_ahead: bool
    answers: tuple[Answer, ...]
    before: int
    limits: tuple[Line, ...]
    refusals: tuple[str, ...]
    waits_for_approval: tuple[str, ...]

    @property
    def has_file(self) -> bool:
        """True when a stored file would answer at least one type."""
        return any(answer.file is not None and answer.running is None for answer in self.answers)


def preview_of(form: AskForm) -> Preview | None:
    """Return the preview of a checked form; None while workspace or range say nothing yet."""
    zone, window = form.zone, form.window
    if zone is None or window is None:
        return None
    workspace = form.cleaned_data["workspace"]
    now = timezone.now()
    rules = rules_of(form.person, workspace)
    types = form.cleaned_data.get("types", ())
    role = workspace.role_of(form.person) or Role.VIEWER
    return Preview(
        workspace=workspace,
        window=window,
        local=times.window(window.start, window.end, zone),
        local_from=times.exact(window.start, zone),
        local_to=times.exact(window.end, zone),
        sent_from=times.utc_text(window.start),
        sent_to=times.utc_text(window.end),
        length=times.length(window.span),
        clock_note=ranges.clock_change_note(window, zone),
        ends_ahead=window.end > now,
        answers=tuple(_answer(workspace, kind, window, now) for kind in types),
        before=Export.objects.filter(workspace=workspace, due_at__isnull=False).count(),
        limits=tuple(lines_for(form.person, workspace, rules)),
        refusals=tuple(dict.fromkeys(_refusals(rules, workspace, types, window))),
        waits_for_approval=tuple(str(DataType(kind).label) for kind in types if needs_approval(rules, kind, role)),
    )


def _refusals(rules: list[Limits], workspace: Workspace, types: Sequence[str], window: Window) -> Iterator[str]:
    for kind in types:
        try:
            refuse_question(rules, workspace, kind, window.start, window.end)
        except Refused as refusal:
            yield str(refusal.message)


def _answer(workspace: Workspace, data_type: str, window: Window, now: datetime) -> Answer:
    equal = look_for_equal(workspace, data_type, window.start, window.end)
    usual = None
    if equal.active is None and equal.ready is None:
        like_it = Export(workspace=workspace, data_type=data_type, range_from=window.start, range_to=window.end)
        usual = history.expected_total(like_it)
    expires_at = equal.ready.expires_at if equal.ready else None
    return Answer(
        type_label=str(DataType(data_type).label),
        running=equal.active,
        file=equal.ready,
        expires_soon=expires_at is not None and expires_at - now < EXPIRES_SOON,
        usual=usual[0] if usual else None,
        samples=usual[1] if usual else 0,
    )


def first_guess(person: User) -> dict[str, object]:
    """Return what the empty form starts with: where and what the person asked last, for last month."""
    last = (
        Export.objects.filter(requested_by=person).order_by("-created_at").values_list("workspace", "data_type").first()
    )
    return {
        "workspace": str(last[0]) if last else "",
        "types": [last[1]] if last else [],
        "range": RangeKind.LAST_MONTH.value,
        "exact_zone": ExactZone.WORKSPACE.value,
    }


def period_after(export: Export) -> dict[str, object]:
    """Return the form's values for the period after an export's range."""
    zone = ZoneInfo(export.workspace.time_zone)
    window = ranges.shifted_by_one_period(Window(export.range_from, export.range_to), zone)
    first, last = timezone.localtime(window.start, zone), timezone.localtime(window.end, zone)
    values: dict[str, object] = {
        "workspace": str(export.workspace_id),
        "types": [export.data_type],
        "exact_zone": ExactZone.WORKSPACE.value,
        "note": export.note,
    }
    if times.covers_whole_days(window.start, window.end, zone):
        return values | {
            "range": RangeKind.DAYS.value,
            "first_day": first.date().isoformat(),
            "last_day": last.date().isoformat(),
        }
    return values | {
        "range": RangeKind.EXACT.value,
        "exact_from": first.replace(tzinfo=None).isoformat(timespec="milliseconds"),
        "exact_to": last.replace(tzinfo=None).isoformat(timespec="milliseconds"),
    }
