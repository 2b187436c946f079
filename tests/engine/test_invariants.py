"""The audit: one line for each violation, and none for what is in order."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from exports.models import ApiToken, DerivedFile, Export, Requester, Status, UpstreamHost, Workspace
from exports.models.secrets import fingerprint, seal
from exports.services import invariants, stored
from tests.support.cast import Cast, make_export, make_ready_export
from tests.support.cast import cast as cast

HOUR = timedelta(hours=1)


def lines() -> list[str]:
    """Return what the audit says."""
    return list(invariants.find_violations())


def write(row: Any, **values: Any) -> None:
    """Write past every model and service."""
    assert type(row).objects.filter(pk=row.pk).update(**values) == 1


@contextmanager
def unchecked(name: str, table: str) -> Iterator[None]:
    """A database that lacks a constraint, as after a careless migration."""
    with connection.cursor() as cursor:
        if name.startswith("export_one"):
            cursor.execute(f"DROP INDEX {name}")
        elif connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # or the table can't be altered in this transaction
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
        else:
            cursor.execute("PRAGMA ignore_check_constraints = ON")
    yield
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA ignore_check_constraints = OFF")


@pytest.fixture
def good(cast: Cast) -> Cast:
    """Exports in every state, all in order."""
    for status in Status:
        if status != Status.READY:
            make_export(cast.acme, cast.bob, status)
    export = make_ready_export(cast.acme, cast.bob)
    name = f"{export.stored_name}.1.csv"
    stored.storage().part_path(name).write_bytes(b"abc")
    stored.storage().publish(name)
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    DerivedFile.objects.create(
        export=export, format="csv", variant="csv", state="ready", stored_name=name, sha256=digest, bytes=3
    )
    assert lines() == []
    return cast


def test_command_prints_each_line_and_ends_with_1(good: Cast) -> None:
    out = StringIO()
    call_command("audit", stdout=out)
    export = Export.objects.get(status=Status.QUEUED)
    Requester.objects.filter(export=export).delete()
    with pytest.raises(CommandError) as end:
        call_command("audit", stdout=out)
    assert end.value.returncode == 1
    assert f"export {export.pk}: queued, but nobody asks for it" in out.getvalue()


def test_database_that_is_not_set_up_is_said_in_a_sentence(cast: Cast) -> None:
    def execute(*_: Any) -> None:
        raise OperationalError("no such table: exports_export")

    with connection.execute_wrapper(execute), pytest.raises(CommandError, match="run: python manage.py migrate"):
        call_command("audit", stdout=StringIO())


def test_ready_export_without_its_whole_file_is_told(good: Cast) -> None:
    export = Export.objects.get(status=Status.READY)
    path = stored.storage().local_path(export.stored_name)
    assert path is not None
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    assert lines() == [
        f"export {export.pk}: ready, but its file has {len(content) - 1} bytes instead of {len(content)}"
    ]
    path.write_bytes(content[:-1] + b"?")
    assert lines() == [f"export {export.pk}: ready, but its file has another SHA-256 than its receipt"]
    path.unlink()
    assert lines() == [f"export {export.pk}: ready, but its file is missing"]


def test_made_format_without_its_whole_file_is_told(good: Cast) -> None:
    row = DerivedFile.objects.get()
    path = stored.storage().local_path(row.stored_name)
    assert path is not None
    path.write_bytes(b"abd")
    assert lines() == [f"export {row.export_id}: its csv file has another SHA-256 than its receipt"]


def test_old_file_that_no_row_names_is_told(good: Cast) -> None:
    nobodys = "00000000-0000-4000-8000-000000000001-1"
    for name in (nobodys, f"{nobodys[:-1]}2"):
        stored.storage().part_path(name).write_bytes(b"x")
    stored.storage().publish(nobodys)
    stranger = stored.storage().part_path(nobodys).with_name("notes.txt")
    stranger.write_text("x")
    assert lines() == []  # too young to be nobody's
    for path in stranger.parent.iterdir():
        os.utime(path, (0, 0))
    assert set(lines()) == {
        f"file {nobodys}: no row names it",
        f"file {nobodys[:-1]}2.part: no row names it",
        "file notes.txt: not one of ours, in the folder of exports",
    }


def test_active_export_without_a_near_next_look_is_told(good: Cast) -> None:
    export = Export.objects.get(status=Status.WAITING)
    far = timezone.now() + HOUR
    write(export, due_at=far)
    assert lines() == [f"export {export.pk}: waiting, but its next look is {far}"]
    with unchecked("export_due_exactly_while_active", "exports_export"):
        write(export, due_at=None)
        ended = Export.objects.get(status=Status.CANCELLED)
        write(ended, due_at=far)
        assert lines() == [
            f"export {export.pk}: waiting, but its next look is never",
            f"export {ended.pk}: cancelled, but still due at {far}",
        ]


def test_running_export_past_its_deadline_is_told_unless_it_stood_still(good: Cast) -> None:
    export = Export.objects.get(status=Status.PREPARING)
    now = timezone.now()
    write(good.acme, resumed_at=None)
    write(export, waiting_code="upstream_running", running_seconds=24 * 3600.0, looked_at=now - HOUR)
    [line] = lines()
    assert line.startswith(f"export {export.pk}: preparing for 1 day")
    host = UpstreamHost.objects.filter(pk=good.acme.host_id)
    for row, bad, fine in (
        (host, {"failures": 1, "not_before": now}, {"failures": 0, "not_before": None}),
        (host, {"recovered_at": now}, {"recovered_at": None}),
        (Workspace.objects.filter(pk=good.acme.pk), {"resumed_at": now}, {"resumed_at": None}),
        (Export.objects.filter(pk=export.pk), {"waiting_code": "storage_full"}, {"waiting_code": "upstream_running"}),
    ):
        row.update(**bad)
        assert lines() == []
        row.update(**fine)
        assert len(lines()) == 1


def test_lapsed_lease_that_is_not_due_is_told(good: Cast) -> None:
    export = Export.objects.get(status=Status.WAITING)
    ended = timezone.now() - HOUR
    write(export, leased_until=ended)
    assert lines() == [f"export {export.pk}: its lease ended at {ended}, but it is not due"]
    write(export, due_at=timezone.now())
    assert lines() == []


def test_two_active_exports_of_one_question_are_told(good: Cast) -> None:
    export = Export.objects.get(status=Status.WAITING)
    with unchecked("export_one_active_per_question", "exports_export"):
        make_export(good.acme, good.bob, range_from=export.range_from, range_to=export.range_to)
        assert lines() == [f"workspace {good.acme.pk}: 2 active exports of one question (page)"]


def test_token_in_clear_text_is_told(good: Cast) -> None:
    token = "a-token-that-lies-open-0123456789"
    write(good.acme, token_sealed=token)
    assert lines() == [f"workspace {good.acme.pk}: its token is stored in clear text"]
    write(good.acme, token_sealed=seal(token), token_fingerprint=fingerprint(token), name=token)
    assert lines() == [f"workspace {good.acme.pk}: its token stands in clear text in another column"]
    assert not any(token in line for line in lines())


def test_token_that_no_key_opens_is_told(good: Cast, settings: Any) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = ["b3RoZXJfa2V5X290aGVyX2tleV9vdGhlcl9rZXlfMTI="]
    assert len(lines()) == 2
    assert all(line.endswith("not readable with TOKEN_ENCRYPTION_KEYS") for line in lines())


def test_personal_token_that_is_no_digest_is_told(good: Cast) -> None:
    token = ApiToken.objects.create(user=good.bob, name="laptop", digest="lac_clear", last4="lear")
    assert lines() == [f"personal API token {token.pk}: not stored as a digest"]


def test_workspace_without_a_token_that_is_not_paused_is_told(good: Cast) -> None:
    with unchecked("workspace_without_token_is_paused", "exports_workspace"):
        write(good.acme, token_sealed="", token_fingerprint="", token_last4="", token_set_at=None)
        assert lines() == [f"workspace {good.acme.pk}: no token, but not paused"]


def test_export_that_changes_while_it_is_read_is_nobodys_violation(good: Cast) -> None:
    """Expired between the list and the look at its file."""
    export = Export.objects.get(status=Status.READY)
    found = invariants._broken_ready_files()
    stored.storage().remove(export.stored_name)
    write(export, status=Status.EXPIRED, stored_name="", ended_at=timezone.now())
    assert list(found) == []
