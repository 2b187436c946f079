"""Limits of a workspace: what a question must keep to, and how much of it is used up."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from exports.models import DataType, DerivedFile, Export, Limits, Membership, Role, Status, User, Whom, Workspace
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.services.pauses import lock_workspace
from exports.services.refusals import Refused, TooMany
from exports.services.roles import require_role

MOST = 1_000_000
MOST_BYTES = 10**15
MOST_HOURS = 24 * 366
MILLISECOND = timedelta(milliseconds=1)
GIGABYTE = 10**9
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
NUMBERS = ("per_day", "at_once", "bytes_kept", "range_days", "retention_hours")


@dataclass(frozen=True)
class Allowed:
    """The values of one row of limits; None and the empty tuple don't limit.

    Attributes:
        per_day: exports made in one day of the workspace's zone.
        at_once: exports under way at one time.
        bytes_kept: bytes of files that lie in the store; a question is refused when they are reached already.
        range_days: length of a range in days of the workspace's zone.
        retention_hours: how long a file is kept at most, where the workspace keeps files longer.
        types: the only data types that may be asked for.
        approval_types: data types that need a manager's approval.
    """

    per_day: int | None = None
    at_once: int | None = None
    bytes_kept: int | None = None
    range_days: int | None = None
    retention_hours: float | None = None
    types: tuple[str, ...] = ()
    approval_types: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """One limit and how much of it is used, in a sentence; ``is_reached`` when it would refuse now."""

    sentence: str
    is_reached: bool


def rules_of(user: User, workspace: Workspace, *, lock: bool = False) -> list[Limits]:
    """Return the rows a person's questions have to keep to (one query).

    Args:
        lock: hold them until the transaction ends: whoever asks at the same time counts afterwards.
    """
    rows = Limits.objects.filter(Q(user__isnull=True) | Q(user=user), workspace=workspace).order_by("pk")
    found = list(rows.select_for_update() if lock else rows)
    has_own = any(rule.whom == Whom.PERSON for rule in found)
    return [rule for rule in found if not (has_own and rule.whom == Whom.EACH)]


def refuse_question(
    rules: Sequence[Limits], workspace: Workspace, data_type: str, start: datetime, end: datetime
) -> None:
    """Refuse a type that isn't allowed and a range that is too long.

    Raises:
        Refused: ``type_not_allowed``; ``range_too_long``.
    """
    for rule in rules:
        if rule.types and data_type not in rule.types:
            raise Refused("type_not_allowed", _type_sentence(rule, data_type), "type")
        if rule.range_days is not None and _days(start, end, ZoneInfo(workspace.time_zone)) > rule.range_days:
            raise Refused("range_too_long", _range_sentence(rule), "to")


def refuse_beyond(user: User, workspace: Workspace, rules: Sequence[Limits]) -> None:
    """Refuse one export more when a count is reached. Within the transaction that adds it, with the rules locked.

    Raises:
        TooMany: ``per_day``, ``at_once`` or ``bytes_kept``.
    """
    for rule in rules:
        for name, used in _used(rule, user, workspace):
            most = getattr(rule, name)
            if used >= most:
                raise TooMany(name, _refusal(rule, name, workspace))


def needs_approval(rules: Sequence[Limits], data_type: str, role: Role) -> bool:
    """Tell whether a manager has to approve the question; a manager's own needs none."""
    return role is not Role.MANAGER and any(data_type in rule.approval_types for rule in rules)


def kept_hours(export: Export) -> float:
    """Return how many hours a file of this export is kept: the workspace's span, or less where a limit says so."""
    rules = rules_of(export.requested_by, export.workspace)
    least = [rule.retention_hours for rule in rules if rule.retention_hours is not None]
    return min([export.workspace.kept_hours, *least])


def lines_for(user: User, workspace: Workspace, rules: Sequence[Limits]) -> list[Line]:
    """Return what limits a person here and how much is used (at most two queries for each row of limits)."""
    lines = []
    for rule in rules:
        lines += [
            Line(_usage(rule, name, used), used >= getattr(rule, name)) for name, used in _used(rule, user, workspace)
        ]
    longest = [rule.range_days for rule in rules if rule.range_days is not None]
    if longest:
        most = min(longest)
        lines.append(
            Line(ngettext("Ranges of at most %(n)s day.", "Ranges of at most %(n)s days.", most) % {"n": most}, False)
        )
    hours = [rule.retention_hours for rule in rules if rule.retention_hours is not None]
    if hours and min(hours) < workspace.kept_hours:
        lines.append(Line(_("Files are kept for %(n)s hours.") % {"n": f"{min(hours):g}"}, False))
    allowed = [set(rule.types) for rule in rules if rule.types]
    if allowed:
        lines.append(Line(_("Only these types: %(types)s.") % {"types": _labels(set.intersection(*allowed))}, False))
    return lines


