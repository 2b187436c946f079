"""The pages of the record."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone, translation
from pytest_django.fixtures import DjangoAssertNumQueries

from exports.models import AuditEntry
from exports.services import audit_log
from exports.services.audit_log import record_audit
from exports.web.audit_words import DEEDS, DETAILS, FAMILIES, detail
from tests.support.cast import Cast, content_of, make_export
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada(cast: Cast, browse: Browse) -> Client:
    return browse(cast.ada)


def here(cast: Cast, rest: str = "") -> str:
    return f"/workspaces/{cast.acme.pk}/audit/{rest}"


def test_every_action_has_its_words_and_family() -> None:
    assert set(DEEDS) == audit_log.ALL_ACTIONS
    assert all(any(action.startswith(family) for family in FAMILIES) for action in DEEDS)


@pytest.mark.parametrize("rest", ["", "csv/", "jsonl/"])
def test_record_for_each_role_is_shown_or_refused(rest: str, cast: Cast, browse: Browse) -> None:
    wanted = {"alice": (200, 403), "bob": (403, 403), "vera": (403, 403), "charlie": (404, 403), "ada": (200, 200)}
    for name, statuses in wanted.items():
        client = browse(getattr(cast, name))
        answers = [client.get(here(cast, rest)), client.get(f"/audit/{rest}")]
        assert tuple(answer.status_code for answer in answers) == statuses, name
        for answer in answers:
            content_of(answer)


def test_page_shows_who_did_what_to_what_from_where(cast: Cast, ada: Client) -> None:
    export = make_export(cast.acme, cast.bob)
    record_audit(
        audit_log.MEMBER_CHANGED,
        actor=cast.ada,
        workspace=cast.acme,
        subject="bob@example.com",
        address="198.51.100.7",
        role="viewer",
        before="member",
    )
    record_audit(
        audit_log.EXPORT_DOWNLOADED,
        actor=cast.bob,
        workspace=cast.acme,
        subject=str(export.pk),
        format="csv",
        bytes=12_345_678,
    )
    answer = ada.get("/audit/")
    text = text_of(answer)
    assert "Changed a person’s role: bob@example.com" in text
    assert "role: Viewer · before: Member" in text
    assert "as site administrator" in text
    assert "198.51.100.7" in text
    assert "format: csv · size: 12.3 MB" in text
    assert "Downloaded a file: Pages · " in text
    assert str(export.pk) in text
    assert f"/exports/{export.pk}/" in [one.attrs.get("href") for one in read(answer)]
    check_page(answer)
    assert "Changed a person’s role" in text_of(ada.get(here(cast)))


def test_export_is_named_with_its_days_in_the_zone_of_its_workspace(cast: Cast, ada: Client) -> None:
    cast.acme.time_zone = "Asia/Tokyo"
    cast.acme.save(update_fields=["time_zone"])
    days = datetime(2026, 9, 30, 15, tzinfo=UTC), datetime(2026, 10, 31, 14, 59, 59, 999_000, tzinfo=UTC)
    export = make_export(cast.acme, cast.bob, name="For the board", range_from=days[0], range_to=days[1])
    span = {"from": days[0].isoformat(), "to": days[1].isoformat()}
    record_audit(
        audit_log.EXPORT_QUEUED, actor=cast.bob, workspace=cast.acme, subject=str(export.pk), type="page", **span
    )
    text = text_of(ada.get("/audit/"))
    assert "For the board · Pages · 1–31 Oct 2026 JST" in text
    assert "30 Sep" not in text


def test_page_is_narrowed_and_says_when_nothing_fits(cast: Cast, ada: Client) -> None:
    record_audit(audit_log.EXPORT_QUEUED, actor=cast.bob, workspace=cast.acme, subject="of Bob")
    record_audit(audit_log.EXPORT_QUEUED, actor=cast.alice, workspace=cast.acme, subject="of Alice")
    text = text_of(ada.get("/audit/", {"person": "bob@", "action": "export."}))
    assert "of Bob" in text
    assert "of Alice" not in text
    long_ago = (timezone.localdate() - timedelta(days=9)).isoformat()
    answer = ada.get("/audit/", {"until": long_ago})
    assert "Nothing on record fits these filters." in text_of(answer)
    check_page(answer)
    today = timezone.localdate().isoformat()
    assert "of Alice" in text_of(ada.get("/audit/", {"since": today, "until": today}))


@pytest.mark.parametrize(
    "query",
    [
        "action=no.such",
        "since=yesterday",
        "until=9999-12-31",
        "since=0001-01-01",
        "since=2026-10-02&until=2026-10-01",
        "person=a%00b",
        "cursor=x",
    ],
)
def test_filter_that_can_not_be_is_said_at_its_place(query: str, cast: Cast, ada: Client) -> None:
    answer = ada.get(f"/audit/?{query}")
    assert answer.status_code == 422
    check_page(answer)
    assert ada.get(f"/audit/csv/?{query}").status_code == (200 if "cursor" in query else 422)


def test_older_entries_are_a_click_away_with_the_filters(cast: Cast, ada: Client) -> None:
    for number in range(60):
        record_audit(audit_log.EXPORT_QUEUED, actor=cast.bob, workspace=cast.acme, subject=f"number {number:02}")
    first = ada.get("/audit/", {"action": "export.queued"})
    older = next(one.attrs["href"] for one in read(first) if "cursor=" in one.attrs.get("href", ""))
    second = ada.get(f"/audit/{older}")
    assert "number 10" in text_of(first)
    assert "number 09" not in text_of(first)
    assert "number 09" in text_of(second)
    assert "action=export.queued" in older
    check_page(second)


def test_page_takes_the_same_few_queries_however_long(
    cast: Cast, ada: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(40):
        record_audit(audit_log.EXPORT_QUEUED, actor=cast.bob, workspace=cast.acme, subject=str(number))
    with django_assert_max_num_queries(6):
        ada.get("/audit/")


def test_file_has_what_the_page_shows_and_is_itself_on_record(cast: Cast, ada: Client) -> None:
    record_audit(audit_log.EXPORT_QUEUED, actor=cast.bob, workspace=cast.acme, subject="of Bob")
    answer = ada.get("/audit/jsonl/", {"person": "bob@"})
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-')
    assert answer["Cache-Control"] == "no-store"
    assert answer.streaming
    lines = [json.loads(line) for line in content_of(answer).decode().splitlines()]
    assert [line["subject"] for line in lines] == ["of Bob"]
    taken = AuditEntry.objects.get(action="record.taken")
    assert (taken.actor, taken.workspace, taken.data) == (cast.ada, None, {"format": "jsonl"})
    assert taken.as_site_administrator


def test_head_of_a_file_takes_nothing_away(cast: Cast, ada: Client) -> None:
    assert ada.head("/audit/csv/").status_code == 200
    assert not AuditEntry.objects.filter(action="record.taken").exists()


def test_manager_s_file_holds_the_own_workspace_alone(cast: Cast, browse: Browse) -> None:
    record_audit(audit_log.EXPORT_QUEUED, actor=cast.charlie, workspace=cast.globex, subject="of Globex")
    body = content_of(browse(cast.alice).get(here(cast, "csv/"))).decode()
    assert "Globex" not in body
    assert "Acme" in body


def test_deed_of_nobody_is_the_portal_s_or_a_stranger_s(cast: Cast, ada: Client) -> None:
    record_audit(audit_log.WORKSPACE_PAUSED, actor=None, workspace=cast.acme, subject="token_rejected")
    record_audit(audit_log.SIGN_IN_FAILED, actor=None, subject="x@example.com", address="198.51.100.7")
    text = text_of(ada.get("/audit/"))
    assert "the portal Paused the workspace: access token rejected" in text
    assert "somebody unknown Sign-in refused: x@example.com" in text


def test_hostile_texts_stay_texts(cast: Cast, ada: Client) -> None:
    record_audit(
        audit_log.MEMBER_ADDED,
        actor=None,
        subject="<script>alert(1)</script>",
        name="<img src=x onerror=alert(2)>",
    )
    answer = ada.get("/audit/")
    check_page(answer)
    assert "<script>alert" not in answer.content.decode()


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("role", "manager", "Manager"),
        ("resumed", "token_rejected", "access token rejected"),
        ("type", "page", "Pages"),
        ("replaced", True, "yes"),
        ("expires_at", None, "none"),
        ("expires_at", "2026-10-01T00:00:00+00:00", "1 Oct 2026, 00:00 UTC"),
        ("scopes", ["read", "queue"], "read, queue"),
        ("fields", [], "none"),
        ("retention_hours", 2.5, "2.5"),
    ],
)
def test_detail_is_in_words(key: str, value: object, shown: str) -> None:
    with translation.override("en"):
        assert detail(key, value) == shown
    assert key in DETAILS
