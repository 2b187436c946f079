"""What a text finds among exports: names of exports and workspaces, people who asked, a whole id."""

import uuid
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from exports.models import Export, User, Workspace

FEW = 500


def mentioning(
    rows: QuerySet[Export], text: str, *, visible: QuerySet[Workspace], sees_all: bool = False
) -> QuerySet[Export]:
    """Narrow ``rows`` to what mentions a text and lies in workspaces that are visible (three queries at most).

    Left to itself a database reads all exports when nobody has the text. Few have a name, and these have an index of
    their own; workspaces and people are few anyway.

    Args:
        sees_all: ``visible`` are all workspaces there are.
    """
    if sees_all:
        named = list(visible.order_by().filter(name__icontains=text).values_list("pk", flat=True)[: FEW + 1])
    else:
        places = list(visible.order_by().values_list("pk", "name"))
        rows = rows.filter(workspace__in=[pk for pk, _name in places])
        named = [pk for pk, name in places if text.casefold() in name.casefold()]
    in_person = Q(email__icontains=text) | Q(name__icontains=text)
    people = list(User.objects.filter(in_person).order_by().values_list("pk", flat=True)[: FEW + 1])
    in_name = Q(name__gt="", name__icontains=text)  # the first half is the index's own condition
    if not named and not people:
        newest = Export.objects.filter(in_name).order_by("-created_at", "-pk")
        keys = list(newest.values_list("pk", flat=True)[: FEW + 1])
        if len(keys) <= FEW:
            return rows.filter(pk__in=[*keys, *_whole_id(text)])
    found = in_name | Q(pk__in=_whole_id(text))
    found |= Q(workspace__in=named) if len(named) <= FEW else Q(workspace__name__icontains=text)
    found |= Q(requested_by__in=people) if len(people) <= FEW else _of_requester(text)
    return rows.filter(found)


def _of_requester(text: str) -> Q:
    return Q(requested_by__email__icontains=text) | Q(requested_by__name__icontains=text)


def _whole_id(text: str) -> Iterable[uuid.UUID]:
    try:
        return [uuid.UUID(text)]
    except ValueError:
        return []
