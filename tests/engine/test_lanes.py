"""One lane per workspace: never two questions on the wire at once, nor two downloads."""

import time
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from exports.analytics_cloud.client import AnalyticsCloudClient
from exports.analytics_cloud.replies import Waiting
from exports.models import Export, Status, Workspace
from exports.services import advance, lanes
from tests.engine.conftest import MakeWorld
from tests.engine.world import TOKEN, Worker, World, all_in, between_look_and_write, in_threads, work_until

GLOBEX_TOKEN = "globex-token-of-the-tests-0123456789abcdefghijklmnopq"


@pytest.fixture
def quick(settings: LazySettings) -> LazySettings:
    """A day in seconds, for tests in real time."""
    settings.EXPORT_POLL_FIRST_SECONDS = 0.05
    settings.EXPORT_POLL_MAX_SECONDS = 0.3
    return settings


def acme(world: World) -> Workspace:
    """Return the workspace as it stands now."""
    return Workspace.objects.get(pk=world.acme.pk)


def test_many_workers_keep_to_one_question_and_one_download_at_a_time(
    make_world: MakeWorld, quick: LazySettings
) -> None:
    world = make_world(rhythm=0.4, duration=0.02, rows=300, tokens={"acme": TOKEN, "globex": GLOBEX_TOKEN})
    globex = world.workspace("Globex", GLOBEX_TOKEN, member=world.bob)
    exports = [world.queue() for _ in range(8)] + [world.queue(workspace=globex) for _ in range(4)]
    world.sim.faults.add("drip", files_only=True, pause=0.005, size=4000)
    work_until(lambda: all_in(exports, Status.READY), workers=["poll", "poll", "transfer", "transfer"])
    assert world.sim.violations() == []
    downloads = [entry for entry in world.sim.log if entry.is_download]
    assert len(downloads) == 12


def test_long_download_holds_up_no_first_question(world: World) -> None:
    first = world.until_status(world.queue(), Status.WAITING)
    second = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)
    slow = world.sim.faults.add("drip", files_only=True, pause=0.03, size=64)
    download = Worker(lambda: advance.advance_export(first.pk))
    work_until(lambda: all_in([first], Status.DOWNLOADING), workers=())

    third = world.step(world.queue())
    assert third.status == Status.WAITING
    second = world.step(second)
    assert (second.status, second.waiting_code) == (Status.WAITING, "download_turn")
    assert all_in([first], Status.DOWNLOADING)

    world.sim.faults.remove(slow)
    download.join()
    assert world.see(first).status == Status.READY
    second = world.see(second)
    assert second.due_at is not None
    assert second.due_at <= timezone.now()  # its turn has come
    assert world.run(second)[0].status == Status.READY


def test_file_that_comes_unexpectedly_waits_for_the_downloads_turn(world: World) -> None:
    """Somebody else asked upstream for this key: our first question is answered by the file."""
    first = world.until_status(world.queue(), Status.WAITING)
    other = world.queue()
    with AnalyticsCloudClient(base_url=world.sim.base_url, token=TOKEN, allowed_origins=[world.sim.base_url]) as client:
        reply = client.ask("page", other.range_from, other.range_to, give_up_after=5, stall_seconds=5, max_bytes=10**9)
    assert isinstance(reply, Waiting)
    world.wait(700)
    slow = world.sim.faults.add("drip", files_only=True, pause=0.03, size=64)
    download = Worker(lambda: advance.advance_export(first.pk))
    work_until(lambda: all_in([first], Status.DOWNLOADING), workers=())
    world.tolerated.add("two-downloads")  # hung up on at once, but the answer had begun

    other = world.step(other)
    assert (other.status, other.waiting_code, other.attempts) == (Status.WAITING, "download_turn", 0)
    world.sim.faults.remove(slow)
    download.join()
    assert world.run(other)[0].status == Status.READY


def test_turn_to_ask_is_one_workers_alone(world: World) -> None:
    fences = in_threads(*[lambda: lanes.take_question_lane(world.acme.pk)] * 8)
    assert len([fence for fence in fences if fence is not None]) == 1
    [fence] = [fence for fence in fences if fence is not None]
    assert lanes.take_question_lane(world.acme.pk) is None
    lanes.release_question_lane(world.acme.pk, fence - 1)
    assert lanes.take_question_lane(world.acme.pk) is None
    lanes.release_question_lane(world.acme.pk, fence)
    assert lanes.take_question_lane(world.acme.pk) == fence + 1
    lanes.release_question_lane(world.acme.pk, fence + 1)


