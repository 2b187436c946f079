"""Reading the record: whose it is to read, what fits a filter, what a file holds."""

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from exports.models import AuditEntry
from exports.services import audit_log, audit_trail
from exports.services.audit_log import record_audit
from exports.services.audit_trail import TrailFilters, as_csv, as_json_lines, checked_filters, page_of_trail, trail
from exports.services.people import change_own_settings
from exports.services.refusals import Forbidden, Refused
from tests.support.cast import Cast, make_workspace


def subjects(cast: Cast, **filters: Any) -> list[str]:
    rows = trail(reader=cast.ada, workspace=None, filters=checked_filters(TrailFilters(**filters)))
    return list(rows.filter(action__startswith="export.").order_by("id").values_list("subject", flat=True))


@pytest.fixture
def entries(cast: Cast) -> Cast:
    """Three entries: Alice's in Acme, Bob's in Acme, Charlie's in Globex."""
    record_audit(audit_log.EXPORT_QUEUED, actor=cast.alice, workspace=cast.acme, subject="one")
    record_audit(audit_log.EXPORT_DOWNLOADED, actor=cast.bob, workspace=cast.acme, subject="two")
    record_audit(audit_log.EXPORT_QUEUED, actor=cast.charlie, workspace=cast.globex, subject="three")
    return cast


def test_site_administrator_reads_everything(entries: Cast) -> None:
    assert subjects(entries) == ["one", "two", "three"]


def test_manager_reads_the_own_workspace(entries: Cast) -> None:
    rows = trail(reader=entries.alice, workspace=entries.acme, filters=TrailFilters())
    assert {entry.workspace for entry in rows} == {entries.acme}
    assert {"one", "two"} <= {entry.subject for entry in rows}


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_others_read_nothing(entries: Cast, who: str) -> None:
    for workspace in (entries.acme, None):
        with pytest.raises(Forbidden):
            trail(reader=getattr(entries, who), workspace=workspace, filters=TrailFilters())
    with pytest.raises(Forbidden):
        trail(reader=entries.alice, workspace=None, filters=TrailFilters())


def test_filters_narrow_by_kind_family_person_subject_and_time(entries: Cast) -> None:
    assert subjects(entries, action="export.queued") == ["one", "three"]
    assert subjects(entries, action="export.") == ["one", "two", "three"]
    assert subjects(entries, action="token.") == []
    assert subjects(entries, person="BOB@example") == ["two"]
    assert subjects(entries, subject="three") == ["three"]
    now = timezone.now()
    assert subjects(entries, until=now - timedelta(hours=1)) == []
    assert subjects(entries, since=now - timedelta(hours=1), until=now + timedelta(hours=1)) == ["one", "two", "three"]


def test_person_is_found_also_as_whom_it_was_done_to(entries: Cast) -> None:
    record_audit(audit_log.MEMBER_REMOVED, actor=entries.alice, workspace=entries.acme, subject="bob@example.com")
    rows = trail(reader=entries.ada, workspace=None, filters=TrailFilters(person="bob@"))
    assert {entry.action for entry in rows} == {"member.removed", "export.downloaded"}


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({"action": "no.such"}, "action"),
        ({"action": "export.queued'"}, "action"),
        ({"person": "a\0b"}, "person"),
        ({"person": "x" * 300}, "person"),
        ({"subject": "a\nb"}, "subject"),
    ],
)
def test_filter_that_can_not_be_is_refused_and_names_its_field(filters: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refused:
        checked_filters(TrailFilters(**filters))
    assert refused.value.field == field


def test_end_before_the_beginning_is_refused() -> None:
    now = timezone.now()
    with pytest.raises(Refused, match="range_order"):
        checked_filters(TrailFilters(since=now, until=now))


def test_pages_hold_each_entry_once(entries: Cast) -> None:
    rows = trail(reader=entries.ada, workspace=None, filters=TrailFilters())
    seen: list[int] = []
    cursor = None
    while True:
        page = page_of_trail(rows, cursor=cursor, limit=2)
        seen += [entry.pk for entry in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(AuditEntry.objects.values_list("pk", flat=True), reverse=True)


def test_csv_holds_every_entry_and_no_formula(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "CHUNK", 3)
    nasty = ["=1+1", "+1", "-1", "@x", "\tx", 'a"b', "ü, ä\nnext", "東京", "＝1"]
    place = make_workspace("=cmd|' /C calc'!A0")
    for text in nasty:
        record_audit("test", actor=cast.bob, workspace=place, subject=text, address="198.51.100.7", text=text)
    body = b"".join(as_csv(AuditEntry.objects.filter(action="test")))
    assert body.startswith(b"\xef\xbb\xbf")
    header, *rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
    assert tuple(header) == audit_trail.COLUMNS
    assert [row[5].removeprefix("'") for row in rows] == nasty
    assert not [cell for row in rows for cell in row if cell.startswith(audit_trail.FORMULA_BEGINS)]
    assert [json.loads(row[7])["text"] for row in rows] == nasty
    assert {row[6] for row in rows} == {"198.51.100.7"}


def test_json_lines_hold_every_entry_as_it_is(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "CHUNK", 2)
    now = timezone.now()
    # Equal times: the pages behind the file must not lose or repeat a row.
    AuditEntry.objects.bulk_create([AuditEntry(action="test", subject=f"={n}", at=now) for n in range(5)])
    lines = b"".join(as_json_lines(AuditEntry.objects.filter(action="test"))).decode().splitlines()
    assert [json.loads(line)["subject"] for line in lines] == [f"={n}" for n in range(5)]
    assert tuple(json.loads(lines[0])) == audit_trail.COLUMNS


def test_own_settings_are_on_record_once_and_only_what_changed(cast: Cast) -> None:
    change_own_settings(cast.bob, name="Bobby", language="ja", theme="system")
    change_own_settings(cast.bob, name="Bobby")
    entry = AuditEntry.objects.get(action="person.settings_changed")
    assert (entry.actor, entry.subject) == (cast.bob, "bob@example.com")
    assert entry.data == {"name": "Bobby", "language": "ja"}
    cast.bob.refresh_from_db()
    assert (cast.bob.name, cast.bob.language) == ("Bobby", "ja")


def test_own_deed_of_a_site_administrator_rests_on_no_right(cast: Cast) -> None:
    change_own_settings(cast.ada, name="Ada L")
    assert not AuditEntry.objects.get(action="person.settings_changed").as_site_administrator
