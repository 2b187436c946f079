"""The strip above the list: what matters now, in a handful of numbers, each from its own index."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from django.db.models import Count, DateTimeField, Exists, Min, OuterRef, Q, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone

from exports.models import Export, Membership, Role, Status, User
from exports.services.approvals import APPROVAL
from exports.services.compiled import CompiledQuery, Slot, aggregated, any_person
from exports.services.describe import problem_of_code
from exports.services.spread import seen_by
from exports.web.rows import EXPIRES_SOON, title_for

FAILED_WITHIN = timedelta(days=7)
FAILURES_SHOWN = 3
FAILURES_LOOKED_AT = 20


@dataclass(frozen=True)
class Failure:
    """An export that failed lately and was not run again: what somebody can do about it."""

    url: str
    title: str
    workspace: str
    message: str
    next_action: str
    whose_turn: str


@dataclass(frozen=True)
class Strip:
    """The numbers of the overview; times are None where there is nothing to say."""

    active: int
    next_ready_at: datetime | None
    ready: int
    expiring: int
    first_expires_at: datetime | None
    failed: int
    failures: tuple[Failure, ...]
    to_approve: int


NOTHING = Strip(
    active=0,
    next_ready_at=None,
    ready=0,
    expiring=0,
    first_expires_at=None,
    failed=0,
    failures=(),
    to_approve=0,
)


def overview(user: User, *, is_spread: bool = False) -> Strip:
    """Return the strip for a person (three queries).

    Args:
        is_spread: the person sees many workspaces, so that what failed last in any of them is soon found.
    """
    if not user.is_active:
        return NOTHING
    now = timezone.now()
    numbers = _Numbers.of(sees_all=user.is_superuser, is_spread=is_spread)
    [(active, to_approve, next_ready_at)] = numbers.active.ask(person=user.pk, now=now)
    [(ready, expiring, first_expires_at)] = numbers.ready.ask(person=user.pk, now=now, soon=now + EXPIRES_SOON)
    newest = numbers.failed.ask(person=user.pk, since=now - FAILED_WITHIN)
    waiting = [row for _count, ran_again, *row in newest if not ran_again]
    return Strip(
        active=active,
        next_ready_at=next_ready_at,
        ready=ready,
        expiring=expiring,
        first_expires_at=first_expires_at,
        failed=newest[0][0] if newest else 0,
        failures=tuple(_failure(*row) for row in waiting[:FAILURES_SHOWN]),
        to_approve=to_approve,
    )


@dataclass(frozen=True)
class _Numbers:
    """The questions for people of one kind."""

    active: CompiledQuery[tuple[Any, ...]]
    ready: CompiledQuery[tuple[Any, ...]]
    failed: CompiledQuery[tuple[Any, ...]]

    @classmethod
    @cache
    def of(cls, *, sees_all: bool, is_spread: bool) -> "_Numbers":
        person = any_person(sees_all=sees_all)
        return cls(
            active=CompiledQuery(lambda: _active(person)),
            ready=CompiledQuery(lambda: _ready(person)),
            failed=CompiledQuery(lambda: _failed(person, is_spread=is_spread)),
        )


def _active(person: User) -> QuerySet[Any, tuple[Any, ...]]:
    # due_at is not null exactly while active: the partial index holds these rows alone.
    rows = Export.objects.visible_to(person).filter(due_at__isnull=False)
    seats = Membership.objects.filter(user=person, role=Role.MANAGER)
    is_managed = Q() if person.is_superuser else Q(workspace__in=seats.values("workspace"))
    return aggregated(
        rows,
        count=Count("pk"),
        to_approve=Count("pk", filter=Q(hold=APPROVAL) & is_managed),
        next=Min("estimated_ready_at", filter=Q(estimated_ready_at__gt=_moment("now"))),
    )


def _ready(person: User) -> QuerySet[Any, tuple[Any, ...]]:
    rows = Export.objects.visible_to(person).filter(status=Status.READY, expires_at__gt=_moment("now"))
    is_soon = Q(expires_at__lt=_moment("soon"))
    return aggregated(rows, count=Count("pk"), soon=Count("pk", filter=is_soon), first=Min("expires_at"))


def _failed(person: User, *, is_spread: bool) -> QuerySet[Any, tuple[Any, ...]]:
    """Return the newest that failed, those that were run again among them, each with the number of all."""
    failed = _failed_lately(person, is_spread=is_spread)
    # Counted apart: a window over all would look for what was run again for each of them, not for those shown.
    counted = Subquery(aggregated(failed, count=Count("pk")))
    again = Exists(Export.objects.filter(run_again_of=OuterRef("pk")).order_by())
    # Values, no objects: a few columns of twenty rows take half as long.
    columns = ("pk", "name", "data_type", "workspace__name", "error_code", "error_line")
    return failed.order_by("-created_at", "-pk").values_list(counted, again, *columns)[:FAILURES_LOOKED_AT]


def _failed_lately(person: User, *, is_spread: bool) -> QuerySet[Export]:
    rows = Export.objects.filter(created_at__gte=_moment("since"))
    if person.is_superuser or not is_spread:
        return rows.visible_to(person).filter(status=Status.FAILED).order_by()
    # What has a reason has an index of its own, much shorter; the status, which stands there too, would make databases
    # choose another one.
    reasoned = rows.filter(error_code__gt="").exclude(status=Status.CANCELLED)
    return seen_by(person, reasoned, is_spread=True).order_by()


def _moment(name: str) -> Slot:
    return Slot(name, DateTimeField())


def _failure(pk: UUID, name: str, data_type: str, workspace: str, code: str, line: int | None) -> Failure:
    problem = problem_of_code(code, line)
    return Failure(
        url=reverse("export", args=[pk]),
        title=title_for(name, data_type),
        workspace=workspace,
        message=problem.message,
        next_action=problem.next_action,
        whose_turn=problem.whose_turn_label,
    )
