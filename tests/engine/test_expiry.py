"""Promise 4: a link lives until the moment the page shows; then the bytes are gone and the record stays."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.conf import LazySettings
from django.utils import timezone

from exports.analytics_cloud.dates import format_instant
from exports.models import DerivedFile, Export, Requester, Status, Workspace
from exports.services import describe, expire, stored
from exports.services.limits import Allowed, set_limits_of_person
from exports.services.refusals import Forbidden, WrongState
from tests.engine.world import World
from tests.support.cast import Cast, make_export, make_ready_export
from tests.support.cast import cast as cast

HOUR = timedelta(hours=1)


def see(export: Export) -> Export:
    """Return an export as it stands now."""
    return Export.objects.select_related("workspace__host").get(pk=export.pk)


def files() -> set[str]:
    """Return the names of all stored files."""
    return {found.name for found in stored.storage().names()}


def test_file_goes_at_the_moment_shown_and_the_record_stays(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, expires_at=timezone.now() + HOUR)
    name = export.stored_name
    with time_machine.travel(timezone.now() + HOUR - timedelta(seconds=5)):
        assert expire.expire_due() == 0
        assert files() == {name}
    with time_machine.travel(timezone.now() + HOUR):
        assert expire.expire_due() == 1
        assert expire.expire_due() == 0
    row = see(export)
    assert (row.status, row.stored_name) == (Status.EXPIRED, "")
    assert (row.sha256, row.rows, row.bytes) == (export.sha256, 3, export.bytes)
    assert row.ended_at is not None
    assert files() == set()
    [entry] = [entry for entry in describe.timeline(row) if entry.code == "expired"]
    assert entry.actor is None


def test_formats_made_from_it_go_with_it(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, expires_at=timezone.now())
    name = f"{export.stored_name}.1.csv"
    stored.storage().part_path(name).write_bytes(b"a,b\n")
    stored.storage().publish(name)
    DerivedFile.objects.create(
        export=export, format="csv", variant="csv", state="ready", stored_name=name, sha256="0" * 64, bytes=4
    )
    DerivedFile.objects.create(export=export, format="xlsx", variant="xlsx")
    expire.expire_due()
    assert files() == set()
    assert not DerivedFile.objects.exists()


@pytest.mark.parametrize(("own", "hours"), [(None, 24.0), (0.5, 0.5), (72.0, 72.0)])
def test_expiry_is_ready_at_plus_the_workspaces_hours(world: World, own: float | None, hours: float) -> None:
    Workspace.objects.filter(pk=world.acme.pk).update(retention_hours=own)
    [export] = world.run(world.queue())
    assert export.ready_at is not None
    assert export.expires_at == export.ready_at + timedelta(hours=hours)


def test_limit_of_a_person_shortens_what_the_workspace_keeps_and_never_lengthens_it(world: World) -> None:
    ends = {}
    for hours in (3.0, 72.0):
        set_limits_of_person(
            actor=world.alice, workspace=world.acme, user=world.bob, allowed=Allowed(retention_hours=hours)
        )
        for person in (world.bob, world.carol):
            [export] = world.run(world.queue(by=person, days=len(ends) + 1))
            assert export.ready_at is not None
            assert export.expires_at is not None
            ends[hours, person] = (export.expires_at - export.ready_at) / HOUR
    assert list(ends.values()) == [3, 24, 24, 24]


def test_setting_decides_where_the_workspace_does_not(world: World, settings: LazySettings) -> None:
    settings.EXPORT_RETENTION_HOURS = 2
    [export] = world.run(world.queue())
    assert export.ready_at is not None
    assert export.expires_at == export.ready_at + timedelta(hours=2)


def test_member_extends_own_file_once_and_a_manager_freely(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    first = export.expires_at
    assert first is not None
    export = expire.extend_export(user=cast.bob, export=see(export))
    assert see(export).expires_at == first + timedelta(hours=24)
    with pytest.raises(Forbidden, match="extended_already"):
        expire.extend_export(user=cast.bob, export=see(export))
    for days in (2, 3):
        export = expire.extend_export(user=cast.alice, export=see(export))
        assert see(export).expires_at == first + timedelta(days=days)
    assert see(export).extended == 3
    assert list(export.events.values_list("code", flat=True)) == ["extended"] * 3
    until = export.events.latest("at", "pk").data["until"]
    assert until == format_instant(first + timedelta(days=3))


def test_nobody_extends_beyond_the_workspaces_limit(cast: Cast) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(longest_hours=60)
    export = see(make_ready_export(cast.acme, cast.bob))
    assert export.ready_at is not None
    ends = []
    for _time in range(2):
        export = see(expire.extend_export(user=cast.alice, export=export))
        assert export.expires_at is not None
        ends.append(export.expires_at - export.ready_at)
    assert ends == [48 * HOUR, 60 * HOUR]
    assert not expire.can_be_extended(export)
    for person in (cast.alice, cast.ada):
        with pytest.raises(WrongState, match="kept_longest"):
            expire.extend_export(user=person, export=export)
    assert see(export).extended == 2


def test_limit_below_the_usual_hours_takes_nothing_away(cast: Cast) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(longest_hours=1, retention_hours=24)
    export = see(make_ready_export(cast.acme, cast.bob))
    assert export.ready_at is not None
    assert expire.latest_moment(export) == export.ready_at + 24 * HOUR


def test_pinned_file_is_kept_to_the_limit_and_then_goes_like_any_other(cast: Cast) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(longest_hours=240)
    export = see(make_ready_export(cast.acme, cast.bob))
    assert export.ready_at is not None
    expire.pin_file(user=cast.alice, export=export)
    pinned = see(export)
    assert pinned.pinned_at is not None
    assert pinned.expires_at == export.ready_at + 240 * HOUR
    for again in (lambda: expire.pin_file(user=cast.alice, export=pinned), lambda: extend(cast, pinned)):
        with pytest.raises(WrongState):
            again()
    with time_machine.travel(export.ready_at + 239 * HOUR):
        assert expire.expire_due() == 0
    with time_machine.travel(export.ready_at + 240 * HOUR):
        assert expire.expire_due() == 1
    gone = see(export)
    assert (gone.status, gone.pinned_at) == (Status.EXPIRED, None)
    assert files() == set()


def extend(cast: Cast, export: Export) -> Export:
    """Extend as a manager."""
    return expire.extend_export(user=cast.alice, export=export)


def test_unpinned_file_is_kept_for_the_usual_hours_from_then_on(cast: Cast) -> None:
    export = see(make_ready_export(cast.acme, cast.bob))
    expire.pin_file(user=cast.alice, export=export)
    later = timezone.now() + 72 * HOUR
    with time_machine.travel(later, tick=False):
        expire.unpin_file(user=cast.alice, export=see(export))
    row = see(export)
    assert (row.pinned_at, row.expires_at) == (None, later + 24 * HOUR)
    assert list(row.events.values_list("code", flat=True)) == ["pinned", "unpinned"]
    with pytest.raises(WrongState, match="not_pinned"):
        expire.unpin_file(user=cast.alice, export=row)


def test_unpinning_never_moves_the_end_back(cast: Cast) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(longest_hours=25)
    export = see(make_ready_export(cast.acme, cast.bob))
    expire.pin_file(user=cast.alice, export=export)
    end = see(export).expires_at
    assert end is not None
    with time_machine.travel(end - HOUR):
        expire.unpin_file(user=cast.alice, export=see(export))
    assert see(export).expires_at == end


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_pin_and_unpin(cast: Cast, who: str) -> None:
    export = see(make_ready_export(cast.acme, cast.bob, pinned_at=timezone.now()))
    for act in (expire.pin_file, expire.unpin_file):
        with pytest.raises(Forbidden):
            act(user=getattr(cast, who), export=export)


def test_pin_that_comes_after_the_end_changes_nothing(cast: Cast) -> None:
    export = see(make_ready_export(cast.acme, cast.bob))
    expire.delete_file_now(user=cast.bob, export=see(export))
    with pytest.raises(WrongState, match="no_file"):
        expire.pin_file(user=cast.alice, export=export)
    assert see(export).pinned_at is None
    assert see(export).expires_at == see(export).ended_at


@pytest.mark.parametrize("who", ["vera", "charlie"])
def test_viewers_and_strangers_neither_extend_nor_delete(cast: Cast, who: str) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    for act in (expire.extend_export, expire.delete_file_now):
        with pytest.raises(Forbidden):
            act(user=getattr(cast, who), export=export)


def test_member_leaves_the_files_of_others_alone(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.alice)
    for act in (expire.extend_export, expire.delete_file_now):
        with pytest.raises(Forbidden, match="not_yours"):
            act(user=cast.bob, export=export)
    Requester.objects.create(export=export, user=cast.bob)
    assert expire.extend_export(user=cast.bob, export=export).extended == 1


def test_extended_file_survives_its_first_date(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, expires_at=timezone.now() + HOUR)
    expire.extend_export(user=cast.bob, export=export)
    with time_machine.travel(timezone.now() + 2 * HOUR):
        assert expire.expire_due() == 0
    assert see(export).status == Status.READY


def test_expiry_that_meets_an_extension_gives_way(cast: Cast) -> None:
    """Expiry read the row, then somebody extended it, then expiry writes."""
    export = make_ready_export(cast.acme, cast.bob, expires_at=timezone.now() + timedelta(seconds=5))
    stale = see(export)
    expire.extend_export(user=cast.bob, export=export)
    guard = {"expires_at__lte": timezone.now() + HOUR}
    assert not expire._remove_file(stale, Status.EXPIRED, "expired", guard=guard)
    assert see(export).status == Status.READY


def test_what_has_no_file_is_neither_extended_nor_deleted(cast: Cast) -> None:
    gone = make_ready_export(cast.acme, cast.bob, expires_at=timezone.now() - HOUR)
    failed = make_export(cast.acme, cast.bob, Status.FAILED)
    stale = see(gone)
    with pytest.raises(WrongState, match="no_file"):
        expire.extend_export(user=cast.bob, export=stale)
    expire.expire_due()
    for export in (gone, failed, stale):
        with pytest.raises(WrongState, match="no_file"):
            expire.extend_export(user=cast.bob, export=export)
        with pytest.raises(WrongState, match="no_file"):
            expire.delete_file_now(user=cast.bob, export=export)


def test_file_is_deleted_before_its_time_by_whoever_asked_for_it(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    expire.delete_file_now(user=cast.bob, export=export)
    row = see(export)
    assert (row.status, row.stored_name, files()) == (Status.EXPIRED, "", set())
    [entry] = describe.timeline(row)
    assert (entry.code, entry.actor) == ("deleted", cast.bob)


def test_lost_file_is_no_longer_offered(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    assert expire.mark_file_lost(export)
    assert not expire.mark_file_lost(see(export))
    row = see(export)
    assert (row.status, row.error_code) == (Status.FAILED, "file_lost")
    problem = describe.problem_of(row)
    assert problem is not None
    assert problem.whose_turn == "us"


# The reaper


def leave(name: str, *, age: timedelta, part: bool = False) -> Path:
    """Leave a file in the store, written so long ago."""
    storage = stored.storage()
    path = storage.part_path(name)
    path.write_bytes(b"x")
    if not part:
        storage.publish(name)
        path = path.with_name(name)
    moment = (datetime.now(UTC) - age).timestamp()
    os.utime(path, (moment, moment))
    return path


def test_reaper_deletes_only_what_no_row_names_and_what_is_older_than_two_leases(
    cast: Cast, settings: LazySettings
) -> None:
    settings.EXPORT_LEASE_SECONDS = 90
    nobodys = "00000000-0000-4000-8000-00000000000"
    named = make_ready_export(cast.acme, cast.bob)
    arriving = make_export(cast.acme, cast.bob, Status.DOWNLOADING, stored_name=f"{named.pk}-8")
    derived = f"{named.stored_name}.1.csv"
    DerivedFile.objects.create(export=named, format="csv", variant="csv", stored_name=derived)
    old, young = timedelta(seconds=185), timedelta(seconds=170)
    kept = [
        leave(arriving.stored_name, age=old, part=True),
        leave(derived, age=old, part=True),
        leave(f"{derived}.source", age=old, part=True),
        leave(f"{nobodys}1-1", age=young),
        leave(f"{nobodys}2-1", age=young, part=True),
    ]
    reaped = [leave(f"{nobodys}3-1", age=old), leave(f"{nobodys}4-1", age=old, part=True)]
    stranger = stored.storage().part_path(f"{nobodys}5-1").with_name("notes.txt")
    stranger.write_text("not ours")
    os.utime(stranger, (0, 0))
    whole = stored.storage().part_path(named.stored_name).with_name(named.stored_name)
    os.utime(whole, (0, 0))
    assert expire.reap_files() == 2
    assert expire.reap_files() == 0
    assert all(path.exists() for path in [*kept, stranger, whole])
    assert not any(path.exists() for path in reaped)


def test_file_left_by_a_crash_between_row_and_disk_is_reaped(world: World) -> None:
    """One UPDATE clears the name, then the bytes go: who dies in between leaves them to the reaper."""
    [export] = world.run(world.queue())
    name = export.stored_name
    Export.objects.filter(pk=export.pk).update(status=Status.EXPIRED, stored_name="", ended_at=timezone.now())
    assert files() == {name}
    path = stored.storage().part_path(name).with_name(name)
    os.utime(path, (0, 0))
    assert expire.reap_files() == 1
    assert files() == set()


def test_empty_store_is_reaped_without_a_query(cast: Cast, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert expire.reap_files() == 0