def summary(rule: Limits) -> str:
    """Return what a row limits, in a line."""
    parts = []
    if rule.per_day is not None:
        parts.append(_("%(n)s a day") % {"n": rule.per_day})
    if rule.at_once is not None:
        parts.append(_("%(n)s at once") % {"n": rule.at_once})
    if rule.bytes_kept is not None:
        parts.append(_("%(n)s kept") % {"n": _shown(rule, "bytes_kept")})
    if rule.range_days is not None:
        parts.append(ngettext("ranges of %(n)s day", "ranges of %(n)s days", rule.range_days) % {"n": rule.range_days})
    if rule.retention_hours is not None:
        parts.append(_("kept for %(n)s hours") % {"n": f"{rule.retention_hours:g}"})
    if rule.types:
        parts.append(_labels(set(rule.types)))
    return ", ".join(parts) or _("no limit")


def limits_of(workspace: Workspace) -> list[Limits]:
    """Return all rows of a workspace, those of single people with them and last (one query)."""
    return list(Limits.objects.filter(workspace=workspace).select_related("user").order_by("user__email", "whom"))


def set_limits(*, actor: User, workspace: Workspace, together: Allowed, each: Allowed) -> None:
    """Set what counts for everybody together and for each person.

    Raises:
        Forbidden: not a manager.
        Refused: a number out of range, or an unknown type; ``field`` is ``together.per_day`` and the like.
    """
    require_role(actor, workspace, Role.MANAGER)
    wanted = {Whom.TOGETHER: _checked(together, "together."), Whom.EACH: _checked(each, "each.")}
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        changes: dict[str, Any] = {
            whom.value: change
            for whom, allowed in wanted.items()
            if (change := _write(workspace, whom, None, allowed)) is not None
        }
        if changes:
            record_audit(audit_log.LIMITS_CHANGED, actor=actor, workspace=workspace, subject=workspace.name, **changes)


def set_limits_of_person(*, actor: User, workspace: Workspace, user: User, allowed: Allowed | None) -> None:
    """Set what counts for one member instead of what counts for each person; None takes it away.

    Raises:
        Forbidden: not a manager.
        Refused: not a member, a number out of range, an unknown type.
    """
    require_role(actor, workspace, Role.MANAGER)
    if allowed is not None:
        allowed = _checked(allowed, "")
        if not Membership.objects.filter(workspace=workspace, user=user).exists():
            raise Refused("not_a_member", _("This person doesn’t belong to the workspace."), "person")
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        before = Limits.objects.filter(workspace=workspace, user=user)
        if allowed is None:
            changed = before.delete()[0] > 0
            change: dict[str, Any] = {"removed": True}
        else:
            # A row of its own counts instead of each person's, also when it limits nothing.
            written = _write(workspace, Whom.PERSON, user, allowed)
            changed, change = written is not None, written or {}
        if changed:
            record_audit(audit_log.LIMITS_CHANGED, actor=actor, workspace=workspace, subject=user.email, **change)


def _write(workspace: Workspace, whom: Whom, user: User | None, allowed: Allowed) -> dict[str, object] | None:
    """Write one row; return what it says now when that is new, else None."""
    values = {
        **{name: getattr(allowed, name) for name in NUMBERS},
        "types": list(allowed.types),
        "approval_types": list(allowed.approval_types),
    }
    row = Limits.objects.filter(workspace=workspace, whom=whom, user=user).first()
    if row is None:
        if allowed == Allowed() and whom != Whom.PERSON:
            return None
        Limits.objects.create(workspace=workspace, whom=whom, user=user, **values)
    elif all(getattr(row, name) == value for name, value in values.items()):
        return None
    else:
        Limits.objects.filter(pk=row.pk).update(**values)
    return {name: value for name, value in values.items() if value not in (None, [])}


def _checked(allowed: Allowed, prefix: str) -> Allowed:
    for name in NUMBERS:
        value, most = getattr(allowed, name), MOST_BYTES if name == "bytes_kept" else MOST
        if name == "retention_hours":
            _refuse_hours(value, f"{prefix}{name}")
        elif value is not None and not 1 <= value <= most:
            raise Refused("limit_out_of_range", _("Give a whole number from 1, or leave it empty."), f"{prefix}{name}")
    for name in ("types", "approval_types"):
        if not set(getattr(allowed, name)) <= set(DataType.values):
            raise Refused("unknown_type", _("Choose one of the data types."), f"{prefix}{name}")
    return Allowed(
        **{name: getattr(allowed, name) for name in NUMBERS},
        types=tuple(kind for kind in DataType.values if kind in allowed.types),
        approval_types=tuple(kind for kind in DataType.values if kind in allowed.approval_types),
    )


