"""A fresh file: upstream answers one key with one file for 24 hours, so another key is asked."""

from datetime import timedelta

from django.utils import timezone

from exports.models import AskedWindow, Export, Status
from exports.services import cancel, queue
from exports.services.queue import Outcome
from tests.engine.world import DAY, MILLISECOND, World

HOUR = timedelta(hours=1)


def starts(world: World, export: Export) -> list[int]:
    """Return by how many milliseconds earlier each question for an export's key began."""
    return [round((export.range_from - entry.key.from_) / MILLISECOND) for entry in world.asked(export) if entry.key]


def test_fresh_asks_for_the_smallest_shift_not_asked_lately(world: World) -> None:
    [first] = world.run(world.queue(1))
    second = world.ask(1, fresh=True)
    assert second.outcome == Outcome.MADE
    third: Export | None = None
    for shift in (1, 2):
        [export] = world.run(world.ask(1, fresh=True).export)
        assert (export.status, export.is_shifted) == (Status.READY, True)
        assert (export.range_from, export.range_to) == (first.range_from, first.range_to)
        assert export.asked_from == export.range_from - shift * MILLISECOND
        assert export.asked_to == export.range_to
        assert f"{shift} ms earlier" in world.story(export)[1]
        assert export != third
        third = export
    assert sorted(set(starts(world, first))) == [0, 1, 2]


def test_fresh_of_a_key_never_asked_is_not_shifted(world: World) -> None:
    [export] = world.run(world.queue(1, fresh=True))
    assert not export.is_shifted
    assert "asked" in world.codes(export)


def test_shift_is_free_again_after_25_hours(world: World) -> None:
    world.run(world.queue(1))
    world.wait(25 * 3600 + 600)
    [export] = world.run(world.queue(1, fresh=True))
    assert not export.is_shifted


def test_smallest_free_shift_is_taken_though_greater_ones_are_used(world: World) -> None:
    [first] = world.run(world.queue(1))
    world.run(world.ask(1, fresh=True).export)  # 1 ms
    world.wait(20 * 3600)
    world.run(world.ask(1, fresh=True).export)  # 2 ms
    world.wait(6 * 3600)
    [export] = world.run(world.ask(1, fresh=True).export)
    assert export.asked_from == export.range_from  # 0 ms was asked 26 hours ago
    assert set(starts(world, first)) == {0, 1, 2}


def test_question_of_another_range_uses_up_its_key(world: World) -> None:
    """Somebody else's range may begin where a shift would lead."""
    [first] = world.run(world.queue(1))
    queued = queue.queue_export(
        user=world.bob,
        workspace=world.acme,
        data_type=first.data_type,
        range_from=first.range_from - MILLISECOND,
        range_to=first.range_to,
    )
    world.run(queued.export)
    [export] = world.run(world.ask(1, fresh=True).export)
    assert export.asked_from == export.range_from - 2 * MILLISECOND


def test_run_again_copies_the_request_and_asks_afresh(world: World) -> None:
    [first] = world.run(world.queue(1, name="June", note="for the board"))
    again = queue.run_again(user=world.carol, export=first)
    assert again.outcome == Outcome.MADE
    [export] = world.run(again.export)
    assert export.run_again_of == first
    assert (export.name, export.note, export.requested_by) == ("June", "for the board", world.carol)
    assert export.asked_from == first.range_from - MILLISECOND
    assert first.events.get(code="ran_again").data == {"export": str(export.pk)}
    made = world.sim.made("acme", "page", export.asked_from, export.range_to)
    assert made is not None
    assert export.sha256 == made.sha256


def test_run_again_while_it_runs_is_a_seat_in_it(world: World) -> None:
    [first] = world.run(world.queue(1))
    again = queue.run_again(user=world.bob, export=first).export
    joined = queue.run_again(user=world.carol, export=first)
    assert (joined.outcome, joined.export) == (Outcome.JOINED, again)


def test_newest_file_answers_the_next_equal_question(world: World) -> None:
    world.run(world.queue(1))
    [newest] = world.run(world.ask(1, fresh=True).export)
    assert world.ask(1, by=world.carol).export == newest


def test_shift_stays_the_same_at_every_look(world: World) -> None:
    world.run(world.queue(1))
    export = world.ask(1, fresh=True).export
    world.run(export)
    assert {start for start in starts(world, export) if start} == {1}
    assert AskedWindow.objects.count() == 2


def test_cancelled_and_queued_again_asks_the_same_key(world: World) -> None:
    """Upstream makes it anyhow: asking on costs nothing."""
    export = world.until_status(world.queue(1), Status.WAITING)
    cancel.cancel_export(user=world.bob, export=export)
    world.wait(30)
    [again] = world.run(world.queue(1))
    assert again.asked_from == export.asked_from
    window = AskedWindow.objects.get()
    assert window.export == again
    assert window.last_asked_at - window.first_asked_at > timedelta(seconds=30)


def test_file_made_before_its_range_had_ended_answers_only_until_then(world: World) -> None:
    """What came after it was made is missing: a month asked for on its last day is no answer on the day after."""
    span = {"range_from": timezone.now() - DAY, "range_to": timezone.now() + HOUR}

    def ask() -> queue.Queued:
        return queue.queue_export(user=world.bob, workspace=world.acme, data_type="page", **span)

    [early] = world.run(ask().export)
    assert ask().outcome == Outcome.REUSED
    world.wait(3600)
    late = ask()
    assert late.outcome == Outcome.MADE
    [whole] = world.run(late.export)
    assert whole.asked_from == early.range_from - MILLISECOND  # upstream still answers the key with the early file
    assert ask().export == whole


def test_what_upstream_made_before_a_range_had_ended_is_not_fetched_after_it(world: World) -> None:
    span = {"range_from": timezone.now() - DAY, "range_to": timezone.now() + HOUR}

    def ask() -> Export:
        return queue.queue_export(user=world.bob, workspace=world.acme, data_type="page", **span).export

    cancel.cancel_export(user=world.bob, export=world.until_status(ask(), Status.WAITING))
    world.wait(3600)
    [whole] = world.run(ask())
    assert whole.asked_from == whole.range_from - MILLISECOND
