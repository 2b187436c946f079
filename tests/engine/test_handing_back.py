"""SIGTERM: every step hands its export back at once, free of charge."""

import time

import pytest

from exports.models import Status
from exports.services import advance, shutdown, stored
from tests.engine.conftest import AtPoint, MakeWorld
from tests.engine.world import Worker, World, all_in, stop_workers, work_until


def test_stop_in_the_middle_of_a_download_hands_it_back(make_world: MakeWorld) -> None:
    world = make_world(duration=1.0)
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(400)
    slow = world.sim.faults.add("drip", files_only=True, pause=0.05, size=10)
    step = Worker(lambda: advance.advance_export(export.pk))
    work_until(lambda: all_in([export], Status.DOWNLOADING), workers=())
    began = time.monotonic()
    stop_workers()
    step.join(10)
    assert time.monotonic() - began < 3
    export = world.see(export)
    assert (export.status, export.attempts, export.waiting_code) == (Status.WAITING, 0, "handed_back")
    assert (export.stored_name, export.bytes_received, export.leased_until) == ("", 0, None)
    assert world.codes(export)[-1] == "handed_back"
    assert list(stored.storage().names()) == []
    assert export.workspace.transfer_export is None
    assert not advance.advance_export(export.pk)  # a worker that stops begins nothing
    assert advance.drain("transfer", seconds=1) == 0
    shutdown.clear_stop()
    world.sim.faults.remove(slow)
    assert world.run(export)[0].status == Status.READY


def test_stop_while_a_question_is_on_the_wire_hands_it_back(world: World) -> None:
    export = world.queue()
    silent = world.sim.faults.add("silence")
    step = Worker(lambda: advance.advance_export(export.pk))
    work_until(lambda: silent.hits > 0, workers=())
    began = time.monotonic()
    stop_workers()
    step.join(10)
    assert time.monotonic() - began < 3
    export = world.see(export)
    assert (export.status, export.attempts, export.last_problem) == (Status.QUEUED, 0, "")
    assert export.workspace.lane_until is None
    shutdown.clear_stop()
    world.sim.faults.remove(silent)
    assert world.run(export)[0].status == Status.READY


@pytest.mark.parametrize("refused", [False, True], ids=["whole", "broken"])
def test_stop_in_the_gate_hands_it_back(make_world: MakeWorld, at_point: AtPoint, refused: bool) -> None:
    world = make_world(duration=1.0, megabytes=10)
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(400)
    world.tolerated.add("asked-after-stored")  # it had come whole
    if refused:
        world.sim.faults.add("cut_body", times=1)

    def stop() -> None:
        stop_workers()
        time.sleep(1)  # until the keeper sees it

    at_point("in_gate", stop)
    world.step(export)
    export = world.see(export)
    assert (export.status, export.attempts) == (Status.WAITING, 0)
    assert world.codes(export)[-1] == "handed_back"
    assert list(stored.storage().names()) == []
    shutdown.clear_stop()
    assert world.run(export)[0].status == Status.READY


def test_stop_after_the_gate_lets_the_file_become_ready(world: World, at_point: AtPoint) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)
    at_point("before_publish", stop_workers)
    world.step(export)
    assert world.see(export).status == Status.READY
    shutdown.clear_stop()
