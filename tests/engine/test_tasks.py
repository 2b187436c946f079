"""The Celery interface: registered names, messages, and every task twice."""

import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import current_app
from django.conf import LazySettings
from django.db import DatabaseError
from django.utils import timezone

from exports import tasks
from exports.models import Export, ExportEvent, Heartbeat, Status
from exports.services import doorbell, health, shutdown, stored
from tests.engine.test_leases import without_table
from tests.engine.world import World, in_threads, work_until
from tests.support.cast import make_ready_export


def message(task: Any, *arguments: object, queue: str = "poll") -> None:
    """Run a task as a worker does that got a message from a queue."""
    task.apply(args=arguments, throw=True, routing_key=queue)


def test_registered_names_are_what_others_send() -> None:
    names = {name for name in current_app.tasks if name.startswith("exports")}
    assert names == {"exports.advance", "exports.tick", "exports.reap", "exports.make_format", "exports.send_mails"}
    assert {entry["task"] for entry in current_app.conf.beat_schedule.values()} <= names


def test_messages_are_json_late_acknowledged_one_at_a_time() -> None:
    conf = current_app.conf
    assert (conf.task_serializer, list(conf.accept_content)) == ("json", ["json"])
    assert (conf.task_acks_late, conf.worker_prefetch_multiplier, conf.task_ignore_result) == (True, 1, True)
    assert conf.task_time_limit
    assert conf.task_soft_time_limit
    for name in ("socket_timeout", "socket_connect_timeout"):
        assert conf.broker_transport_options[name]


def test_task_goes_on_with_what_else_is_due_on_its_queue(world: World) -> None:
    exports = [world.queue() for _ in range(3)]
    message(tasks.advance_export, str(exports[2].pk))
    assert {world.see(export).status for export in exports} == {Status.WAITING}


def test_task_of_one_queue_leaves_the_other_queue_alone(world: World) -> None:
    one, other = world.queue(), world.queue()
    message(tasks.advance_export, str(one.pk), queue="transfer")
    assert world.see(one).status == Status.WAITING
    assert world.see(other).status == Status.QUEUED


@pytest.mark.parametrize("ended", [False, True], ids=["waiting", "ready"])
def test_advance_twice_is_like_once(world: World, ended: bool) -> None:
    export = world.queue()
    if ended:
        [export] = world.run(export)
    message(tasks.advance_export, str(export.pk))
    before = Export.objects.filter(pk=export.pk).values().get()
    asked = len(world.questions)
    message(tasks.advance_export, str(export.pk))
    assert Export.objects.filter(pk=export.pk).values().get() == before
    assert len(world.questions) == asked


def test_advance_from_many_workers_at_once_asks_once(world: World) -> None:
    export = world.queue()
    in_threads(*[lambda: message(tasks.advance_export, str(export.pk))] * 6)
    assert len(world.questions) == 1
    assert world.see(export).fence == 1


def test_ring_for_nothing_does_nothing(world: World) -> None:
    message(tasks.advance_export, "00000000-0000-4000-8000-000000000000")
    message(tasks.make_format, "123456")
    assert world.sim.log == []


def test_tick_does_some_of_the_work_itself(world: World) -> None:
    """Without Redis the one-machine set-up goes on, at the pace of the tick."""
    export = world.queue()
    message(tasks.tick_exports)
    assert world.see(export).status == Status.WAITING
    count = ExportEvent.objects.count()
    message(tasks.tick_exports)
    assert ExportEvent.objects.count() == count


def test_reap_twice_is_like_once(world: World) -> None:
    export = make_ready_export(world.acme, world.bob)
    Heartbeat.objects.create(name="old", at=timezone.now() - 2 * health.FORGOTTEN)
    Heartbeat.objects.create(name=Heartbeat.TICK, at=timezone.now() - 2 * health.FORGOTTEN)
    for _ in range(2):
        message(tasks.reap)
        assert stored.storage().size(export.stored_name) == export.bytes
        assert list(Heartbeat.objects.values_list("name", flat=True)) == [Heartbeat.TICK]


@pytest.fixture
def beating(settings: LazySettings) -> Iterator[Callable[[], None]]:
    """A worker that has just come up."""

    def start() -> None:
        queues = [SimpleNamespace(name=name) for name in ("transfer", "poll")]
        sender = SimpleNamespace(hostname="worker@here", task_consumer=SimpleNamespace(queues=queues))
        tasks._start_heartbeat(sender)

    yield start
    shutdown.request_stop()
    for thread in threading.enumerate():
        if thread.name == "heartbeat":
            thread.join(10)
    shutdown.clear_stop()


def test_worker_leaves_signs_of_life_until_it_is_asked_to_stop(
    transactional_db: None, beating: Callable[[], None]
) -> None:
    shutdown.request_stop()
    tasks._start_fresh()
    assert not shutdown.is_stopping()
    beating()
    work_until(Heartbeat.objects.exists, workers=())
    sign = Heartbeat.objects.get()
    assert sign.queues == "poll,transfer"
    assert sign.name.endswith("worker@here")
    tasks._hand_work_back()
    assert shutdown.is_stopping()
    work_until(Heartbeat.objects.filter(has_left=True).exists, workers=(), seconds=3)


def test_worker_outlives_a_database_that_is_away(transactional_db: None, beating: Callable[[], None]) -> None:
    with without_table("exports_heartbeat"):
        beating()
        time.sleep(0.3)
    work_until(Heartbeat.objects.exists, workers=(), seconds=health.BEAT_SECONDS + 5)
    with without_table("exports_heartbeat"):
        tasks._hand_work_back()
        time.sleep(3 * tasks.STOP_SECONDS)
    assert Heartbeat.objects.exists()  # nobody could be told; its silence tells the same


def test_forked_worker_lets_go_of_its_parents_connections(transactional_db: None) -> None:
    before = doorbell._connection()
    tasks._let_go_of_inherited_connections()
    assert doorbell._connection() is not before
    before.release()


def test_fault_of_our_own_is_raised_for_the_log(world: World) -> None:
    export = world.queue()
    with without_table("exports_askedwindow"), pytest.raises(DatabaseError):
        message(tasks.advance_export, str(export.pk))
    assert world.see(export).waiting_code == "our_fault"
