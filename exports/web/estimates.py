"""How long it will take, in words with what they rest on: "usually 12–18 min for 30 days of pages here"."""

from datetime import datetime

from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.models import DataType, Export
from exports.services import describe
from exports.web import times

HALF_HOUR, HOUR = 1800, 3600

WHAT: dict[str, Promise] = {
    DataType.EVENT: gettext_lazy("%(length)s of events"),
    DataType.IDENTITY: gettext_lazy("%(length)s of identities"),
    DataType.INDIVIDUAL: gettext_lazy("%(length)s of individuals"),
    DataType.MEMBERSHIP: gettext_lazy("%(length)s of memberships"),
    DataType.PAGE: gettext_lazy("%(length)s of pages"),
    DataType.SEGMENT: gettext_lazy("%(length)s of segments"),
}


def between(least: float, most: float) -> str:
    """Return a span of durations (seconds) as people say it: ``12–18 min``, ``1.5–3 h``, ``less than 1 min``."""
    if most < 60:
        return _("less than 1 min")
    if most < 2 * HOUR:
        low, high = max(round(least / 60), 1), round(most / 60)
        if low >= high:
            return _("%(n)s min") % {"n": high}
        return _("%(low)s–%(high)s min") % {"low": low, "high": high}
    low_hours, high_hours = (round(seconds / HALF_HOUR) / 2 for seconds in (least, most))
    if low_hours >= high_hours:
        return _("%(n)s h") % {"n": _hours(high_hours)}
    return _("%(low)s–%(high)s h") % {"low": _hours(max(low_hours, 0.5)), "high": _hours(high_hours)}


def _hours(count: float) -> str:
    return number_format(count, 0 if count == int(count) else 1)


def usual_words(least: float, most: float, data_type: str, start: datetime, end: datetime) -> str:
    """Return how long exports like this one took in their workspace."""
    length = times.length(end - start + times.MILLISECOND)
    return _("usually %(span)s for %(what)s here") % {
        "span": between(least, most),
        "what": WHAT[data_type] % {"length": length},
    }


def usual_of(export: Export) -> str:
    """Return how long exports like this one took when it was queued; empty when too little was known."""
    least, most = export.usual_least_seconds, export.usual_most_seconds
    if least is None or most is None:
        return ""
    return usual_words(least, most, export.data_type, export.range_from, export.range_to)


def basis_of(export: Export, now: datetime) -> str:
    """Return what the estimate of an active export rests on; an honest "unknown yet" without one."""
    usual = usual_of(export)
    is_late = export.estimated_ready_at is not None and export.estimated_ready_at <= now
    if is_late or export.estimate_basis == "longer_than_usual":
        longer = _("it takes longer than exports like it usually do")
        return f"{longer}: {usual}" if usual else longer
    if usual and export.estimate_basis:
        return f"{usual}, {describe.estimate_sentence(export)}"
    if usual:
        return _("%(usual)s, once Analytics Cloud is asked") % {"usual": usual} if not export.submitted_at else usual
    return describe.estimate_sentence(export)
