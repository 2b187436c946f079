"""Lists of exports, for pages and API alike: filtered, by keyset, in a constant number of queries."""

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from exports.models import ACTIVE, DataType, Export, Membership, Status, User, Workspace
from exports.services.compiled import CompiledQuery, any_person
from exports.services.former import with_belonging
from exports.services.mentions import Mentions, mentions_of
from exports.services.paging import Page, beyond, check_limit, keyset_page
from exports.services.refusals import Refused
from exports.services.spread import MANY, lying_in
from exports.services.texts import clean_line

DEFAULT_LIMIT = 50
TEXT_MOST = 200
PEOPLE_MOST = 200
REACH = 2_000
EARLIEST, LATEST = datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 30, tzinfo=UTC)


class Order(StrEnum):
    """In which order to list; the last one lists files only, those that are kept the shortest first."""

    NEWEST = "newest"
    OLDEST = "oldest"
    ENDING = "ending"


@dataclass(frozen=True)
class Filters:
    """What to list; the empty value of each means everything.

    Attributes:
        workspace: a key; a foreign one finds nothing, like an unknown one.
        statuses: any of these.
        data_type: exactly this.
        person: who queued it.
        text: in the name of the export or its workspace, in the requester's e-mail address or name; or a whole id.
        since: queued then or later.
        until: queued before then.
        order: by when they were queued, or by when their files end.
    """

    workspace: uuid.UUID | None = None
    statuses: tuple[Status, ...] = ()
    data_type: DataType | None = None
    person: uuid.UUID | None = None
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None
    order: Order = Order.NEWEST

    @property
    def is_active_only(self) -> bool:
        """True when only exports that run are wanted."""
        return bool(self.statuses) and set(self.statuses) <= set(ACTIVE)


def parse_filters(
    *, workspace: str = "", status: str = "", data_type: str = "", person: str = "", text: str = ""
) -> Filters:
    """Read filters as they come in an address; the empty text leaves one open.

    Args:
        status: one status, several separated by commas, or ``active``.

    Raises:
        Refused: an unknown value; ``field`` says in which (``workspace``, ``status``, ``type``, ``person``, ``text``).
    """
    return Filters(
        workspace=_key(workspace, "workspace"),
        statuses=_statuses(status),
        data_type=_data_type(data_type),
        person=_key(person, "person"),
        text=clean_line(text, field="text", most=TEXT_MOST),
    )


def exports_for(user: User, *, within: QuerySet[Workspace] | None = None) -> QuerySet[Export]:
    """Return the exports a person may see, with what lists and records show of each.

    Args:
        within: narrows to these workspaces (a personal token's own list).
    """
    rows = _told(Export.objects.visible_to(user))
    return rows if within is None else rows.filter(workspace__in=within.order_by().values("pk"))


def people_seen_by(user: User) -> list[User]:
    """Return the people of the workspaces a person sees, by name, at most `PEOPLE_MOST`: whose exports one may list."""
    return _people(sees_all=user.is_superuser).ask(person=user.pk) if user.is_active else []


@cache
def _people(*, sees_all: bool) -> CompiledQuery[User]:
    return CompiledQuery(lambda: _people_of(any_person(sees_all=sees_all)))


def _people_of(person: User) -> QuerySet[User]:
    if person.is_superuser:
        rows = User.objects.filter(is_active=True)
    else:
        here = Membership.objects.filter(user=person).values("workspace")
        rows = User.objects.filter(pk__in=Membership.objects.filter(workspace__in=here).values("user"))
    oneself: Any = person  # the key is what a slot stands for
    return rows.exclude(pk=oneself).order_by("name", "email")[:PEOPLE_MOST]


def list_exports(
    *,
    user: User,
    filters: Filters,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    within: QuerySet[Workspace] | None = None,
    sees_many: bool = False,
) -> Page[Export]:
    """Return a page of the exports a person may see, in the order of the filters, in at most four queries.

    Args:
        within: narrows to these workspaces (a personal token's own list).
        sees_many: it is known that the person belongs to more than `MANY` workspaces; otherwise it is asked.

    Raises:
        Refused: the cursor is none of ours, or the limit is not 1 to 200.
    """
    check_limit(limit)
    rows = narrowed(Export.objects.all(), filters)
    visible = Workspace.objects.visible_to(user) if within is None else within
    sees_all = within is None and user.is_superuser and user.is_active
    mentions = _mentions(filters, visible, sees_all, cursor) if filters.text else None
    rows = rows if mentions is None else rows.filter(mentions.condition)
    places = None if sees_all else _places(visible, filters)
    keys: list[uuid.UUID] = []
    is_spread = mentions is not None and not mentions.are_few
    if mentions is None and places is not None:
        is_spread = sees_many and filters.workspace is None
        if not is_spread:
            keys = list(places[: MANY + 1])
            is_spread = len(keys) > MANY
    if is_spread and filters.order is not Order.ENDING:
        reach = mentions.reach if mentions is not None else None
        page = _page(_among_the_first(rows, places, filters, cursor, reach), filters, cursor, limit)
        if page.next_cursor is not None:
            return page
    if places is not None and mentions is None:
        rows = _first_of(rows, places if is_spread else keys, filters, cursor, limit)
    elif places is not None:
        rows = rows.filter(workspace__in=places)
    return _page(rows, filters, cursor, limit)


def _mentions(filters: Filters, visible: QuerySet[Workspace], sees_all: bool, cursor: str | None) -> Mentions:
    if filters.order is Order.ENDING:  # its cursor is another time; files that are kept are few
        return mentions_of(filters.text, visible=visible, sees_all=sees_all)
    newest_first = filters.order is Order.NEWEST
    return mentions_of(filters.text, visible=visible, sees_all=sees_all, cursor=cursor, newest_first=newest_first)