def test_turn_taken_by_another_between_look_and_taking_is_the_others(world: World) -> None:
    with between_look_and_write(lambda: lanes.take_question_lane(world.acme.pk)) as fences:
        assert lanes.take_question_lane(world.acme.pk) is None
    assert fences == [acme(world).lane_fence]
    lanes.release_question_lane(world.acme.pk, fences[0])


def test_turn_of_a_dead_worker_ends_by_itself(world: World, settings: LazySettings) -> None:
    lanes.take_question_lane(world.acme.pk)
    export = world.queue()
    assert not advance.advance_export(export.pk)
    world.wait(lanes.question_seconds() + lanes.MARGIN_SECONDS)
    assert advance.advance_export(export.pk)
    assert lanes.question_seconds() == 60
    settings.EXPORT_LEASE_SECONDS = 20
    assert lanes.question_seconds() == 20


def test_ring_in_vain_may_be_repeated_by_the_next_tick(world: World) -> None:
    export = world.queue()
    Export.objects.update(rung_at=timezone.now())
    fence = lanes.take_question_lane(world.acme.pk)
    assert fence is not None
    assert not advance.advance_export(export.pk)
    assert world.see(export).rung_at is None
    assert world.see(export).fence == 0
    lanes.release_question_lane(world.acme.pk, fence)


def test_question_that_would_outlast_its_turn_is_not_sent(world: World, settings: LazySettings) -> None:
    settings.EXPORT_STALL_SECONDS = 0.0001  # the database alone takes longer
    export = world.queue()
    export = world.step(export)
    assert world.sim.log == []
    assert (export.status, export.attempts, export.waiting_code) == (Status.QUEUED, 0, "handed_back")
    assert export.due_at is not None
    assert export.due_at <= timezone.now()


def test_question_is_given_up_when_its_turn_ends(world: World, settings: LazySettings) -> None:
    settings.EXPORT_LEASE_SECONDS = 1.0
    world.sim.faults.add("silence", times=1)
    began = time.monotonic()
    export = world.step(world.queue())
    assert time.monotonic() - began < 3
    assert (export.last_problem, export.attempts) == ("way_timeout", 0)
    assert export.fence == 1  # the lease was kept all the time


def test_downloads_turn_is_one_exports_alone(world: World) -> None:
    one, other = world.queue(), world.queue()
    assert lanes.take_transfer_lane(one)
    assert lanes.take_transfer_lane(one)  # its next worker may go on
    assert not lanes.take_transfer_lane(other)
    assert not lanes.is_transfer_lane_free(other)
    lanes.release_transfer_lane(other, 0)
    assert not lanes.is_transfer_lane_free(other)
    lanes.release_transfer_lane(one, one.fence + 1)  # a fence that is not its own
    assert not lanes.is_transfer_lane_free(other)
    world.wait(60)
    lanes.renew_transfer_lane(one)
    world.wait(60)
    assert not lanes.is_transfer_lane_free(other)
    world.wait(31)
    assert lanes.take_transfer_lane(other)  # a dead worker's turn ends by itself
    lanes.release_transfer_lane(other, other.fence)
    assert acme(world).transfer_export is None


def test_busy_lane_hides_its_rows_from_other_workers(world: World) -> None:
    export = world.queue()
    assert advance.take_next("poll") == export.pk
    assert advance.take_next("transfer") is None
    fence = lanes.take_question_lane(world.acme.pk)
    assert fence is not None
    assert advance.take_next("poll") is None
    assert advance.drain("poll", seconds=1) == 0
    lanes.release_question_lane(world.acme.pk, fence)
    assert advance.drain("poll", seconds=5) == 1


def test_while_one_is_made_the_pending_ones_are_not_asked(make_world: MakeWorld) -> None:
    world = make_world(duration=1800.0)
    exports = [world.queue() for _ in range(6)]
    for export in exports:
        world.step(export)
    began = timezone.now()
    world.run(*exports)
    hours = (timezone.now() - began) / timedelta(hours=1)
    assert hours == pytest.approx(3.0, abs=1.0)
    # Each for itself, asked every five minutes until its file came, they would have cost over 120.
    assert len(world.questions) < 100
