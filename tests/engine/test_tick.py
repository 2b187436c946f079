"""The clock: it rings for what is due, once per lease, and loses nothing when nobody hears it."""

import json
from base64 import b64decode
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from celery import current_app
from django.conf import LazySettings
from django.utils import timezone

from exports.models import DerivedFile, Export, Heartbeat, Status
from exports.services import doorbell, expire, lanes, stored, tick
from tests.engine.world import World
from tests.support.cast import make_ready_export

LEASE = 90.0


@pytest.fixture
def broker(redis_url: str, settings: LazySettings) -> Iterator[redis.Redis]:
    """A real Redis that the doorbell rings at."""
    settings.CELERY_BROKER_URL = redis_url.replace("unix://", "redis+socket://", 1)
    doorbell.start_fresh()
    with redis.Redis.from_url(redis_url) as client:
        yield client
    doorbell.start_fresh()


def heard(broker: redis.Redis, queue: str) -> list[str]:
    """Return the keys that lie in a queue, the oldest first, and empty it."""
    messages = [json.loads(text) for text in broker.lrange(queue, 0, -1)]  # type: ignore[union-attr]
    broker.delete(queue)
    bodies = [json.loads(b64decode(message["body"])) for message in messages]
    return [body[0][0] for body in reversed(bodies)]


def test_new_export_rings_once_it_is_committed(world: World, broker: redis.Redis) -> None:
    export = world.queue()
    assert heard(broker, "poll") == [str(export.pk)]


def test_message_carries_a_key_and_nothing_else(world: World, broker: redis.Redis) -> None:
    export = world.queue(name="secret plans")
    [text] = broker.lrange("poll", 0, -1)  # type: ignore[misc]
    message = json.loads(text)
    assert message["headers"]["task"] == "exports.advance"
    assert message["content-type"] == "application/json"
    assert json.loads(b64decode(message["body"]))[0] == [str(export.pk)]
    assert b"secret" not in text


def test_due_row_is_rung_once_per_lease(world: World, broker: redis.Redis) -> None:
    export = world.queue()
    heard(broker, "poll")
    assert tick.tick() == 1
    assert heard(broker, "poll") == [str(export.pk)]
    world.wait(LEASE - 10)
    assert tick.tick() == 0
    world.wait(11)
    assert tick.tick() == 1
    assert heard(broker, "poll") == [str(export.pk)]


def test_rows_ring_at_their_own_queue_the_most_overdue_first(world: World, broker: redis.Redis) -> None:
    exports = [world.queue() for _ in range(3)]
    for seconds, export in zip((20, 30, 10), exports, strict=True):
        Export.objects.filter(pk=export.pk).update(due_at=timezone.now() - timedelta(seconds=seconds))
    Export.objects.filter(pk=exports[2].pk).update(queue="transfer")
    heard(broker, "poll")
    assert tick.tick() == 3
    assert heard(broker, "poll") == [str(exports[1].pk), str(exports[0].pk)]
    assert heard(broker, "transfer") == [str(exports[2].pk)]


def test_row_not_due_held_or_in_a_busy_lane_is_not_rung(world: World, broker: redis.Redis) -> None:
    now = timezone.now()
    later, held, busy = (world.queue() for _ in range(3))
    Export.objects.filter(pk=later.pk).update(due_at=now + timedelta(seconds=30))
    Export.objects.filter(pk=held.pk).update(leased_until=now + timedelta(seconds=30))
    fence = lanes.take_question_lane(world.acme.pk)
    assert fence is not None
    assert tick.tick() == 0
    lanes.release_question_lane(world.acme.pk, fence)
    heard(broker, "poll")
    assert tick.tick() == 1
    assert heard(broker, "poll") == [str(busy.pk)]
    world.wait(31)
    Export.objects.filter(pk=held.pk).update(due_at=timezone.now())
    assert tick.tick() == 2  # the lease of the held one has lapsed


def test_number_of_rings_is_bounded(world: World, broker: redis.Redis) -> None:
    row = world.queue()
    now = timezone.now()
    values = {
        "workspace": world.acme,
        "data_type": "page",
        "requested_by": world.bob,
        "due_at": now,
        "waiting_code": "turn",
    }
    Export.objects.bulk_create(
        Export(range_from=row.range_from - timedelta(seconds=n + 1), range_to=row.range_to, **values)
        for n in range(tick.RINGS_PER_TICK + 5)
    )
    world.unsound = True  # nobody asks for these
    heard(broker, "poll")
    assert tick.tick() == tick.RINGS_PER_TICK
    assert tick.tick() == 6


def test_marks_are_forgotten_when_the_broker_is_down(world: World, broker: redis.Redis, settings: LazySettings) -> None:
    exports = [world.queue() for _ in range(3)]
    heard(broker, "poll")
    good = settings.CELERY_BROKER_URL
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    doorbell.start_fresh()
    assert tick.tick() == 0
    assert not Export.objects.filter(rung_at__isnull=False).exists()
    settings.CELERY_BROKER_URL = good
    doorbell.start_fresh()
    assert tick.tick() == 3
    assert set(heard(broker, "poll")) == {str(export.pk) for export in exports}


def test_flushed_queue_is_filled_again_after_a_lease(world: World, broker: redis.Redis) -> None:
    export = world.queue()
    tick.tick()
    broker.flushall()
    world.wait(LEASE + 1)
    tick.tick()
    assert heard(broker, "poll") == [str(export.pk)]


def test_tick_leaves_a_sign_of_life_and_expires(world: World, broker: redis.Redis) -> None:
    export = make_ready_export(world.acme, world.bob, expires_at=timezone.now())
    tick.tick()
    assert Heartbeat.objects.get(name=Heartbeat.TICK).at <= timezone.now()
    assert world.see(export).status == Status.EXPIRED


def test_file_that_cannot_be_removed_keeps_nobody_waiting(
    world: World, broker: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    stubborn = make_ready_export(world.acme, world.bob, expires_at=timezone.now())
    after = make_ready_export(world.acme, world.bob, expires_at=timezone.now())
    path = stored.storage().part_path(stubborn.stored_name).with_name(stubborn.stored_name)
    path.unlink()
    path.mkdir()  # nobody can unlink a folder
    export = world.queue()
    heard(broker, "poll")
    tick.tick()
    assert f"file.left {stubborn.stored_name}" in caplog.text
    assert heard(broker, "poll") == [str(export.pk)]
    assert {world.see(one).status for one in (stubborn, after)} == {Status.EXPIRED}
    assert not path.with_name(after.stored_name).exists()
    assert expire.expire_due() == 0
    path.rmdir()


def test_wanted_formats_are_rung_once_per_lease(world: World, broker: redis.Redis, settings: LazySettings) -> None:
    export = make_ready_export(world.acme, world.bob)
    row = DerivedFile.objects.create(export=export, format="csv", variant="csv", wanted_at=timezone.now())
    tick.tick()
    assert heard(broker, "convert") == [str(row.pk)]
    tick.tick()
    assert heard(broker, "convert") == []
    world.wait(LEASE + 1)
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    doorbell.start_fresh()
    tick.tick()
    assert DerivedFile.objects.get().rung_at is None


def test_default_queue_and_names_are_what_the_doorbell_rings() -> None:
    assert current_app.conf.task_default_queue == "poll"
    assert (doorbell.ADVANCE, doorbell.MAKE_FORMAT) == ("exports.advance", "exports.make_format")
