"""The strip above the list: what matters now, in a handful of numbers, each from its own index."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery, Value
from django.urls import reverse
from django.utils import timezone

from exports.models import Export, Membership, Role, Status, User
from exports.services.approvals import APPROVAL
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


def overview(user: User, *, is_spread: bool = False) -> Strip:
    """Return the strip for a person (three queries).

    Args:
        is_spread: the person sees many workspaces, so that what failed last in any of them is soon found.
    """
    now = timezone.now()
    seen = Export.objects.visible_to(user).order_by()
    # due_at is not null exactly while active: the partial index holds these rows alone.
    seats = Membership.objects.filter(user=user, role=Role.MANAGER)
    is_managed = Q() if user.is_superuser else Q(workspace__in=seats.values("workspace"))
    active: dict[str, Any] = seen.filter(due_at__isnull=False).aggregate(
        count=Count("pk"),
        to_approve=Count("pk", filter=Q(hold=APPROVAL) & is_managed),
        next=Min("estimated_ready_at", filter=Q(estimated_ready_at__gt=now)),
    )
    ready: dict[str, Any] = seen.filter(status=Status.READY, expires_at__gt=now).aggregate(
        count=Count("pk"), soon=Count("pk", filter=Q(expires_at__lt=now + EXPIRES_SOON)), first=Min("expires_at")
    )
    lately = _failed_lately(user, now - FAILED_WITHIN, is_spread=is_spread)
    failed, failures = _failures(lately)
    return Strip(
        active=active["count"],
        next_ready_at=active["next"],
        ready=ready["count"],
        expiring=ready["soon"],
        first_expires_at=ready["first"],
        failed=failed,
        failures=failures,
        to_approve=active["to_approve"],
    )


def _failed_lately(user: User, since: datetime, *, is_spread: bool) -> QuerySet[Export]:
    rows = Export.objects.filter(created_at__gte=since)
    if user.is_superuser or not is_spread:
        return rows.visible_to(user).filter(status=Status.FAILED).order_by()
    # What has a reason has an index of its own, much shorter; the status, which stands there too, would make databases
    # choose another one.
    reasoned = rows.filter(error_code__gt="").exclude(status=Status.CANCELLED)
    return seen_by(user, reasoned, is_spread=True).order_by()


def _failures(failed: QuerySet[Export]) -> tuple[int, tuple[Failure, ...]]:
    """Return how many there are, and the newest that were not run again (one query)."""
    # Counted apart: a window over all would look for what was run again for each of them, not for those shown.
    counted = Subquery(failed.annotate(one=Value(1)).values("one").annotate(count=Count("pk")).values("count"))
    again = Exists(Export.objects.filter(run_again_of=OuterRef("pk")).order_by())
    # Values, no objects: a few columns of twenty rows take half as long.
    columns = ("pk", "name", "data_type", "workspace__name", "error_code", "error_line")
    newest = list(failed.order_by("-created_at", "-pk").values_list(counted, again, *columns)[:FAILURES_LOOKED_AT])
    waiting = [row for _count, ran_again, *row in newest if not ran_again]
    return newest[0][0] if newest else 0, tuple(_failure(*row) for row in waiting[:FAILURES_SHOWN])


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
