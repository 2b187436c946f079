"""The field's words explained: what a row of each type is, what its range filters, how each status looks."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from exports.models import DataType, Status


@dataclass(frozen=True)
class TypeWords:
    """A data type for people: what one row is, which date its range filters (analytics-cloud-api.md §1, §4)."""

    icon: str
    row: Promise
    filters: Promise


_BY_CREATION = _("The range means when they were made. One that changed later doesn’t come again in a newer range.")

TYPES: dict[str, TypeWords] = {
    DataType.PAGE: TypeWords(
        "file-text",
        _("One row per page in a visit: views, reads, time on page, entrances, exits."),
        _("The range means when the visit happened."),
    ),
    DataType.EVENT: TypeWords(
        "click",
        _("One row per thing a visitor did: clicks, forms, downloads, your own events."),
        _("The range means when it happened."),
    ),
    DataType.INDIVIDUAL: TypeWords(
        "user",
        _("One row per known person, with e-mail address and fields: personal data."),
        _BY_CREATION,
    ),
    DataType.IDENTITY: TypeWords(
        "fingerprint",
        _("One row per browser or device; links visits to individuals."),
        _BY_CREATION,
    ),
    DataType.MEMBERSHIP: TypeWords(
        "users-group",
        _("One row per person in a segment: who belongs to which, and since when."),
        _BY_CREATION,
    ),
    DataType.SEGMENT: TypeWords(
        "chart-pie",
        _("One row per segment: its name, its filter and its state."),
        _BY_CREATION,
    ),
}


@dataclass(frozen=True)
class StatusLook:
    """How a status is drawn: never by colour alone."""

    icon: str
    tone: str
    turning: bool = False


STATUSES: dict[str, StatusLook] = {
    Status.QUEUED: StatusLook("clock", "idle"),
    Status.WAITING: StatusLook("hourglass", "work"),
    Status.PREPARING: StatusLook("loader-2", "work", turning=True),
    Status.DOWNLOADING: StatusLook("cloud-download", "work"),
    Status.READY: StatusLook("circle-check", "good"),
    Status.EXPIRED: StatusLook("archive", "idle"),
    Status.FAILED: StatusLook("alert-triangle", "bad"),
    Status.CANCELLED: StatusLook("ban", "idle"),
}

EVENT_ICONS = {
    "queued": "plus",
    "joined": "user-plus",
    "reused": "user-check",
    "left": "user-minus",
    "asked": "send",
    "asked_shifted": "send",
    "waiting_upstream": "hourglass",
    "preparing": "settings-automation",
    "downloading": "cloud-download",
    "ready": "check",
    "recovered": "check",
    "resumed": "player-play",
    "paused": "player-pause",
    "failed": "x",
    "file_lost": "x",
    "expired": "archive",
    "deleted": "trash",
    "cancelled": "ban",
    "extended": "clock-plus",
    "pinned": "pin",
    "unpinned": "pinned-off",
    "ran_again": "repeat",
    "bumped": "arrow-up",
    "approved": "check",
    "taken_over": "user-check",
    "declined": "hand-stop",
}
OTHER_EVENT_ICON = "point"
TONE_ICONS = {"warn": "alert-triangle", "bad": "x"}


@dataclass(frozen=True)
class FormatWords:
    """A file format for people."""

    icon: str
    label: Promise
    hint: Promise


FORMATS: dict[str, FormatWords] = {
    "original": FormatWords("file-zip", _("Original"), _("As Analytics Cloud made it")),
    "csv": FormatWords("file-type-csv", _("CSV"), _("For Excel and other spreadsheets")),
    "xlsx": FormatWords("file-spreadsheet", _("Excel"), _("XLSX workbook")),
    "parquet": FormatWords("database", _("Parquet"), _("Typed columns, for data tools")),
    "jsonl": FormatWords("file-code", _("JSON Lines"), _("One record per line")),
    "json": FormatWords("braces", _("JSON"), _("One array")),
}


# Offered beside the original where there is room for one.
USUAL_FORMATS = (("xlsx", FORMATS["xlsx"]),)


def labels_of(formats: Iterable[str]) -> list[str]:
    """Return what formats are called, in the given order."""
    return [str(FORMATS[name].label) for name in formats]


DELIMITERS: dict[str, Promise] = {
    "comma": pgettext_lazy("delimiter", "comma"),
    "semicolon": pgettext_lazy("delimiter", "semicolon"),
    "tab": pgettext_lazy("delimiter", "tab"),
}
