"""The lane as its rows tell, and what the plan does to them."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from exports.models import Export, Queue, Status, Workspace
from exports.services import looks
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 10, 12, tzinfo=UTC)
_numbers = count()


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


@pytest.fixture(autouse=True)
def _noon() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def upstream(
    cast: Cast, status: Status, *, asked: float, looked: float, waited: float | None = None, **more: Any
) -> Export:
    """An export that was asked and last looked at so many seconds ago; ``waited``: before upstream began it."""
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=next(_numbers))
    values: dict[str, Any] = {
        "workspace": cast.acme,
        "data_type": "page",
        "range_from": start,
        "range_to": start + timedelta(days=1),
        "requested_by": cast.alice,
        "status": status,
        "due_at": NOW + timedelta(seconds=200),
        "submitted_at": ago(asked),
        "looked_at": ago(looked),
        "waiting_code": "upstream_pending" if status == Status.WAITING else "upstream_running",
    }
    if waited is not None:
        values |= {"upstream_wait_seconds": waited, "running_since": ago(looked)}
    return Export.objects.create(**values | more)


def stored(cast: Cast, *, asked: float, waited: float, worked: float, **more: Any) -> Export:
    """An export that is ready since a second after upstream was seen to have made it."""
    asked_at = ago(asked)
    done = asked_at + timedelta(seconds=waited + worked)
    return upstream(
        cast,
        Status.READY,
        asked=asked,
        looked=asked - waited - worked,
        due_at=None,
        ready_at=done + timedelta(seconds=1),
        expires_at=NOW + timedelta(days=1),
        upstream_wait_seconds=waited,
        upstream_work_seconds=worked,
        stored_name=f"file-{next(_numbers)}",
        sha256="0" * 64,
        bytes=1,
        rows=1,
        **more,
    )


def see(export: Export) -> Export:
    return Export.objects.get(pk=export.pk)


def test_lane_is_read_with_starts_on_our_clock(cast: Cast) -> None:
    made = upstream(cast, Status.PREPARING, asked=500, looked=10, waited=200)
    waits = upstream(cast, Status.WAITING, asked=400, looked=300)
    upstream(cast, Status.DOWNLOADING, asked=900, looked=400)
    upstream(cast, Status.WAITING, asked=900, looked=400, waiting_code="retry")
    Workspace.objects.filter(pk=cast.acme.pk).update(lane_left_after=ago(600), lane_left_by=ago(590))
    reading = looks.read_lane(cast.acme)
    sights = {sight.key: sight for sight in reading.lane.sights}
    assert set(sights) == {made.pk, waits.pk}
    assert sights[made.pk].started_at == ago(300).timestamp()
    assert sights[waits.pk].started_at is None
    assert reading.lane.left is not None
    assert (reading.lane.left.after, reading.lane.left.by) == (ago(600).timestamp(), ago(590).timestamp())


def test_running_row_of_an_earlier_version_counts_from_our_first_sight(cast: Cast) -> None:
    upstream(cast, Status.PREPARING, asked=500, looked=10, running_since=ago(250))
    [sight] = looks.read_lane(cast.acme).lane.sights
    assert sight.started_at == ago(250).timestamp()


def test_one_reading_takes_few_queries(cast: Cast, django_assert_max_num_queries: Any) -> None:
    for _ in range(20):
        upstream(cast, Status.WAITING, asked=400, looked=300)
    with django_assert_max_num_queries(3):
        looks.read_lane(cast.acme)


def test_start_is_read_by_upstreams_clock(cast: Cast) -> None:
    ahead = timedelta(hours=3)
    export = upstream(cast, Status.WAITING, asked=300, looked=200, upstream_created_at=ago(300) + ahead)
    reading = looks.read_lane(cast.acme)
    assert looks.started_at(export, reading, ago(120) + ahead, NOW) == ago(120)
    assert looks.started_at(export, reading, ago(5000) + ahead, NOW) == ago(200)  # it was PENDING then
    assert looks.started_at(export, reading, None, NOW) == NOW


def test_start_once_read_stays(cast: Cast) -> None:
    export = upstream(cast, Status.PREPARING, asked=300, looked=200, waited=50)
    assert looks.started_at(export, looks.read_lane(cast.acme), ago(1), NOW) == ago(250)


def test_departure_tells_that_the_others_were_pending_all_the_while(cast: Cast) -> None:
    left = upstream(cast, Status.PREPARING, asked=900, looked=60, waited=300)  # begun 600 seconds ago
    meanwhile = upstream(cast, Status.WAITING, asked=500, looked=500)
    before = upstream(cast, Status.WAITING, asked=890, looked=800)
    looks.note_departure(left, NOW)
    cast.acme.refresh_from_db()
    assert (cast.acme.lane_left_after, cast.acme.lane_left_by) == (ago(60), NOW)
    assert see(meanwhile).looked_at == ago(60)
    assert see(before).looked_at == ago(800)  # it may have been made between


def test_file_that_was_no_good_is_no_second_departure(cast: Cast) -> None:
    looks.note_departure(upstream(cast, Status.WAITING, asked=900, looked=60, waiting_code="retry"), NOW)
    cast.acme.refresh_from_db()
    assert cast.acme.lane_left_by is None


def test_others_are_asked_at_once_when_one_has_left(cast: Cast) -> None:
    left = upstream(cast, Status.PREPARING, asked=900, looked=60, waited=300)
    others = [upstream(cast, Status.WAITING, asked=500, looked=500, queue=Queue.POLL) for _ in range(3)]
    held = upstream(cast, Status.WAITING, asked=500, looked=500, leased_until=NOW + timedelta(seconds=90))
    waits_for_disk = upstream(cast, Status.WAITING, asked=500, looked=500, waiting_code="storage_full")
    looks.note_departure(left, NOW)
    left.delete()
    looks.after_departure(left)
    for other in others:
        assert see(other).due_at == NOW
        assert see(other).queue == Queue.TRANSFER
    assert see(held).due_at == NOW + timedelta(seconds=200)
    assert see(waits_for_disk).due_at == NOW + timedelta(seconds=200)


def test_spared_ones_that_are_due_are_put_off_together(cast: Cast) -> None:
    upstream(cast, Status.PREPARING, asked=900, looked=10, waited=300)
    due = [upstream(cast, Status.WAITING, asked=500, looked=500, due_at=NOW) for _ in range(3)]
    looks.put_off(looks.read_lane(cast.acme), NOW)
    assert {see(export).due_at for export in due} == {NOW + timedelta(seconds=300)}


def test_estimates_of_the_whole_lane_follow_what_is_seen(cast: Cast) -> None:
    for number in range(5):
        stored(cast, asked=50_000 - 4000 * number, waited=100, worked=600)
    made = upstream(cast, Status.PREPARING, asked=900, looked=10, waited=500)  # begun 400 seconds ago
    waits = upstream(cast, Status.WAITING, asked=500, looked=350)
    looks.rearrange(looks.read_lane(cast.acme), NOW)
    usual = timedelta(seconds=600)
    assert abs(see(made).estimated_ready_at - (ago(400) + usual)) < timedelta(seconds=1)  # type: ignore[operator]
    assert abs(see(waits).estimated_ready_at - (ago(400) + 2 * usual)) < timedelta(seconds=1)  # type: ignore[operator]
    assert see(waits).estimate_basis == "history:5"
    assert see(waits).waiting_until == see(waits).estimated_ready_at


def test_estimate_is_unknown_without_history(cast: Cast) -> None:
    export = upstream(cast, Status.WAITING, asked=500, looked=350, estimated_ready_at=NOW, estimate_basis="history:9")
    looks.rearrange(looks.read_lane(cast.acme), NOW)
    assert (see(export).estimated_ready_at, see(export).estimate_basis) == (None, "")


def test_rhythm_is_learned_from_stored_exports(cast: Cast) -> None:
    ahead = timedelta(seconds=77)
    looked = ago(5)  # one of upstream's looks
    for number in range(1, 6):
        asked = 20_000 - 3000 * number + 100 * (number % 2)
        start = looked - timedelta(seconds=300 * ((asked - 5) // 300))
        stored(
            cast,
            asked=asked,
            waited=(start - ago(asked)).total_seconds(),
            worked=100,
            upstream_created_at=ago(asked) + ahead,
            upstream_started_at=start + ahead,
        )
    reading = looks.read_lane(cast.acme, also=["page"])
    assert reading.rhythm.ahead == pytest.approx(77, abs=1)
    assert reading.rhythm.next_look(timezone.now().timestamp()) == pytest.approx(
        (looked + timedelta(seconds=300)).timestamp(), abs=1
    )
