"""Workspaces at their end: archived, or deleted with everything but the record."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from exports.models import (
    ApiToken,
    AskedWindow,
    AuditEntry,
    DerivedFile,
    Download,
    Export,
    ExportEvent,
    Limits,
    Mail,
    Membership,
    Requester,
    Status,
    Workspace,
)
from exports.services import events, retirement, stored
from exports.services.api_tokens import make_api_token
from exports.services.invariants import find_violations
from exports.services.limits import Allowed, set_limits
from exports.services.queue import queue_export, run_again
from exports.services.refusals import Forbidden, Refused, WrongState
from exports.services.retirement import archive_workspace, delete_workspace, unarchive_workspace
from tests.support.cast import ApiCaller, Cast, make_export, make_ready_export

START = datetime(2026, 10, 1, tzinfo=UTC)


def ask(cast: Cast) -> Export:
    return queue_export(
        user=cast.bob, workspace=cast.acme, data_type="page", range_from=START, range_to=START + timedelta(days=1)
    ).export


def test_archived_workspace_takes_no_new_exports_and_keeps_the_rest(cast: Cast) -> None:
    running = make_export(cast.acme, cast.bob, Status.WAITING)
    ended = make_export(cast.acme, cast.bob, Status.FAILED)
    archive_workspace(actor=cast.alice, workspace=cast.acme)
    cast.acme.refresh_from_db()
    with pytest.raises(WrongState, match="workspace_archived"):
        ask(cast)
    with pytest.raises(WrongState, match="workspace_archived"):
        run_again(user=cast.bob, export=Export.objects.get(pk=ended.pk))
    running.refresh_from_db()
    assert running.status == Status.WAITING
    question = {"workspace": str(cast.acme.pk), "type": "page", "from": "2026-10-01T00:00:00Z", "to": "2026-10-02T00:00:00Z"}  # fmt: skip  # noqa: E501
    assert ApiCaller(cast.bob).post("exports", question).status_code == 409
    unarchive_workspace(actor=cast.alice, workspace=cast.acme)
    cast.acme.refresh_from_db()
    assert ask(cast).status == Status.QUEUED
    assert list(AuditEntry.objects.filter(action__startswith="workspace.", actor=cast.alice).values_list("action", flat=True).order_by("id")) == ["workspace.archived", "workspace.unarchived"]  # fmt: skip  # noqa: E501


def test_archiving_twice_is_a_wrong_state(cast: Cast) -> None:
    with pytest.raises(WrongState, match="not_archived"):
        unarchive_workspace(actor=cast.alice, workspace=cast.acme)
    archive_workspace(actor=cast.alice, workspace=cast.acme)
    with pytest.raises(WrongState, match="archived_already"):
        archive_workspace(actor=cast.ada, workspace=cast.acme)


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_archive(who: str, cast: Cast) -> None:
    for deed in (archive_workspace, unarchive_workspace):
        with pytest.raises(Forbidden):
            deed(actor=getattr(cast, who), workspace=cast.acme)


@pytest.mark.parametrize("who", ["alice", "bob", "vera", "charlie"])
def test_only_site_administrators_delete(who: str, cast: Cast) -> None:
    with pytest.raises(Forbidden):
        delete_workspace(actor=getattr(cast, who), workspace=cast.acme, typed_name="Acme")
    assert Workspace.objects.filter(pk=cast.acme.pk, archived_at__isnull=True).exists()


@pytest.mark.parametrize("typed", ["", "acme", "Globex", "Acme!"])
def test_other_name_deletes_nothing(typed: str, cast: Cast) -> None:
    with pytest.raises(Refused, match="name_differs") as refused:
        delete_workspace(actor=cast.ada, workspace=cast.acme, typed_name=typed)
    assert refused.value.field == "name"
    assert Workspace.objects.filter(pk=cast.acme.pk, archived_at__isnull=True).exists()


def furnish(cast: Cast) -> tuple[Export, Export]:
    """Give Acme something of everything; return a ready and a downloading export."""
    ready = make_ready_export(cast.acme, cast.bob)
    name = f"{ready.pk}-7.1.csv"
    stored.storage().part_path(name).write_bytes(b"csv")
    stored.storage().publish(name)
    DerivedFile.objects.create(
        export=ready, format="csv", variant="csv", state="ready", stored_name=name, sha256="x", bytes=3
    )
    Download.objects.create(export=ready, user=cast.vera, format="csv", bytes=3)
    events.record_event(ready, events.READY, at=timezone.now(), rows=3)
    downloading = make_export(cast.acme, cast.bob, Status.DOWNLOADING)
    Export.objects.filter(pk=downloading.pk).update(stored_name=f"{downloading.pk}-1")
    stored.storage().part_path(f"{downloading.pk}-1").write_bytes(b"half")
    make_export(cast.acme, cast.bob, Status.QUEUED, hold="approval")
    again = make_export(cast.acme, cast.alice, Status.FAILED)
    make_export(cast.acme, cast.alice, Status.CANCELLED, run_again_of=again)
    now = timezone.now()
    AskedWindow.objects.create(
        workspace=cast.acme, data_type="page", asked_from=now, asked_to=now, export=downloading,
        first_asked_at=now, last_asked_at=now,
    )  # fmt: skip
    set_limits(actor=cast.alice, workspace=cast.acme, together=Allowed(per_day=5), each=Allowed())
    make_api_token(user=cast.bob, name="narrow", workspaces=[cast.acme])
    return ready, downloading


def test_deleted_workspace_leaves_nothing_but_its_record(cast: Cast, export_root: Path) -> None:
    ready, _downloading = furnish(cast)
    other = make_ready_export(cast.globex, cast.charlie)
    entries = AuditEntry.objects.filter(workspace=cast.acme).count()
    key = cast.acme.pk
    delete_workspace(actor=cast.ada, workspace=cast.acme, typed_name=" Acme ")
    assert not Workspace.objects.filter(pk=key).exists()
    for model in (Export, Requester, Membership):
        assert model.objects.count() == 1, model  # Globex's
    for model in (DerivedFile, Download, AskedWindow, Limits, Mail):
        assert not model.objects.exists(), model
    assert [path.name for path in export_root.iterdir() if path.is_file()] == [other.stored_name]
    record = AuditEntry.objects.filter(workspace_name="Acme")
    assert record.count() == entries + 1
    assert not record.filter(workspace__isnull=False).exists()
    last = AuditEntry.objects.get(action="workspace.deleted")
    assert (last.actor, last.subject, last.as_site_administrator) == (cast.ada, "Acme", True)
    assert last.data == {"key": str(key), "exports": 5}
    story = ExportEvent.objects.filter(export_id=ready.pk).order_by("id")
    assert [event.code for event in story] == ["ready", "deleted"]
    token = ApiToken.objects.get(name="narrow")
    assert not token.workspaces.exists()
    assert not token.all_workspaces
    assert list(find_violations()) == []


def test_name_is_free_again(cast: Cast) -> None:
    delete_workspace(actor=cast.ada, workspace=cast.acme, typed_name="Acme")
    cast.globex.name = "Acme"
    cast.globex.save(update_fields=["name"])


def test_deletion_that_was_interrupted_is_done_again(cast: Cast) -> None:
    furnish(cast)
    retirement._end_running(cast.acme, cast.ada)
    retirement._remove_files(cast.acme)
    assert list(stored.storage().names()) == []
    delete_workspace(actor=cast.ada, workspace=Workspace.objects.get(pk=cast.acme.pk), typed_name="Acme")
    assert not Workspace.objects.filter(name="Acme").exists()


def test_many_exports_go_in_batches(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retirement, "BATCH", 3)
    for _number in range(8):
        make_export(cast.acme, cast.bob, Status.EXPIRED)
    delete_workspace(actor=cast.ada, workspace=cast.acme, typed_name="Acme")
    assert AuditEntry.objects.get(action="workspace.deleted").data["exports"] == 8


def test_worker_that_holds_an_export_changes_nothing_any_more(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, Status.WAITING, fence=4)
    held = Export.objects.get(pk=export.pk)
    delete_workspace(actor=cast.ada, workspace=cast.acme, typed_name="Acme")
    assert not Export.objects.move(held, Status.PREPARING, fence=4)
