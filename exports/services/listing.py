"""Lists of exports, for pages and API alike: filtered, by keyset, in a constant number of queries."""

import uuid
from dataclasses import dataclass

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from exports.models import ACTIVE, DataType, Export, Status, User, Workspace
from exports.services.paging import Page, keyset_page
from exports.services.refusals import Refused
from exports.services.texts import clean_line

DEFAULT_LIMIT = 50
TEXT_MOST = 200


@dataclass(frozen=True)
class Filters:
    """What to list; the empty value of each means everything.

    Attributes:
        workspace: a key; a foreign one finds nothing, like an unknown one.
        statuses: any of these.
        data_type: exactly this.
        person: who queued it.
        text: in the name of the export or its workspace, in the requester's e-mail address or name; or a whole id.
    """

    workspace: uuid.UUID | None = None
    statuses: tuple[Status, ...] = ()
    data_type: DataType | None = None
    person: uuid.UUID | None = None
    text: str = ""


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
    rows = Export.objects.visible_to(user).select_related("workspace__host", "requested_by")
    return rows if within is None else rows.filter(workspace__in=within.order_by().values("pk"))


def list_exports(
    *,
    user: User,
    filters: Filters,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
    within: QuerySet[Workspace] | None = None,
) -> Page[Export]:
    """Return a page of the exports a person may see, the newest first, with one query.

    Raises:
        Refused: the cursor is none of ours, or the limit is not 1 to 200.
    """
    rows = narrowed(exports_for(user, within=within), filters)
    return keyset_page(rows, time_field="created_at", cursor=cursor, limit=limit)


def narrowed(rows: QuerySet[Export], filters: Filters) -> QuerySet[Export]:
    """Return ``rows`` with the filters applied."""
    if filters.workspace is not None:
        rows = rows.filter(workspace=filters.workspace)
    if len(filters.statuses) == 1:
        rows = rows.filter(status=filters.statuses[0])
    elif filters.statuses:
        rows = rows.filter(status__in=filters.statuses)
    if filters.data_type is not None:
        rows = rows.filter(data_type=filters.data_type)
    if filters.person is not None:
        rows = rows.filter(requested_by=filters.person)
    if filters.text:
        rows = rows.filter(_mentions(filters.text))
    return rows


def _mentions(text: str) -> Q:
    found = (
        Q(name__icontains=text)
        | Q(workspace__name__icontains=text)
        | Q(requested_by__email__icontains=text)
        | Q(requested_by__name__icontains=text)
    )
    try:
        return found | Q(pk=uuid.UUID(text))
    except ValueError:
        return found


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
