"""Bytes: no room, too many, broken at rest."""

import io
import zipfile
from datetime import timedelta

import pytest
from django.conf import LazySettings
from django.utils import timezone

from exports.models import Status
from exports.services import advance, describe, stored
from tests.engine.conftest import AtPoint
from tests.engine.world import World
from tests.support.cast import STORE_THAT_IS_AWAY

EVERYTHING = 10**18


def archive(rows: bytes) -> bytes:
    """Return the same bytes for the same rows."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr(zipfile.ZipInfo("data.json"), rows)
    return packed.getvalue()


def test_floor_of_free_space_stops_downloads_before_first_questions(world: World, settings: LazySettings) -> None:
    first = world.until_status(world.queue(), Status.WAITING)
    settings.EXPORT_MIN_FREE_BYTES = EVERYTHING
    asked = len(world.questions)
    for faults in (1, 2):
        first = world.step(first)
        assert (first.status, first.waiting_code, first.faults) == (Status.WAITING, "storage_full", faults)
    assert len(world.questions) == asked
    assert world.step(world.queue()).status == Status.WAITING
    waiting = describe.waiting_for(first)
    assert waiting is not None
    assert (waiting.code, waiting.turn) == ("storage_full", "us")
    assert world.codes(first).count("problem") == 1
    assert first.due_at is not None
    assert first.due_at - timezone.now() <= timedelta(seconds=330)

    settings.EXPORT_MIN_FREE_BYTES = 1
    [first] = world.run(first)
    assert (first.status, first.attempts) == (Status.READY, 0)


def test_disk_that_fills_during_a_download_costs_nothing(
    world: World, settings: LazySettings, at_point: AtPoint
) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)

    world.tolerated.add("asked-after-stored")  # it left whole, into a full disk

    def fill() -> None:
        settings.EXPORT_MIN_FREE_BYTES = EVERYTHING

    at_point("download_started", fill)
    export = world.step(export)
    assert (export.status, export.waiting_code, export.attempts) == (Status.WAITING, "storage_full", 0)
    assert (export.stored_name, export.bytes_received) == ("", 0)
    assert list(stored.storage().names()) == []
    settings.EXPORT_MIN_FREE_BYTES = 1
    assert world.run(export)[0].status == Status.READY


@pytest.mark.parametrize(
    ("setting", "code"),
    [("EXPORT_MAX_BYTES", "download_too_large"), ("EXPORT_MAX_UNPACKED_BYTES", "file_too_large_unpacked")],
)
def test_file_over_a_limit_fails_at_once(world: World, settings: LazySettings, setting: str, code: str) -> None:
    setattr(settings, setting, 500)
    export = world.until_status(world.queue(), Status.FAILED, Status.READY)
    assert (export.status, export.error_code, export.attempts) == (Status.FAILED, code, 1)
    problem = describe.problem_of(export)
    assert problem is not None
    assert setting in problem.next_action
    assert list(stored.storage().names()) == []


def give(world: World, body: bytes, **more: object) -> None:
    """Have upstream answer with these bytes."""
    world.sim.faults.add("answer", body=body, content_type="application/zip", **more)


def test_bad_row_that_comes_twice_in_the_same_file_is_final(world: World) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    give(world, archive(b'{"id":"1"}\n[1]\n{"id":"2"}\n'))
    export = world.step(export)
    assert (export.status, export.attempts) == (Status.WAITING, 1)
    assert export.events.get(code="gate_refused").data["line"] == 2
    export = world.step(export)
    assert (export.status, export.attempts) == (Status.FAILED, 2)
    assert (export.error_code, export.error_line) == ("file_not_an_object", 2)
    problem = describe.problem_of(export)
    assert problem is not None
    assert problem.message.endswith("(row 2)")


def test_bad_row_in_another_file_each_time_is_tried_to_the_end(world: World) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    for number in range(5):
        give(world, archive(b'{"id":"%d"}\n[1]\n' % number), times=1)
        export = world.step(export)
    assert (export.status, export.attempts) == (Status.FAILED, 5)


def test_archive_cut_at_the_same_byte_each_time_is_tried_to_the_end(world: World) -> None:
    """A fault of the way may repeat itself; the file at rest may be whole."""
    export = world.until_status(world.queue(), Status.WAITING)
    give(world, archive(b'{"id":"1"}\n' * 50)[:200], times=4)
    for attempts in (1, 2, 3, 4):
        export = world.step(export)
        assert (export.status, export.attempts) == (Status.WAITING, attempts)
    assert world.run(export)[0].status == Status.READY


def test_far_fewer_rows_than_comparable_exports_are_flagged(world: World) -> None:
    usual = world.run(*(world.queue() for _ in range(5)))
    assert not any(export.few_rows for export in usual)
    world.sim.rows = 2
    [few] = world.run(world.queue())
    assert (few.rows, few.few_rows) == (2, True)


def test_no_path_is_written_twice(world: World) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)
    world.sim.faults.add("cut_body", times=1)
    names = set()
    for _ in range(2):
        assert advance.advance_export(export.pk)
        names.add(world.see(export).stored_name)
        world.wait(60)
    assert len(names) == 2
    assert world.see(export).status == Status.READY


def test_object_store_that_is_away_costs_nothing_and_the_file_is_not_fetched_again_for_nothing(
    world: World, settings: LazySettings
) -> None:
    export = world.until_status(world.queue(), Status.WAITING)
    world.wait(700)
    world.tolerated.add("asked-after-stored")  # it left whole, and found no place
    settings.EXPORT_STORAGE_URL = STORE_THAT_IS_AWAY
    export = world.step(export)
    asked = len(world.questions)
    for _ in range(2):
        assert (export.waiting_code, export.attempts) == ("storage_unreachable", 0)
        waiting = describe.waiting_for(export)
        assert waiting is not None
        assert waiting.turn == "us"
        export = world.step(export)
    assert len(world.questions) == asked

    settings.EXPORT_STORAGE_URL = ""
    [export] = world.run(export)
    assert (export.status, export.attempts) == (Status.READY, 0)
    assert [found.name for found in stored.storage().names()] == [export.stored_name]
