"""Other formats of a stored file: wanted once, made once, by a child process that may be ended at any time."""

import errno
import gzip
import hashlib
import json
import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.db.models import F
from django.utils import timezone

from exports.models import DerivedFile, Export, Status
from exports.services import doorbell, expire, formats, shutdown, stored
from exports.services.estimates import largest_made, seconds_left
from exports.services.refusals import Refused, WrongState
from exports.services.variants import MADE, Variant
from tests.engine.conftest import AtPoint
from tests.engine.world import Worker, in_threads, stop_workers, work_until
from tests.support.cast import STORE_THAT_IS_AWAY, Cast, make_cast, make_export, make_ready_export, zip_of

WANTED, READY, FAILED = DerivedFile.State.WANTED, DerivedFile.State.READY, DerivedFile.State.FAILED
MANY = b'{"canonicalUrl":"https://www.example.com/home","title":"Home","views":"5"}\n' * 200_000


@pytest.fixture
def cast(transactional_db: None, settings: LazySettings) -> Any:
    """The people, with a worker's short leases."""
    settings.EXPORT_LEASE_SECONDS = 3.0
    doorbell.start_fresh()
    yield make_cast()
    shutdown.clear_stop()


def want(cast: Cast, export: Export, name: str = "csv", **more: Any) -> DerivedFile:
    """Want a format."""
    return formats.want_format(user=cast.vera, export=export, variant=Variant(name, **more))


def see(row: DerivedFile) -> DerivedFile:
    """Return a row as it stands now."""
    return DerivedFile.objects.get(pk=row.pk)


def files(export: Export) -> set[str]:
    """Return the names of stored files but the export's own."""
    return {found.name for found in stored.storage().names()} - {export.stored_name}


