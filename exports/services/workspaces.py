"""Workspaces: made by site administrators, kept by their managers."""

import math
import re
from collections.abc import Iterable
from enum import Enum
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count, QuerySet
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from exports.analytics_cloud.origins import OriginRefused, normalize_base_url
from exports.models import AskedWindow, Export, Membership, PauseCode, Role, UpstreamHost, User, Workspace
from exports.services import audit_log, tokens
from exports.services.audit_log import record_audit
from exports.services.pauses import lock_workspace
from exports.services.refusals import Refused
from exports.services.roles import require_role, require_site_administrator
from exports.services.texts import clean_line, composed

NAME_MOST = 100
RETENTION_MOST_HOURS = 24.0 * 366 * 10
LOOKS_LIKE_AN_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
NAME_TAKEN = gettext_lazy("A workspace of this name exists already.")

WHY_NOT: dict[str, str | Promise] = {
    "not_an_origin": gettext_lazy(
        "Give the address like https://analytics.liferay.com, without a path, a user or a question mark."
    ),
    "odd_host": gettext_lazy("Write the host name in its plain form, such as analytics.liferay.com."),
    "not_listed": gettext_lazy(
        "Tokens may not be sent to this address. Who runs this portal lists the allowed ones in "
        "ANALYTICS_CLOUD_ORIGINS."
    ),
}


