"""The one place where a status changes: every pair of statuses, and the guards of a move."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from exports.models import ACTIVE, ASKED, TRANSITIONS, Export, IllegalTransition, Role, Status
from tests.support.cast import Cast, make_export, make_ready_export

# Drawn by hand from design.md §3, so that a slip in TRANSITIONS shows.
ALLOWED = {
    ("queued", "waiting"),
    ("queued", "preparing"),
    ("queued", "downloading"),
    ("queued", "failed"),
    ("queued", "cancelled"),
    ("waiting", "preparing"),
    ("waiting", "downloading"),
    ("waiting", "failed"),
    ("waiting", "cancelled"),
    ("preparing", "waiting"),
    ("preparing", "downloading"),
    ("preparing", "failed"),
    ("preparing", "cancelled"),
    ("downloading", "waiting"),
    ("downloading", "preparing"),
    ("downloading", "ready"),
    ("downloading", "failed"),
    ("downloading", "cancelled"),
    ("ready", "expired"),
    ("ready", "failed"),
}
PAIRS = [(before, after) for before in Status.values for after in Status.values]


def export_in(cast: Cast, status: str) -> Export:
    """Return an export in any status."""
    return (
        make_ready_export(cast.acme, cast.bob)
        if status == Status.READY
        else make_export(cast.acme, cast.bob, Status(status))
    )


def values_for(status: str) -> dict[str, Any]:
    """Return the columns that the database wants in a status."""
    now = timezone.now()
    if status in ACTIVE:
        return {"due_at": now}
    if status == Status.READY:
        return {"stored_name": "x", "sha256": "0" * 64, "bytes": 1, "rows": 1, "ready_at": now, "expires_at": now}
    return {"ended_at": now, "stored_name": "", "error_code": "upstream_failed" if status == Status.FAILED else ""}


def see(export: Export) -> Export:
    """Return an export as it stands now."""
    return Export.objects.get(pk=export.pk)


def test_every_status_has_its_ways() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert {(before.value, after.value) for before, ways in TRANSITIONS.items() for after in ways} == ALLOWED
    assert set(ACTIVE) == {Status.QUEUED, *ASKED}


@pytest.mark.parametrize(("before", "after"), PAIRS, ids=lambda value: value)
def test_move_goes_only_where_the_design_allows(cast: Cast, before: str, after: str) -> None:
    export = export_in(cast, before)
    values = values_for(after)
    if before != after and (before, after) not in ALLOWED:
        with pytest.raises(IllegalTransition, match=f"{before} -> {after}"):
            Export.objects.move(export, Status(after), **values)
        assert see(export).status == before
        return
    assert Export.objects.move(export, Status(after), **values)
    assert export.status == see(export).status == after


@pytest.mark.parametrize("after", Status.values)
def test_leaving_the_active_statuses_lets_go_of_the_row(cast: Cast, after: str) -> None:
    now = timezone.now()
    export = make_export(cast.acme, cast.bob, Status.DOWNLOADING, leased_until=now, rung_at=now, gate_started_at=now)
    if (Status.DOWNLOADING, after) not in ALLOWED:
        return
    Export.objects.move(export, Status(after), **values_for(after))
    row = see(export)
    held = [row.due_at, row.leased_until, row.rung_at, row.gate_started_at]
    assert all(held) if after in ACTIVE else not any(held)


def test_move_of_a_stale_row_changes_nothing(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    stale = see(export)
    Export.objects.move(export, Status.WAITING)
    assert not Export.objects.move(stale, Status.PREPARING, rows=7)
    assert (stale.status, stale.rows) == (Status.QUEUED, None)
    assert (see(export).status, see(export).rows) == (Status.WAITING, None)


def test_move_with_a_fence_needs_that_fence_and_keeps_it(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, fence=3)
    assert not Export.objects.move(export, Status.WAITING, fence=2)
    assert Export.objects.move(export, Status.WAITING, fence=3)
    assert see(export).fence == 3


def test_move_by_an_outside_hand_takes_the_row_from_its_holder(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, fence=3)
    assert Export.objects.move(export, Status.CANCELLED, ended_at=timezone.now())
    assert see(export).fence == 4


def test_move_to_the_same_status_writes_values_under_the_guard(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, fence=3)
    assert Export.objects.move(export, Status.QUEUED, fence=3, looks=2)
    assert (export.looks, see(export).looks) == (2, 2)
    assert Export.objects.move(export, Status.QUEUED, fence=3, looks=F("looks") + 1)
    assert (export.looks, see(export).looks) == (2, 3)  # what the database computed is not guessed


def test_move_within_a_narrowed_queryset_keeps_to_it(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    others = Export.objects.exclude(pk=export.pk)
    assert not others.move(export, Status.WAITING)


# Querysets and small methods


def test_due_rows_come_oldest_first_without_those_held(cast: Cast) -> None:
    now = timezone.now()
    second = timedelta(seconds=1)
    newer = make_export(cast.acme, cast.bob, due_at=now - second)
    older = make_export(cast.acme, cast.bob, due_at=now - 2 * second, leased_until=now - second)
    make_export(cast.acme, cast.bob, due_at=now + second)
    make_export(cast.acme, cast.bob, due_at=now - second, leased_until=now + second)
    make_ready_export(cast.acme, cast.bob)
    assert list(Export.objects.active().due(now)) == [older, newer]


def test_rows_of_a_busy_lane_are_out_of_reach(cast: Cast) -> None:
    now = timezone.now()
    acmes, globexs = make_export(cast.acme, cast.bob), make_export(cast.globex, cast.charlie)
    cast.acme.lane_until = now + timedelta(seconds=1)
    cast.acme.save(update_fields=["lane_until"])
    assert list(Export.objects.reachable(now)) == [globexs]
    assert set(Export.objects.reachable(now + timedelta(seconds=1))) == {acmes, globexs}


def test_update_in_order_counts_what_it_wrote(cast: Cast) -> None:
    for _ in range(3):
        make_export(cast.acme, cast.bob)
    assert Export.objects.filter(workspace__host=cast.acme.host).update_in_order(looks=4) == 3
    assert set(Export.objects.values_list("looks", flat=True)) == {4}


def test_people_see_the_exports_of_their_workspaces(cast: Cast) -> None:
    acmes, globexs = make_export(cast.acme, cast.bob), make_export(cast.globex, cast.charlie)
    assert list(Export.objects.visible_to(cast.vera)) == [acmes]
    assert list(Export.objects.visible_to(cast.charlie)) == [globexs]
    assert set(Export.objects.visible_to(cast.ada)) == {acmes, globexs}
    cast.ada.is_active = cast.vera.is_active = False
    assert not Export.objects.visible_to(cast.ada).exists()
    assert not Export.objects.visible_to(cast.vera).exists()


def test_export_names_itself(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, name="June")
    assert str(export) == "June"
    export.name = ""
    assert str(export).startswith("page 2026-01-01–")
    assert export.get_absolute_url() == f"/exports/{export.pk}/"
    assert export.is_active
    assert not export.is_shifted
    export.asked_from = export.range_from - timedelta(milliseconds=1)
    assert export.is_shifted


def test_roles_include_the_ones_before() -> None:
    assert [role.rank for role in (Role.VIEWER, Role.MEMBER, Role.MANAGER)] == [1, 2, 3]
