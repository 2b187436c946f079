"""The database refuses to change or delete what is on record, whoever asks, on both vendors."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from exports.models import AuditEntry, Export, ExportEvent, Workspace
from exports.models.append_only import GUARDED, guard_tables, unguard_tables, unguarded_tables
from exports.services import events
from exports.services.audit_log import record_audit
from exports.services.invariants import find_violations
from tests.support.cast import Cast, make_cast, make_export, make_workspace

TABLES = [AuditEntry, ExportEvent]


@pytest.fixture
def rows(cast: Cast) -> dict[type, AuditEntry | ExportEvent]:
    """One row in each guarded table."""
    export = make_export(cast.acme, cast.bob)
    return {
        AuditEntry: record_audit("test", actor=cast.bob, workspace=cast.acme, subject="before", number=1),
        ExportEvent: events.record_event(export, events.QUEUED, at=timezone.now(), actor=cast.bob, number=1),
    }


def refused(statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_every_guarded_table_has_its_triggers_in_a_fresh_database(db: None) -> None:
    assert unguarded_tables(connection) == []
    assert set(GUARDED) == {model._meta.db_table for model in TABLES}


@pytest.mark.parametrize("model", TABLES)
def test_delete_is_refused(rows: dict[type, AuditEntry | ExportEvent], model: type) -> None:
    refused(f"DELETE FROM {model._meta.db_table}")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        rows[model].delete()
    assert model.objects.filter(pk=rows[model].pk).exists()


@pytest.mark.parametrize("model", TABLES)
def test_update_of_any_column_is_refused(rows: dict[type, AuditEntry | ExportEvent], model: type) -> None:
    changes = {
        "at": timezone.now() - timedelta(days=1),
        "code": "x",
        "action": "x",
        "data": {"number": 2},
        "actor_email": "x",
        "as_site_administrator": True,
        "workspace_name": "x",
        "subject": "after",
        "address": "127.0.0.1",
        "export_id": "00000000-0000-4000-8000-000000000000",
        "id": 10**9,
    }
    columns = {field.attname for field in model._meta.fields} - {"actor_id", "workspace_id"}
    for name in columns:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            model.objects.filter(pk=rows[model].pk).update(**{name: changes[name]})


def test_reference_may_be_cut_but_not_moved(rows: dict[type, AuditEntry | ExportEvent], cast: Cast) -> None:
    for model in TABLES:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            model.objects.filter(pk=rows[model].pk).update(actor=cast.alice)
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            model.objects.filter(pk=rows[model].pk).update(actor=None, data={})
        assert model.objects.filter(pk=rows[model].pk).update(actor=None) == 1
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            model.objects.filter(pk=rows[model].pk).update(actor=cast.bob)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.filter(pk=rows[AuditEntry].pk).update(workspace=cast.globex)


def test_person_and_workspace_deleted_entry_stays_with_their_names(db: None) -> None:
    cast = make_cast()
    empty = make_workspace("Empty")
    entry = record_audit("test", actor=cast.vera, workspace=empty)
    empty.delete()
    cast.vera.delete()
    entry.refresh_from_db()
    assert (entry.actor, entry.workspace) == (None, None)
    assert (entry.actor_email, entry.workspace_name) == ("vera@example.com", "Empty")
    assert not Workspace.objects.filter(name="Empty").exists()


def test_export_deleted_its_story_stays(rows: dict[type, AuditEntry | ExportEvent]) -> None:
    event = ExportEvent.objects.get(pk=rows[ExportEvent].pk)
    key = event.export_id
    Export.objects.get(pk=key).delete()
    assert ExportEvent.objects.get(pk=event.pk).export_id == key


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own statement")
def test_truncate_is_refused(db: None) -> None:
    for model in TABLES:
        refused(f"TRUNCATE {model._meta.db_table}")


def test_missing_triggers_are_a_violation(cast: Cast) -> None:
    assert not [line for line in find_violations() if "append-only" in line]
    unguard_tables(connection)
    lines = [line for line in find_violations() if "append-only" in line]
    assert len(lines) == len(GUARDED)
    guard_tables(connection)
    guard_tables(connection)
    assert not [line for line in find_violations() if "append-only" in line]


def test_test_that_commits_leaves_an_empty_guarded_database_behind(transactional_db: None) -> None:
    record_audit("left behind", actor=None)
    assert unguarded_tables(connection) == []


def test_afterwards_nothing_is_left_and_all_is_guarded(transactional_db: None) -> None:
    assert not AuditEntry.objects.exists()
    assert unguarded_tables(connection) == []


def test_migration_backwards_and_forwards_guards_again(transactional_db: None) -> None:
    try:
        call_command("migrate", "exports", "0002", verbosity=0)
        assert unguarded_tables(connection) == sorted(GUARDED, reverse=True)
    finally:
        call_command("migrate", "exports", verbosity=0)
    assert unguarded_tables(connection) == []
