"""The way from an empty portal to the first file: a list of steps that ends with it."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from exports.models import Download, Status, User
from exports.web.places import Places
from exports.web.rows import RowView


@dataclass(frozen=True)
class Step:
    """One step: done, or where to do it. Without an address it is somebody else's, or it comes by itself."""

    title: str
    text: str
    url: str
    label: str
    is_done: bool
    is_next: bool


def first_steps(person: User, places: Places, rows: Sequence[RowView], *, is_all: bool) -> list[Step]:
    """Return the steps until the first file is there and the person has downloaded it (one query at most).

    Args:
        rows: the exports on the page.
        is_all: ``rows`` are all that there are, none left out.
    """
    if not is_all or not (person.is_superuser or places.may_ask):
        return []
    ready = rows[0] if len(rows) == 1 and rows[0].is_ready else None
    if ready is None and any(row.status in (Status.READY, Status.EXPIRED) for row in rows):
        return []
    if ready is not None and Download.objects.filter(user=person).exists():
        return []
    missing = next((place for place in places if place.pause_code.startswith("token_")), None)
    has_token = any(not place.pause_code.startswith("token_") for place in places)
    managed = missing is not None and missing.may_manage
    steps = [
        (
            _("A workspace"),
            _("One Analytics Cloud workspace: its address and its time zone."),
            reverse("workspace-new") if person.is_superuser else "",
            _("New workspace"),
            bool(places),
        ),
        (
            _("Its access token"),
            _(
                "Made in the Analytics Cloud workspace’s settings, under APIs. "
                "It is stored encrypted and never shown again."
            ),
            f"{reverse('workspace', args=[missing.id])}#token" if missing and managed else "",
            _("Save the token"),
            has_token,
        ),
        (
            _("The first export"),
            _("A type of data and some days. Analytics Cloud makes the file in minutes to hours."),
            reverse("export-new"),
            _("Queue the first export"),
            any(row.is_active or row.is_ready for row in rows),
        ),
        (
            _("The first file"),
            _("It is checked as it arrives. Download it as it is, or as CSV or Excel."),
            ready.url if ready else "",
            _("To the file"),
            False,
        ),
    ]
    if not person.is_superuser:
        steps = steps[2:] if has_token else steps[1:]
    next_one = next((place for place, step in enumerate(steps) if not step[-1]), None)
    return [
        Step(title, text, url, label, is_done, place == next_one)
        for place, (title, text, url, label, is_done) in enumerate(steps)
    ]