def _refuse_hours(hours: float | None, field: str) -> None:
    if hours is not None and not 0 < hours <= MOST_HOURS:
        raise Refused("limit_out_of_range", _("Give a number of hours above 0, or leave it empty."), field)


def _used(rule: Limits, user: User, workspace: Workspace) -> list[tuple[str, int]]:
    exports = Export.objects.filter(workspace=workspace).order_by()
    if rule.whom != Whom.TOGETHER:
        exports = exports.filter(requested_by=user)
    found = []
    if rule.per_day is not None:
        found.append(("per_day", exports.filter(created_at__gte=_midnight(workspace)).count()))
    if rule.at_once is not None:
        found.append(("at_once", exports.filter(due_at__isnull=False).count()))
    if rule.bytes_kept is not None:
        found.append(("bytes_kept", _bytes_of(exports.filter(status=Status.READY))))
    return found


def _bytes_of(ready: QuerySet[Export]) -> int:
    originals = ready.aggregate(sum=Sum("bytes"))["sum"] or 0
    made = DerivedFile.objects.filter(export__in=ready.values("pk"), state=DerivedFile.State.READY)
    return int(originals + (made.aggregate(sum=Sum("bytes"))["sum"] or 0))


def _midnight(workspace: Workspace) -> datetime:
    zone = ZoneInfo(workspace.time_zone)
    return datetime.combine(timezone.localdate(timezone=zone), time(), tzinfo=zone).astimezone(UTC)


def _days(start: datetime, end: datetime, zone: ZoneInfo) -> float:
    """Return the length by the zone's clock: a day counts as one, whether it has 23, 24 or 25 hours."""
    first, last = (moment.astimezone(zone).replace(tzinfo=None) for moment in (start, end + MILLISECOND))
    return (last - first) / timedelta(days=1)


def _labels(types: set[str]) -> str:
    return ", ".join(str(kind.label) for kind in DataType if kind.value in types) or _("none")


def _type_sentence(rule: Limits, data_type: str) -> str:
    values = {"type": DataType(data_type).label, "types": _labels(set(rule.types))}
    if rule.whom == Whom.TOGETHER:
        return _("This workspace doesn’t allow the type “%(type)s”. It allows: %(types)s.") % values
    return _("In this workspace you may not ask for the type “%(type)s”. You may ask for: %(types)s.") % values


def _range_sentence(rule: Limits) -> str:
    most = rule.range_days or 0
    sentence = ngettext(
        "This workspace allows ranges of at most %(n)s day. Ask for a shorter one, or in parts.",
        "This workspace allows ranges of at most %(n)s days. Ask for a shorter one, or in parts.",
        most,
    )
    return sentence % {"n": most}


def _refusal(rule: Limits, name: str, workspace: Workspace) -> str:
    values = {"n": _shown(rule, name), "zone": workspace.time_zone}
    if rule.whom == Whom.TOGETHER:
        sentences = {
            "per_day": _(
                "This workspace’s limit of %(n)s new exports a day is reached. It starts anew at midnight (%(zone)s)."
            ),
            "at_once": _(
                "This workspace’s limit of %(n)s exports under way at once is reached. Ask again when one has ended."
            ),
            "bytes_kept": _(
                "The files kept for this workspace have reached its limit of %(n)s. Ask again when some have expired, "
                "or delete one."
            ),
        }
    else:
        sentences = {
            "per_day": _(
                "Your limit of %(n)s new exports a day in this workspace is reached. It starts anew at midnight "
                "(%(zone)s)."
            ),
            "at_once": _(
                "Your limit of %(n)s exports under way at once in this workspace is reached. Ask again when one has "
                "ended."
            ),
            "bytes_kept": _(
                "Your files in this workspace have reached your limit of %(n)s. Ask again when some have expired, or "
                "delete one."
            ),
        }
    return sentences[name] % values


def _usage(rule: Limits, name: str, used: int) -> str:
    values = {"used": _amount(name, used), "n": _shown(rule, name)}
    if rule.whom == Whom.TOGETHER:
        sentences = {
            "per_day": _("Queued today in this workspace: %(used)s of %(n)s."),
            "at_once": _("Under way in this workspace: %(used)s of %(n)s."),
            "bytes_kept": _("Kept for this workspace: %(used)s of %(n)s."),
        }
    else:
        sentences = {
            "per_day": _("Queued today by you: %(used)s of %(n)s."),
            "at_once": _("Under way for you: %(used)s of %(n)s."),
            "bytes_kept": _("Kept for you: %(used)s of %(n)s."),
        }
    return sentences[name] % values


def _shown(rule: Limits, name: str) -> str:
    return _amount(name, getattr(rule, name))


def _amount(name: str, value: int) -> str:
    if name != "bytes_kept":
        return str(value)
    size, unit = float(value), 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {UNITS[unit]}"