def test_format_is_made_once_and_kept_with_its_receipt(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    row = want(cast, export)
    assert (row.state, row.variant) == (WANTED, "csv")
    assert want(cast, export) == row
    assert formats.make_format(row.pk)
    row = see(row)
    assert (row.state, row.done_rows, row.attempts, row.leased_until) == (READY, 3, 0, None)
    assert row.made_at is not None
    with stored.storage().open(row.stored_name) as file:
        content = file.read()
    assert (row.bytes, row.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert b"canonicalUrl" in content
    assert not formats.make_format(row.pk)  # safe twice
    assert want(cast, export) == row


@pytest.mark.parametrize("name", MADE)
def test_every_format_offered_is_made(cast: Cast, name: str) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    row = want(cast, export, name)
    assert formats.make_format(row.pk)
    assert see(row).state == READY


@pytest.mark.parametrize("name", MADE)
def test_format_that_has_not_the_rows_of_the_receipt_is_never_offered(cast: Cast, name: str) -> None:
    export = make_ready_export(cast.acme, cast.bob, rows=4)  # its file has three
    row = want(cast, export, name)
    for attempts in range(1, formats.MAX_ATTEMPTS):
        assert not formats.make_format(row.pk)
        assert (see(row).state, see(row).attempts) == (WANTED, attempts)
    assert not formats.make_format(row.pk)
    assert (see(row).state, see(row).error_code) == (FAILED, "conversion_failed")
    assert files(export) == set()


def test_guarded_and_unguarded_are_two_files(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, zip_of(b'{"title":"=1+1"}\n'))
    rows = [want(cast, export), want(cast, export, guard=False)]
    assert [row.variant for row in rows] == ["csv", "csv-noguard"]
    for row in rows:
        formats.make_format(row.pk)
    one, other = (see(row).sha256 for row in rows)
    assert one != other


def test_each_choice_is_a_file_of_its_own_made_as_chosen(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, zip_of('{"title":"ホーム","views":"5"}\n'.encode()))
    wanted = {
        Variant("csv"): "\ufefftitle,views\r\nホーム,5\r\n".encode(),
        Variant("csv", bom=False): "title,views\r\nホーム,5\r\n".encode(),
        Variant("csv", delimiter="semicolon"): "\ufefftitle;views\r\nホーム;5\r\n".encode(),
        Variant("csv", delimiter="tab", bom=False, guard=False): "title\tviews\r\nホーム\t5\r\n".encode(),
    }
    for variant, content in wanted.items():
        row = formats.want_format(user=cast.vera, export=export, variant=variant)
        assert formats.want_format(user=cast.bob, export=export, variant=variant) == row
        assert formats.make_format(row.pk)
        with stored.storage().open(see(row).stored_name) as file:
            assert file.read() == content, variant
    row = want(cast, export, "jsonl", gzip=True)
    assert formats.make_format(row.pk)
    with stored.storage().open(see(row).stored_name) as file:
        assert gzip.decompress(file.read()) == '{"title":"ホーム","views":"5"}\n'.encode()
    assert DerivedFile.objects.count() == len(files(export)) == 5


def test_progress_is_written_while_a_format_is_made(cast: Cast, settings: LazySettings) -> None:
    settings.EXPORT_LEASE_SECONDS = 0.9
    export = make_ready_export(cast.acme, cast.bob, zip_of(MANY * 5), rows=1_000_000)
    row = want(cast, export, "xlsx")
    making = Worker(lambda: formats.make_format(row.pk))
    work_until(lambda: 0 < see(row).done_rows < 1_000_000, workers=(), seconds=60)
    half = see(row)
    assert half.started_at is not None
    left = seconds_left(half, 1_000_000, {})
    assert left is not None
    spent = (timezone.now() - half.started_at).total_seconds()
    assert left <= spent * 1_000_000 / half.done_rows
    stop_workers()
    assert not making.join(10)


def test_estimate_before_it_begins_rests_on_the_largest_made_before(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, rows=3_000_000)
    now = timezone.now()
    for variant, rows, seconds in (("csv", 1_000_000, 10), ("csv-nobom", 10, 5), ("xlsx", 1_000_000, 30)):
        DerivedFile.objects.create(
            export=make_ready_export(cast.acme, cast.bob),
            **{"format": variant[:4].strip("-"), "variant": variant, "state": READY, "stored_name": "-"},
            **{"sha256": "0" * 64, "bytes": 1, "done_rows": rows, "made_at": now},
            started_at=now - timedelta(seconds=seconds),
        )
    assert seconds_left(want(cast, export), export.rows, largest_made()) == 30
    assert seconds_left(want(cast, export, "xlsx"), export.rows, largest_made()) == 90
    assert seconds_left(want(cast, export, "parquet"), export.rows, largest_made()) is None


def test_many_workers_make_it_once(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    row = want(cast, export)
    assert sorted(in_threads(*[lambda: formats.make_format(row.pk)] * 4)) == [False, False, False, True]
    assert len(files(export)) == 1


def test_unknown_format_and_exports_without_a_file_are_refused(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    for name in ("original", "docx", ""):
        with pytest.raises(Refused, match="unknown_format"):
            want(cast, export, name)
    gone = make_ready_export(cast.acme, cast.bob, expires_at=timezone.now())
    for other in (gone, make_export(cast.acme, cast.bob, Status.WAITING)):
        with pytest.raises(WrongState, match="no_file"):
            want(cast, other)


def test_file_that_expires_meanwhile_takes_its_format_with_it(cast: Cast, at_point: AtPoint) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    row = want(cast, export)

    def end() -> None:
        Export.objects.filter(pk=export.pk).update(expires_at=timezone.now())
        expire.expire_due()

    at_point("format_made", end)
    assert not formats.make_format(row.pk)
    assert files(export) == set()
    assert not DerivedFile.objects.exists()


def test_expired_export_is_not_converted(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    row = want(cast, export)
    expire.delete_file_now(user=cast.bob, export=export)
    assert not formats.make_format(row.pk)


def test_missing_original_is_said_to_be_lost(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    row = want(cast, export)
    stored.storage().remove(export.stored_name)
    assert not formats.make_format(row.pk)
    assert Export.objects.get(pk=export.pk).error_code == "file_lost"


def test_conversion_that_fails_is_tried_three_times_a_lease_apart(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, b"this is no archive")
    row = want(cast, export)
    for attempts in (1, 2):
        assert not formats.make_format(row.pk)
        row = see(row)
        assert (row.state, row.attempts, row.leased_until) == (WANTED, attempts, None)
        assert row.rung_at is not None
    assert not formats.make_format(row.pk)
    row = see(row)
    assert (row.state, row.attempts, row.error_code, row.stored_name) == (FAILED, 3, "conversion_failed", "")
    assert files(export) == set()
    assert not formats.make_format(row.pk)
    row = want(cast, export)  # asked for again: tried again
    assert (row.state, row.attempts, row.error_code) == (WANTED, 0, "")


def test_more_columns_than_a_table_holds_is_tried_once(cast: Cast) -> None:
    wide = json.dumps({f"c{number}": "" for number in range(16_385)}).encode()
    export = make_ready_export(cast.acme, cast.bob, zip_of(wide))
    row = want(cast, export, "csv")
    assert not formats.make_format(row.pk)
    row = see(row)
    assert (row.state, row.error_code, row.stored_name) == (FAILED, "too_many_columns", "")
    assert files(export) == set()


def test_stop_hands_the_conversion_back_free_of_charge(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, zip_of(MANY))
    row = want(cast, export, "xlsx")
    making = Worker(lambda: formats.make_format(row.pk))
    work_until(lambda: see(row).leased_until is not None, workers=())
    time.sleep(0.5)
    began = time.monotonic()
    stop_workers()
    assert not making.join(10)
    assert time.monotonic() - began < 3
    row = see(row)
    assert (row.state, row.attempts, row.leased_until) == (WANTED, 0, None)
    assert files(export) == set()


def test_long_conversion_keeps_its_lease(cast: Cast, settings: LazySettings) -> None:
    settings.EXPORT_LEASE_SECONDS = 0.9
    export = make_ready_export(cast.acme, cast.bob, zip_of(MANY))
    row = want(cast, export, "xlsx")
    making = Worker(lambda: formats.make_format(row.pk))
    work_until(lambda: see(row).leased_until is not None, workers=())
    first = see(row).leased_until
    work_until(lambda: see(row).leased_until != first, workers=())
    assert formats._claim(row.pk) is None
    assert making.join(120)
    assert see(row).fence == 1


def test_worker_whose_format_was_taken_ends_its_child(cast: Cast, settings: LazySettings) -> None:
    settings.EXPORT_LEASE_SECONDS = 0.9
    export = make_ready_export(cast.acme, cast.bob, zip_of(MANY))
    row = want(cast, export, "xlsx")
    making = Worker(lambda: formats.make_format(row.pk))
    work_until(lambda: see(row).leased_until is not None, workers=())
    DerivedFile.objects.update(fence=F("fence") + 1)
    assert not making.join(10)
    assert see(row).state == WANTED
    assert files(export) == set()


def test_three_deaths_over_it_fail_it_and_leave_nothing(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    row = want(cast, export)
    for _ in range(3):
        making = formats._claim(row.pk)
        assert making is not None
        stored.storage().part_path(making.name).write_bytes(b"half")
        DerivedFile.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert not formats.make_format(row.pk)
    row = see(row)
    assert (row.state, row.error_code, row.stored_name) == (FAILED, "worker_died", "")
    assert files(export) == set()


def test_full_disk_is_no_failure(cast: Cast) -> None:
    """However often: it is made once there is room."""
    export = make_ready_export(cast.acme, cast.bob, zip_of(MANY))
    row = want(cast, export, "jsonl")
    for _ in range(formats.MAX_ATTEMPTS + 1):
        with no_file_beyond(8_000_000):
            assert not formats.make_format(row.pk)
        row = see(row)
        assert (row.state, row.attempts, row.leased_until, row.stored_name) == (WANTED, 0, None, "")
        assert files(export) == set()
    assert formats.make_format(row.pk)


def test_disk_that_is_full_when_a_format_gets_its_name_is_no_failure(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    row = want(cast, export)

    def full(*_names: object) -> None:
        raise OSError(errno.ENOSPC, "no room")

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", full)
        assert not formats.make_format(row.pk)
    row = see(row)
    assert (row.state, row.attempts, row.leased_until, row.stored_name) == (WANTED, 0, None, "")
    assert files(export) == set()
    assert formats.make_format(row.pk)


@contextmanager
def no_file_beyond(size: int) -> Iterator[None]:
    """Let files grow to so many bytes and no further, those of children too: one of the ways to say that it is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_store_that_is_away_costs_a_conversion_nothing(cast: Cast, settings: LazySettings) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    row = DerivedFile.objects.create(export=export, format="csv", variant="csv")
    settings.EXPORT_STORAGE_URL = STORE_THAT_IS_AWAY
    for _ in range(4):
        assert not formats.make_format(row.pk)
        row.refresh_from_db()
        assert (row.state, row.attempts, row.leased_until) == (DerivedFile.State.WANTED, 0, None)
        assert row.waits_for == "storage_unreachable"
    settings.EXPORT_STORAGE_URL = ""
    assert formats.make_format(row.pk)
    assert see(row).error_code == ""
