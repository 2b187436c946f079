"""What a text finds among exports: names of exports and workspaces, people who asked, a whole id."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.db.models import Q, QuerySet, Subquery, TextField, UUIDField
from django.db.models.functions import Cast

from exports.models import Export, User, Workspace
from exports.services.compiled import CompiledQuery, Slot
from exports.services.json_rows import json_text, moment_of, rows_of
from exports.services.key_texts import key_text
from exports.services.names import names_with
from exports.services.paging import beyond

FEW = 500


@dataclass(frozen=True)
class Mentions:
    """What a text finds.

    Attributes:
        are_few: all of it is named by keys, so that no table has to be read through.
        reach: where only names of exports have the text, until when the first `FEW` in the order of the list were made.
    """

    condition: Q
    are_few: bool
    reach: datetime | None = None


def mentions_of(
    text: str,
    *,
    visible: QuerySet[Workspace],
    sees_all: bool = False,
    cursor: str | None = None,
    newest_first: bool = True,
) -> Mentions:
    """Return how the exports that mention a text are found (three queries at most), visible ones among others.

    Left to itself a database reads all exports when nobody has the text. Names are given again and again: where there
    are few, they are compared, and not the exports that have them; otherwise those that have one, in an index of their
    own. Workspaces and people are few anyway.

    Args:
        visible: the workspaces whose names are compared.
        sees_all: ``visible`` are all workspaces there are.
        cursor: where in the order by time the page begins.
        newest_first: whether that order begins with the newest.

    Raises:
        Refused: the cursor is none of ours.
    """
    named, people = _named(text, visible, sees_all=sees_all)
    in_name = Q(name__gt="", name__icontains=text)  # the first half is the index's own condition
    reach = None
    if not named and not people:
        names = names_with(text, most=FEW)
        if names is None:
            rows = beyond(Export.objects.filter(in_name), "created_at", cursor, newest_first)
        else:
            rows = Export.objects.filter(name__gt="", name__in=names).order_by()
        # As texts: of five hundred, only the last time is needed, or the keys.
        first = list(rows.values_list(key_text("pk"), Cast("created_at", TextField()))[: FEW + 1])
        if len(first) <= FEW:
            keys = [uuid.UUID(key) for key, _at in first]
            return Mentions(Q(pk__in=[*keys, *_whole_id(text)]), are_few=True)
        reach = moment_of(first[-1][1])
    found = in_name | Q(pk__in=_whole_id(text))
    found |= Q(workspace__in=named) if len(named) <= FEW else Q(workspace__name__icontains=text)
    found |= Q(requested_by__in=people) if len(people) <= FEW else _of_requester(text)
    return Mentions(found, are_few=False, reach=reach)


def _named(text: str, visible: QuerySet[Workspace], *, sees_all: bool) -> tuple[list[uuid.UUID], list[uuid.UUID]]:
    """Return the keys of the workspaces and of the people whose names have the text (one query)."""
    places = visible.filter(name__icontains=text) if sees_all else visible  # all there are, or those of one person
    people = User.objects.filter(Q(email__icontains=text) | Q(name__icontains=text)).order_by()
    [(of_people, of_places)] = _names().ask(places=places.order_by().values("pk"), people=people.values("pk"))
    looked_for = text.casefold()
    named = [uuid.UUID(key) for key, name in rows_of(of_places) if sees_all or looked_for in name.casefold()]
    return named, [uuid.UUID(key) for (key,) in rows_of(of_people)]


@cache
def _names() -> CompiledQuery[tuple[str, str]]:
    places = Workspace.objects.filter(pk__in=Slot("places", UUIDField()))
    people = User.objects.filter(pk__in=Slot("people", UUIDField()))
    of_places = Subquery(json_text(places, key_text("pk"), "name"))
    return CompiledQuery(
        lambda: json_text(people, key_text("pk")).annotate(places=of_places).values_list("all", "places"),
        always_asked=True,
    )


def _of_requester(text: str) -> Q:
    return Q(requested_by__email__icontains=text) | Q(requested_by__name__icontains=text)


def _whole_id(text: str) -> Iterable[uuid.UUID]:
    try:
        return [uuid.UUID(text)]
    except ValueError:
        return []