def _page(rows: QuerySet[Export], filters: Filters, cursor: str | None, limit: int) -> Page[Export]:
    return keyset_page(
        rows,
        time_field="expires_at" if filters.order is Order.ENDING else "created_at",
        cursor=cursor,
        limit=limit,
        newest_first=filters.order is Order.NEWEST,
        whole=_whole,
    )


def _whole() -> QuerySet[Export]:
    return _told(Export.objects.all())


def _told(rows: QuerySet[Export]) -> QuerySet[Export]:
    """Have the rows bring what lists and records show of each."""
    return with_belonging(rows.select_related("workspace__host", "requested_by"))


def _places(visible: QuerySet[Workspace], filters: Filters) -> QuerySet[Workspace, uuid.UUID]:
    places = visible.order_by()
    if filters.workspace is not None:
        places = places.filter(pk=filters.workspace)
    return places.values_list("pk", flat=True)


def _among_the_first(
    rows: QuerySet[Export],
    places: QuerySet[Workspace, uuid.UUID] | None,
    filters: Filters,
    cursor: str | None,
    reach: datetime | None,
) -> QuerySet[Export]:
    """Narrow to those of everybody's next `REACH` that lie in some workspaces, or anywhere.

    Who sees many workspaces, or looks for what many have, finds a page there, at the cost of `REACH` rows of an index
    however long the table is.

    Args:
        reach: until when to look instead: in a text's case the time until which enough have it.
    """
    newest_first = filters.order is not Order.OLDEST
    if places is not None:
        rows = lying_in(rows, places)
    bound = _end_of_reach(filters, cursor) if reach is None else reach
    return rows.filter(created_at__gte=bound) if newest_first else rows.filter(created_at__lte=bound)


def _end_of_reach(filters: Filters, cursor: str | None) -> Coalesce:
    newest_first = filters.order is not Order.OLDEST
    everybodys = beyond(narrowed(Export.objects.all(), _of_one_index(filters)), "created_at", cursor, newest_first)
    # By the time alone: the index of a person's exports knows no keys.
    everybodys = everybodys.order_by("-created_at" if newest_first else "created_at")
    # A table shorter than that has no such row: then all are looked among.
    return Coalesce(
        Subquery(everybodys.values("created_at")[REACH : REACH + 1]), Value(EARLIEST if newest_first else LATEST)
    )


def _of_one_index(filters: Filters) -> Filters:
    """Leave out what the index of the narrowest filter doesn't know, so that `REACH` rows are read and no more."""
    if filters.person is not None:
        return replace(filters, statuses=(), data_type=None)
    if filters.is_active_only or len(filters.statuses) == 1:
        return replace(filters, data_type=None)
    return replace(filters, statuses=())


def _first_of(
    rows: QuerySet[Export],
    places: list[uuid.UUID] | QuerySet[Workspace, uuid.UUID],
    filters: Filters,
    cursor: str | None,
    limit: int,
) -> QuerySet[Export]:
    """Narrow to some workspaces so that a page costs the same however many exports they have.

    Left to itself a database sorts all their rows for one page. Of each workspace the first row too many is looked up
    in its index; the first of those bounds the page, as its workspace alone fills one. Files that are kept, and exports
    that run, are few at any time, and have indexes of their own.
    """
    rows = rows.filter(workspace__in=places)
    newest_first = filters.order is not Order.OLDEST
    is_few = filters.order is Order.ENDING or filters.is_active_only
    if filters.person is not None or is_few:  # a person's exports have an index of their own
        return rows
    here = narrowed(Export.objects.filter(workspace=OuterRef("pk")), filters)
    too_many = beyond(here, "created_at", cursor, newest_first)
    bounds = Workspace.objects.order_by().filter(pk__in=places)
    bounds = bounds.annotate(bound=Subquery(too_many.values("created_at")[limit : limit + 1]))
    found = [bound for bound in bounds.values_list("bound", flat=True) if bound is not None]
    if not found:
        return rows
    return rows.filter(created_at__gte=max(found)) if newest_first else rows.filter(created_at__lte=min(found))


def narrowed(rows: QuerySet[Export], filters: Filters) -> QuerySet[Export]:
    """Return ``rows`` with the filters applied, but for the text."""
    if filters.workspace is not None:
        rows = rows.filter(workspace=filters.workspace)
    if len(filters.statuses) == 1:
        rows = rows.filter(status=filters.statuses[0])
    elif filters.statuses:
        rows = rows.filter(status__in=filters.statuses)
    if filters.is_active_only:
        rows = rows.filter(due_at__isnull=False)  # exactly while active: a small index holds these rows alone
    if filters.data_type is not None:
        rows = rows.filter(data_type=filters.data_type)
    if filters.person is not None:
        rows = rows.filter(requested_by=filters.person)
    if filters.since is not None:
        rows = rows.filter(created_at__gte=filters.since)
    if filters.until is not None:
        rows = rows.filter(created_at__lt=filters.until)
    if filters.order is Order.ENDING:
        rows = rows.filter(status=Status.READY)
    return rows


def _key(text: str, field: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError:
        raise Refused("not_an_id", _("This is not an id."), field) from None


def _statuses(text: str) -> tuple[Status, ...]:
    if text == "active":
        return ACTIVE
    try:
        return tuple(Status(word) for word in text.split(",")) if text else ()
    except ValueError:
        raise Refused("unknown_status", _("There is no such status."), "status") from None


def _data_type(text: str) -> DataType | None:
    try:
        return DataType(text) if text else None
    except ValueError:
        raise Refused("unknown_type", _("There is no such data type."), "type") from None
