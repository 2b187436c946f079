"""The queue at home: fair order, bumps, and how much lies upstream."""

from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.conf import LazySettings
from django.utils import timezone

from exports.models import Export, Status
from exports.services import advance, bump, cancel, describe, home
from exports.services.home import Queued, fair_order, fill_lane
from tests.engine.conftest import MakeWorld
from tests.engine.world import START, World

PEOPLE = {name: uuid4() for name in "abc"}


def items(*names: str, bumped: dict[int, datetime] | None = None) -> list[Queued]:
    """Return queued exports of these people, in order of age."""
    return [
        Queued(UUID(int=number), uuid4(), PEOPLE[name], START + timedelta(seconds=number), (bumped or {}).get(number))
        for number, name in enumerate(names)
    ]


def order(queued: list[Queued], **upstream: int) -> list[int]:
    """Return the numbers of queued exports in fair order; ``upstream``: how many each person has there."""
    turns = Counter({PEOPLE[name]: count for name, count in upstream.items()})
    return [item.pk.int for item in fair_order(reversed(queued), turns)]


@pytest.mark.parametrize(
    ("names", "upstream", "expected"),
    [
        ("aaa", {}, [0, 1, 2]),
        ("aaaab", {}, [0, 4, 1, 2, 3]),
        ("aabbcc", {}, [0, 2, 4, 1, 3, 5]),
        ("aab", {"b": 1}, [0, 1, 2]),
        ("aab", {"a": 2}, [2, 0, 1]),
        ("ab", {"a": 3, "b": 3}, [0, 1]),
        ("", {}, []),
    ],
)
def test_people_take_turns(names: str, upstream: dict[str, int], expected: list[int]) -> None:
    assert order(items(*names), **upstream) == expected


def test_bumped_ones_go_first_in_the_order_of_their_bumps() -> None:
    queued = items("a", "a", "b", "a", bumped={3: START + timedelta(hours=1), 1: START + timedelta(hours=2)})
    assert order(queued) == [3, 1, 0, 2]


@pytest.mark.parametrize(
    ("load", "seconds", "most", "expected"),
    [
        ([], [None] * 30, 24, 24),  # unknown durations fill nothing
        ([], [60.0] * 30, 24, 24),  # neither do short ones
        ([], [1800.0] * 5, 24, 2),
        ([], [1200.0] * 5, 24, 3),
        ([], [7200.0] * 5, 24, 2),  # at least two
        ([7200.0], [7200.0] * 5, 24, 1),
        ([7200.0, 7200.0], [60.0], 24, 0),
        ([None] * 24, [None], 24, 0),
        ([None, 1800.0], [None, 1200.0, 60.0], 24, 2),
        ([], [None] * 5, 1, 1),  # the setting has the last word
        ([], [], 24, 0),
    ],
)
def test_lane_is_filled_for_50_minutes(
    load: list[float | None], seconds: list[float | None], most: int, expected: int
) -> None:
    queue = [UUID(int=number) for number in range(len(seconds))]
    allowed = fill_lane(load=load, queue=queue, seconds_of=lambda key: seconds[key.int], most=most)
    assert allowed == set(queue[:expected])


def upstream(world: World) -> int:
    """Return how many exports lie upstream."""
    return Export.objects.filter(status__in=[Status.WAITING, Status.PREPARING]).count()


def serve(world: World) -> None:
    """Do all that is due now."""
    for _ in range(100):
        if not advance.drain("poll", seconds=60) + advance.drain("transfer", seconds=60):
            return
    raise AssertionError("the queue spins")


def test_submit_ahead_is_honoured_and_the_rest_waits_at_home(world: World, settings: LazySettings) -> None:
    settings.EXPORT_SUBMIT_AHEAD = 3
    exports = [world.queue() for _ in range(7)]
    serve(world)
    assert upstream(world) == 3
    assert [world.see(export).status for export in exports] == [Status.WAITING] * 3 + [Status.QUEUED] * 4
    places = describe.queue_positions(list(Export.objects.all()))
    assert [places.get(export.pk) for export in exports] == [None, None, None, 1, 2, 3, 4]
    waiting = world.see(exports[3])
    assert (waiting.waiting_code, waiting.looks) == ("turn", 0)

    world.run(exports[0], exports[1], exports[2])
    world.wait(1)
    serve(world)
    assert upstream(world) == 3
    assert all(export.status == Status.READY for export in world.run(*exports))
    assert max(Counter(e.key for e in world.questions if e.answer == "file").values()) == 1


def test_next_one_is_woken_the_moment_its_turn_comes(world: World, settings: LazySettings) -> None:
    settings.EXPORT_SUBMIT_AHEAD = 1
    first, second = world.queue(), world.queue()
    serve(world)
    assert world.see(second).due_at > timezone.now() + timedelta(minutes=4)  # type: ignore[operator]
    world.run(first)
    assert world.see(second).due_at <= timezone.now()  # type: ignore[operator]