class Unchanged(Enum):
    """Says that a setting, whose None has a meaning of its own, isn't to be changed."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED


@cache
def time_zones() -> frozenset[str]:
    """Return the names of all known time zones; "localtime" would mean another one on another machine."""
    return frozenset(available_timezones() - {"localtime", "Factory"})


def with_numbers(keys: Iterable[str]) -> list[Workspace]:
    """Return some workspaces by name, each with its ``people`` and its ``active`` exports counted (three queries).

    Args:
        keys: of workspaces that the person may see, a page of them.
    """
    rows = list(Workspace.objects.filter(pk__in=list(keys)).select_related("host"))
    people = _numbers(Membership.objects.filter(workspace__in=rows))
    active = _numbers(Export.objects.filter(workspace__in=rows, due_at__isnull=False))
    for row in rows:
        row.people, row.active = people.get(row.pk, 0), active.get(row.pk, 0)  # type: ignore[attr-defined]
    return rows


def _numbers(rows: QuerySet[Any]) -> dict[Any, int]:
    return dict(rows.order_by().values_list("workspace").annotate(Count("pk")))


def create_workspace(
    *, actor: User | None, name: str, base_url: str, time_zone: str = "UTC", token: str | None = None
) -> Workspace:
    """Make a workspace; without a token it is paused until a manager gives one.

    Args:
        actor: a site administrator; None for the operator's command line.
        base_url: an origin listed in ``ANALYTICS_CLOUD_ORIGINS``.
        time_zone: a name such as ``Asia/Tokyo``: the zone of its days.
        token: its access token, if at hand.

    Raises:
        Forbidden: not a site administrator.
        Refused: name, address, zone or token can't be accepted.
    """
    if actor is not None:
        require_site_administrator(actor)
    name = _clean_name(name)
    origin = _clean_base_url(base_url)
    time_zone = _clean_time_zone(time_zone)
    now = timezone.now()
    with transaction.atomic():
        workspace = Workspace(
            name=name,
            host=_host(origin),
            time_zone=time_zone,
            paused_at=now,
            pause_code=PauseCode.TOKEN_MISSING,
            created_at=now,
            created_by=actor,
        )
        try:
            with transaction.atomic():
                workspace.save(force_insert=True)
        except IntegrityError:
            raise Refused("name_taken", NAME_TAKEN, "name") from None
        if token is not None:
            workspace = tokens.store_token(actor=actor, workspace=workspace, token=token, has_own_entry=False)
        record_audit(
            audit_log.WORKSPACE_CREATED,
            actor=actor,
            workspace=workspace,
            subject=name,
            base_url=origin,
            with_token=token is not None,
        )
    return workspace


def update_workspace(
    *,
    actor: User,
    workspace: Workspace,
    name: str | None = None,
    base_url: str | None = None,
    time_zone: str | None = None,
    retention_hours: float | None | Unchanged = UNCHANGED,
    longest_hours: float | None | Unchanged = UNCHANGED,
) -> Workspace:
    """Change what is given. Another base URL deletes the token and pauses: a token belongs to its address.

    Args:
        retention_hours: how long new files are kept; None means ``EXPORT_RETENTION_HOURS``. Shown dates never move.
        longest_hours: how long a file can be kept at most, extended or pinned; None means 90 days.

    Returns:
        The row as it stands now.

    Raises:
        Forbidden: not a manager.
        Refused: name, address or zone can't be accepted, or the hours are no number above 0 or longer than ten years.
    """
    require_role(actor, workspace, Role.MANAGER)
    wanted: dict[str, Any] = {}
    if name is not None:
        wanted["name"] = _clean_name(name)
    if time_zone is not None:
        wanted["time_zone"] = _clean_time_zone(time_zone)
    if not isinstance(retention_hours, Unchanged):
        wanted["retention_hours"] = _clean_hours(retention_hours, "retention_hours")
    if not isinstance(longest_hours, Unchanged):
        wanted["longest_hours"] = _clean_hours(longest_hours, "longest_hours")
    origin = None if base_url is None else _clean_base_url(base_url)
    with transaction.atomic():
        workspace = lock_workspace(workspace)
        changes = {field: value for field, value in wanted.items() if getattr(workspace, field) != value}
        if changes:
            try:
                with transaction.atomic():
                    Workspace.objects.filter(pk=workspace.pk).update(**changes)
            except IntegrityError:
                raise Refused("name_taken", NAME_TAKEN, "name") from None
        if origin is not None and origin != workspace.base_url:
            changes["base_url"] = origin
            Workspace.objects.filter(pk=workspace.pk).update(host=_host(origin), address_since=timezone.now())
            # What lies at the old address is out of reach: it no longer fills the lane.
            AskedWindow.objects.filter(workspace=workspace).update(is_upstream=False)
            changes["token_forgotten"] = workspace.has_token
            tokens.drop_token(workspace, actor=actor)
        if changes:
            record_audit(
                audit_log.WORKSPACE_CHANGED, actor=actor, workspace=workspace, subject=workspace.name, **changes
            )
        workspace.refresh_from_db()
    return workspace


def set_retention(*, actor: User, workspace: Workspace, hours: float | None) -> Workspace:
    """Set how many hours new files are kept; None means ``EXPORT_RETENTION_HOURS``.

    Raises:
        Forbidden: not a manager.
        Refused: not a number above 0, or longer than ten years.
    """
    return update_workspace(actor=actor, workspace=workspace, retention_hours=hours)


def find_workspace(text: str) -> Workspace | None:
    """Return the workspace of this id or, without regard to case, of this name; None when there is none."""
    text = text.strip()
    rows = Workspace.objects.select_related("host")
    if LOOKS_LIKE_AN_ID.fullmatch(text):
        return rows.filter(pk=text).first()
    return rows.filter(name__iexact=composed(text)).first() or rows.filter(name__iexact=text).first()


def _clean_hours(hours: float | None, field: str) -> float | None:
    if hours is not None and not (math.isfinite(hours) and 0 < hours <= RETENTION_MOST_HOURS):
        raise Refused(
            "retention_out_of_range",
            _("Give a number of hours above 0 and at most %(most)d.") % {"most": RETENTION_MOST_HOURS},
            field,
        )
    return hours


def _clean_name(name: str) -> str:
    name = clean_line(name, field="name", most=NAME_MOST, required=True)
    if LOOKS_LIKE_AN_ID.fullmatch(name):
        raise Refused("name_looks_like_an_id", _("A name must not look like an id."), "name")
    return name


def _clean_base_url(base_url: str) -> str:
    try:
        return normalize_base_url(base_url, settings.ANALYTICS_CLOUD_ORIGINS)
    except OriginRefused as refused:
        raise Refused(refused.code, WHY_NOT[refused.code], "base_url") from None


def _clean_time_zone(name: str) -> str:
    name = name.strip()
    if name not in time_zones():
        raise Refused(
            "time_zone_unknown", _("No time zone of this name is known. Try one like Asia/Tokyo."), "time_zone"
        )
    return name


def _host(origin: str) -> UpstreamHost:
    return UpstreamHost.objects.get_or_create(origin=origin)[0]
