"""The doorbell: at most two seconds, whatever Redis does, and nothing is lost with a ring."""

import signal
import time
from collections.abc import Iterator

import pytest
import redis
from django.conf import LazySettings
from django.db import transaction

from exports.models import Export, Status
from exports.services import doorbell, tick
from tests.engine.world import World, in_threads
from tests.support.redis_server import RedisServer

LONGEST = 2.5


@pytest.fixture
def broker(redis_server: RedisServer, settings: LazySettings) -> Iterator[RedisServer]:
    """A Redis that a test may hurt."""
    settings.CELERY_BROKER_URL = redis_server.url.replace("unix://", "redis+socket://", 1)
    doorbell.start_fresh()
    yield redis_server
    redis_server.heal()
    doorbell.start_fresh()


def timed(world: World) -> tuple[Export, float]:
    """Queue an export; return it and how long that took."""
    began = time.monotonic()
    export = world.queue()
    return export, time.monotonic() - began


def ring() -> bool:
    """Ring for nobody."""
    return doorbell.send(doorbell.ADVANCE, "00000000-0000-4000-8000-000000000000", "poll")


@pytest.mark.parametrize("connected", [False, True], ids=["new", "connected"])
def test_hung_redis_holds_nobody_up_and_loses_nothing(world: World, broker: RedisServer, connected: bool) -> None:
    if connected:
        assert ring()
    broker.freeze()
    export, seconds = timed(world)
    assert seconds < LONGEST
    _other, seconds = timed(world)
    assert seconds < 1  # once it is known to hang, nobody tries for a while
    broker.heal()
    broker.flush()
    doorbell.start_fresh()
    assert tick.tick() == 2
    assert world.run(export)[0].status == Status.READY


def test_dead_redis_holds_nobody_up_and_comes_back(world: World, broker: RedisServer) -> None:
    assert ring()
    broker.stop(signal.SIGKILL)
    export, seconds = timed(world)
    assert seconds < LONGEST
    assert export.status == Status.QUEUED
    broker.start()
    time.sleep(doorbell.QUIET_SECONDS)
    assert ring()


@pytest.mark.parametrize(
    "address", ["redis://127.0.0.1:1/0", "redis://nowhere.invalid:6379/0", "redis+socket:///nowhere/redis.sock"]
)
def test_unreachable_broker_is_logged_and_swallowed(
    world: World, settings: LazySettings, caplog: pytest.LogCaptureFixture, address: str
) -> None:
    settings.CELERY_BROKER_URL = address
    doorbell.start_fresh()
    _export, seconds = timed(world)
    assert seconds < LONGEST
    assert caplog.messages.count("doorbell.unreachable OperationalError") == 1
    doorbell.start_fresh()


@pytest.mark.parametrize(("name", "value"), [("maxmemory", "1"), ("requirepass", "a-password-that-nobody-told-us")])
def test_redis_that_refuses_is_logged_and_swallowed(broker: RedisServer, name: str, value: str) -> None:
    with redis.Redis.from_url(broker.url) as client:
        client.config_set(name, value)
    assert not ring()


def test_ring_waits_for_the_commit(world: World, broker: RedisServer) -> None:
    with redis.Redis.from_url(broker.url) as client:
        with transaction.atomic():
            doorbell.ring("00000000-0000-4000-8000-000000000000", "poll")
            doorbell.ring_for_format(7)
            assert client.llen("poll") == client.llen("convert") == 0
        assert client.llen("poll") == client.llen("convert") == 1


def test_rings_from_many_threads_all_arrive(broker: RedisServer) -> None:
    assert all(in_threads(*[ring] * 8))
    with redis.Redis.from_url(broker.url) as client:
        assert client.llen("poll") == 8


def test_forked_child_speaks_on_a_connection_of_its_own(broker: RedisServer) -> None:
    assert ring()
    before = doorbell._connection()
    doorbell.start_fresh()
    assert doorbell._connection() is not before
    before.release()