def test_cancelling_what_lies_upstream_lets_the_next_one_move_up(world: World, settings: LazySettings) -> None:
    settings.EXPORT_SUBMIT_AHEAD = 1
    first, second = world.queue(), world.queue()
    serve(world)
    cancel.cancel_export(user=world.bob, export=world.see(first))
    serve(world)
    assert world.see(second).status == Status.QUEUED  # upstream still makes the first one
    world.wait(700)
    serve(world)
    assert world.see(second).status == Status.WAITING


def test_cancelling_what_waits_at_home_frees_its_place(world: World, settings: LazySettings) -> None:
    settings.EXPORT_SUBMIT_AHEAD = 1
    first, second, third = (world.queue() for _ in range(3))
    serve(world)
    cancel.cancel_export(user=world.bob, export=world.see(second))
    assert describe.queue_positions([world.see(first), world.see(third)]) == {third.pk: 1}


def test_people_take_turns_upstream(world: World, settings: LazySettings) -> None:
    settings.EXPORT_SUBMIT_AHEAD = 4
    bobs = [world.queue(by=world.bob) for _ in range(6)]
    carols = [world.queue(by=world.carol) for _ in range(2)]
    serve(world)
    asked = set(Export.objects.filter(status=Status.WAITING).values_list("pk", flat=True))
    assert asked == {bobs[0].pk, bobs[1].pk, carols[0].pk, carols[1].pk}


def test_bumped_export_goes_next(world: World, settings: LazySettings) -> None:
    settings.EXPORT_SUBMIT_AHEAD = 1
    exports = [world.queue() for _ in range(4)]
    serve(world)
    bump.bump_export(user=world.alice, export=world.see(exports[3]), reason="the board waits")
    assert describe.queue_positions([world.see(e) for e in exports])[exports[3].pk] == 1
    world.run(exports[0])
    serve(world)
    assert world.see(exports[3]).status == Status.WAITING
    assert world.see(exports[1]).status == Status.QUEUED


def test_lane_fills_fifty_minutes_once_durations_are_known(make_world: MakeWorld, settings: LazySettings) -> None:
    settings.EXPORT_POLL_FIRST_SECONDS = settings.EXPORT_POLL_MAX_SECONDS = 600.0  # fewer steps to wait for
    world = make_world(duration=1800.0)
    world.run(*(world.queue() for _ in range(6)))
    exports = [world.queue() for _ in range(5)]
    serve(world)
    assert upstream(world) == 2
    assert all(export.status == Status.READY for export in world.run(*exports))


def test_short_exports_fill_the_lane_up_to_the_setting(make_world: MakeWorld, settings: LazySettings) -> None:
    settings.EXPORT_SUBMIT_AHEAD = 6
    world = make_world(duration=30.0)
    world.run(*(world.queue() for _ in range(6)))
    for _ in range(9):
        world.queue()
    serve(world)
    assert upstream(world) == 6


def test_back_off_is_not_cut_short_when_another_export_ends(world: World) -> None:
    other = world.until_status(world.queue(), Status.WAITING)
    export = world.queue()
    world.sim.faults.add("html", times=1)
    export = world.step(export)
    due = export.due_at
    assert (export.status, export.waiting_code) == (Status.QUEUED, "upstream_unavailable")
    cancel.cancel_export(user=world.bob, export=other)
    assert world.see(export).due_at == due


def test_held_export_is_not_asked_and_has_no_place(world: World) -> None:
    export = world.queue()
    Export.objects.update(hold="approval")
    export = world.step(export)
    assert (export.status, export.waiting_code, export.looks) == (Status.QUEUED, "approval", 0)
    assert describe.queue_positions([export]) == {}
    waiting = describe.waiting_for(export)
    assert waiting is not None
    assert (waiting.code, waiting.until) == ("approval", None)
    Export.objects.update(hold="", due_at=timezone.now())
    assert world.step(export).status == Status.WAITING


def test_no_place_is_counted_where_nobody_is_queued(world: World) -> None:
    [export] = world.run(world.queue())
    assert describe.queue_positions([export]) == {}
    assert home.allowed_now(world.acme.pk, timezone.now()) == set()


def test_first_export_of_a_person_waits_for_no_more_than_lay_upstream(
    make_world: MakeWorld, settings: LazySettings
) -> None:
    """Whatever stays at home: it waits for those upstream when it was queued, one look of upstream's, and itself."""
    settings.EXPORT_SUBMIT_AHEAD = 5
    rhythm, duration = 300.0, 100.0
    world = make_world(rhythm=rhythm, duration=duration)
    for _ in range(30):
        world.queue(by=world.bob)
    serve(world)
    before = upstream(world)
    began = timezone.now()
    carols = world.queue(by=world.carol)
    [ready] = world.run(carols)
    assert before == 5
    assert ready.ready_at is not None
    late = settings.EXPORT_POLL_MAX_SECONDS  # we see it at our next look
    assert (ready.ready_at - began).total_seconds() <= before * duration + rhythm + duration + late
