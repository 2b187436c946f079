"""Everybody at once, in real time: workers, the tick, people and a host that fails now and then."""

import random
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from django.conf import LazySettings

from exports.models import ACTIVE, Export, Status, Workspace
from exports.services import advance, cancel, expire, pauses, queue, tick
from exports.services.refusals import Refusal
from tests.engine.conftest import MakeWorld
from tests.engine.world import TOKEN, Worker, work_until

SECONDS = 4.0


def test_nothing_is_lost_or_doubled_when_everybody_acts_at_once(make_world: MakeWorld, settings: LazySettings) -> None:
    settings.EXPORT_POLL_FIRST_SECONDS = 0.05
    settings.EXPORT_POLL_MAX_SECONDS = 0.4
    settings.EXPORT_MAX_ATTEMPTS = 1000
    settings.EXPORT_SUBMIT_AHEAD = 6
    tokens = {"acme": TOKEN, "globex": "globex-token-of-the-tests-0123456789abcdefghijklmnopq"}
    world = make_world(rhythm=0.2, duration=0.01, rows=50, tokens=tokens)
    globex = world.workspace("Globex", tokens["globex"], member=world.bob, manager=world.alice)
    world.tolerated.add("asked-after-stored")  # cancelled or withdrawn when its file was on the way
    for kind, chance in (("unavailable", 0.15), ("html", 0.1), ("reset", 0.05), ("cut_body", 0.2), ("fails", 0.1)):
        world.sim.faults.add(kind, chance=chance)
    over = threading.Event()
    chance = random.Random(7)

    def repeat(act: Callable[[], object], pause: float) -> Callable[[], None]:
        def run() -> None:
            while not over.wait(pause):
                with suppress(Refusal):
                    act()

        return run

    def ask() -> None:
        world.ask(
            chance.randrange(24),
            by=chance.choice([world.alice, world.bob]),
            workspace=chance.choice([world.acme, globex]),
            fresh=chance.random() < 0.3,
        )

    def change_minds() -> None:
        export = Export.objects.filter(status__in=ACTIVE).order_by("?").first()
        if export is not None:
            cancel.cancel_export(user=world.alice, export=export)

    def pause_and_resume() -> None:
        workspace = Workspace.objects.get(pk=chance.choice([world.acme, globex]).pk)
        act = pauses.resume_by_manager if workspace.is_paused else pauses.pause_by_manager
        act(actor=world.alice, workspace=workspace)

    def run_again() -> None:
        export = Export.objects.filter(status=Status.READY).order_by("?").first()
        if export is not None:
            queue.run_again(user=world.bob, export=export)
            expire.delete_file_now(user=world.alice, export=export)

    actors = [
        *[Worker(repeat(lambda: advance.drain("poll", seconds=0.5), 0.02)) for _ in range(3)],
        *[Worker(repeat(lambda: advance.drain("transfer", seconds=0.5), 0.02)) for _ in range(3)],
        Worker(repeat(tick.tick, 0.1)),
        Worker(repeat(ask, 0.02)),
        Worker(repeat(change_minds, 0.1)),
        Worker(repeat(pause_and_resume, 0.15)),
        Worker(repeat(run_again, 0.3)),
    ]
    time.sleep(SECONDS)
    over.set()
    for actor in actors:
        actor.join()

    world.sim.faults.clear()
    for workspace in (world.acme, globex):
        with suppress(Refusal):
            pauses.resume_by_manager(actor=world.alice, workspace=workspace)
    work_until(
        lambda: not Export.objects.filter(status__in=ACTIVE).exists(),
        workers=["poll", "transfer", "poll", "transfer"],
        seconds=200,  # a host whose door was shut at the end of the storm is asked again after a minute
    )
    assert not Export.objects.filter(status=Status.FAILED).exists()
    assert Export.objects.filter(status=Status.READY).exists()
