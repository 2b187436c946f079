"""The strip above the list: what matters now, in a handful of numbers, each from its own index."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Subquery, Value
from django.utils import timezone

from exports.models import Export, Membership, Role, Status, User, Workspace
from exports.services.approvals import APPROVAL
from exports.services.describe import problem_of
from exports.services.json_rows import json_rows, moment_of
from exports.services.key_texts import key_text, with_hyphens
from exports.services.paging import lying_in
from exports.web.rows import EXPIRES_SOON, title_of

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


class Place(NamedTuple):
    """A workspace as the filter and the banners need it; a thousand of them are made for a page."""

    id: str
    name: str
    pause_code: str
    paused_at: datetime | None
    role: Role
    token_expires_at: datetime | None

    @property
    def may_ask(self) -> bool:
        """True when the person may queue exports here."""
        return self.role.may_ask

    def token_ends_before(self, moment: datetime) -> bool:
        """True when the token's end was noted and comes earlier."""
        return self.token_expires_at is not None and self.token_expires_at < moment

    @property
    def may_manage(self) -> bool:
        """True when the person is a manager here."""
        return self.role is Role.MANAGER


def overview(user: User, *, is_spread: bool = False) -> Strip:
    """Return the strip for a person (three queries).

    Args:
        is_spread: the person sees many workspaces, so that what failed last in any of them is soon found.
    """
    now = timezone.now()
    seen = Export.objects.visible_to(user).order_by()
    # due_at is not null exactly while active: the partial index holds these rows alone.
    managed = Workspace.objects.where_role(user, Role.MANAGER).order_by().values("pk")
    active: dict[str, Any] = seen.filter(due_at__isnull=False).aggregate(
        count=Count("pk"),
        to_approve=Count("pk", filter=Q(hold=APPROVAL, workspace__in=managed)),
        next=Min("estimated_ready_at", filter=Q(estimated_ready_at__gt=now)),
    )
    ready: dict[str, Any] = seen.filter(status=Status.READY, expires_at__gt=now).aggregate(
        count=Count("pk"), soon=Count("pk", filter=Q(expires_at__lt=now + EXPIRES_SOON)), first=Min("expires_at")
    )
    lately = _failed_lately(user, now - FAILED_WITHIN, is_spread=is_spread)
    # Counted apart: a window over all would look for what was run again for each of them, not for those shown.
    counted = lately.annotate(one=Value(1)).values("one").annotate(count=Count("pk")).values("count")
    failed: list[Any] = list(
        lately.annotate(
            in_all=Subquery(counted), ran_again=Exists(Export.objects.filter(run_again_of=OuterRef("pk")).order_by())
        )
        .select_related("workspace")
        .only("id", "name", "data_type", "error_code", "error_line", "workspace__name")
        .order_by("-created_at", "-pk")[:FAILURES_LOOKED_AT]
    )
    return Strip(
        active=active["count"],
        next_ready_at=active["next"],
        ready=ready["count"],
        expiring=ready["soon"],
        first_expires_at=ready["first"],
        failed=failed[0].in_all if failed else 0,
        failures=tuple(_failure(export) for export in failed if not export.ran_again)[:FAILURES_SHOWN],
        to_approve=active["to_approve"],
    )


def _failed_lately(user: User, since: datetime, *, is_spread: bool) -> QuerySet[Export]:
    if user.is_superuser or not is_spread:
        return Export.objects.visible_to(user).filter(status=Status.FAILED, created_at__gte=since).order_by()
    # Of many workspaces each has its part of an index. What has a reason has an index of its own, much shorter; the
    # status, which stands there too, would make databases choose another one.
    reasoned = Export.objects.filter(error_code__gt="", created_at__gte=since).exclude(status=Status.CANCELLED)
    return lying_in(reasoned, Workspace.objects.visible_to(user).order_by().values("pk")).order_by()


def _failure(export: Export) -> Failure:
    problem = problem_of(export)
    assert problem is not None  # a constraint: what failed has a reason
    return Failure(
        url=export.get_absolute_url(),
        title=title_of(export),
        workspace=export.workspace.name,
        message=problem.message,
        next_action=problem.next_action,
        whose_turn=problem.whose_turn_label,
    )


def places_of(user: User) -> list[Place]:
    """Return the workspaces a person sees, by name, with the person's role (one query)."""
    columns = ("name", "pause_code", "paused_at", "token_expires_at")
    found: Iterable[list[Any]]
    if user.is_superuser:
        rows = Workspace.objects.visible_to(user).filter(archived_at__isnull=True)
        found = ([Role.MANAGER.value, *row] for row in json_rows(rows, key_text("pk"), *columns))
    else:
        seats = Membership.objects.filter(user=user, workspace__archived_at__isnull=True)
        found = json_rows(seats, "role", key_text("workspace"), *(f"workspace__{name}" for name in columns))
    roles = {role.value: role for role in Role}
    places = [
        Place(with_hyphens(pk), name, code, moment_of(at), roles[role], moment_of(expires_at))
        for role, pk, name, code, at, expires_at in found
    ]
    return sorted(places, key=lambda place: place.name.lower())
