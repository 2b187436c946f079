"""The list's filters and order, as they stand in the address."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from django.db import models
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from exports.models import DataType, Status, User
from exports.services.listing import Filters, Order, parse_filters, people_seen_by
from exports.services.refusals import Refused

NAMES = ("q", "workspace", "type", "status", "who", "person", "since", "until", "order")
RARER = ("person", "since", "until", "order")
ONE_DAY = timedelta(days=1)


class Whose(models.TextChoices):
    """Whose exports to list; a chosen person goes before."""

    TEAM = "", _("Everybody’s")
    MINE = "mine", _("Mine")


ORDERS = {
    Order.NEWEST: _("Newest first"),
    Order.OLDEST: _("Oldest first"),
    Order.ENDING: _("Files that end first"),
}


@dataclass(frozen=True)
class ListFilters:
    """What the person chose, and what it means to the service."""

    q: str
    workspace: str
    type: str
    status: str
    who: str
    person: str
    since: str
    until: str
    order: str
    meaning: Filters
    user: User
    is_open: bool

    @property
    def any(self) -> bool:
        """True when something is left out of the list."""
        return bool(self.q or self.workspace or self.type or self.status or self.who) or self.is_narrowed_more

    @property
    def is_of_one_workspace(self) -> bool:
        """True when the list is that of one workspace, with nothing else left out."""
        return bool(self.workspace) and not (self.q or self.type or self.status or self.who or self.is_narrowed_more)

    @property
    def is_backwards(self) -> bool:
        """True when the last day comes before the first."""
        since, until = self.meaning.since, self.meaning.until
        return since is not None and until is not None and until <= since

    @property
    def is_narrowed_more(self) -> bool:
        """True when one of the rarer filters is set: they are shown then, and otherwise for the asking."""
        return any(getattr(self, name) for name in RARER)

    @property
    def types(self) -> list[tuple[str, str]]:
        """The choices of data types."""
        return [(value, str(label)) for value, label in DataType.choices]

    @property
    def statuses(self) -> list[tuple[str, str]]:
        """The choices of statuses, the running ones first as one."""
        return [("active", str(_("Running (all)")))] + [(value, str(label)) for value, label in Status.choices]

    @property
    def orders(self) -> list[tuple[str, str]]:
        """The choices of order; the first one needs no word in the address."""
        return [("" if order is Order.NEWEST else order.value, str(label)) for order, label in ORDERS.items()]

    def people(self) -> Iterable[User]:
        """Return the other people who may have queued something (one query, asked when the form is drawn)."""
        return people_seen_by(self.user)


def read_filters(address: QueryDict, user: User) -> ListFilters:
    """Read the filters of a list's address; days are days of the person's time zone.

    Raises:
        Refused: a value that no filter has.
    """
    chosen = {name: address.get(name, "").strip() for name in NAMES}
    if chosen["who"] not in Whose.values:
        chosen["who"] = ""
    mine = str(user.pk) if chosen["who"] == Whose.MINE else ""
    meaning = parse_filters(
        workspace=chosen["workspace"],
        status=chosen["status"],
        data_type=chosen["type"],
        person=chosen["person"] or mine,
        text=chosen["q"],
    )
    meaning = replace(
        meaning,
        since=_day(chosen["since"], "since"),
        until=_day(chosen["until"], "until", after=True),
        order=_order(chosen["order"]),
    )
    is_open = "more" in address or any(chosen[name] for name in RARER)
    return ListFilters(**chosen, meaning=meaning, user=user, is_open=is_open)


def kept_query(address: QueryDict) -> str:
    """Return the part of a list's address that is worth keeping: filters and order, no page."""
    kept = QueryDict(mutable=True)
    for name in NAMES:
        if value := address.get(name, "").strip():
            kept[name] = value
    return kept.urlencode()


def _day(text: str, field: str, *, after: bool = False) -> datetime | None:
    if not text:
        return None
    try:
        day = date.fromisoformat(text) + (ONE_DAY if after else timedelta())
        return timezone.make_aware(datetime.combine(day, time()))
    except (ValueError, OverflowError):
        raise Refused("not_a_day", _now("Give a day as year, month and day, such as 2026-10-31."), field) from None


def _order(text: str) -> Order:
    try:
        return Order(text or Order.NEWEST)
    except ValueError:
        raise Refused("unknown_order", _now("There is no such order."), "order") from None
