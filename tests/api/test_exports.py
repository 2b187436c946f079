"""`/api/v1/exports`: what goes in, what comes out."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from exports.models import DerivedFile, Export, Requester, Status
from exports.services import queue
from tests.support.cast import ApiCaller, Cast, make_export, make_ready_export

pytestmark = pytest.mark.django_db

START, END = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 10, 31, 23, 59, 59, 999000, tzinfo=UTC)

FIELDS = [
    "id", "workspace", "type", "from", "to", "name", "status", "requested_by", "queue_position", "estimated_ready_at",
    "estimate_basis", "waiting_for", "attempts", "rows", "bytes", "bytes_received", "sha256", "created_at",
    "submitted_at", "ready_at", "expires_at", "error", "links",
]  # fmt: skip


def body(cast: Cast, **more: object) -> dict[str, object]:
    return {
        "workspace": str(cast.acme.pk),
        "type": "page",
        "from": "2026-10-01T00:00:00.000Z",
        "to": "2026-10-31T23:59:59.999Z",
    } | more


def test_new_question_is_made_with_every_field_of_the_contract(cast: Cast) -> None:
    answer = ApiCaller(cast.bob).post("exports", body(cast, name="October"))
    assert answer.status_code == 201
    document = answer.json()
    assert list(document) == FIELDS
    export = Export.objects.get()
    assert document["id"] == str(export.pk)
    assert document["workspace"] == str(cast.acme.pk)
    assert (document["from"], document["to"]) == ("2026-10-01T00:00:00.000Z", "2026-10-31T23:59:59.999Z")
    assert document["requested_by"] == "bob@example.com"
    assert (document["status"], document["name"], document["queue_position"]) == ("queued", "October", 1)
    assert document["waiting_for"]["code"] == "no_worker"
    assert document["sha256"] is None
    assert document["error"] is None
    assert document["links"] == {
        "self": f"http://localhost:8000/api/v1/exports/{export.pk}",
        "events": f"http://localhost:8000/api/v1/exports/{export.pk}/events",
        "file": f"http://localhost:8000/api/v1/exports/{export.pk}/file",
        "page": f"http://localhost:8000/exports/{export.pk}/",
    }


def test_equal_question_while_it_runs_is_joined(cast: Cast) -> None:
    first = ApiCaller(cast.bob).post("exports", body(cast))
    second = ApiCaller(cast.alice).post("exports", body(cast))
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]


def test_equal_question_to_a_stored_file_is_answered_by_it_unless_fresh(cast: Cast) -> None:
    ready = make_ready_export(cast.acme, cast.alice, range_from=START, range_to=END)
    reused = ApiCaller(cast.bob).post("exports", body(cast))
    assert (reused.status_code, reused.json()["id"]) == (200, str(ready.pk))
    fresh = ApiCaller(cast.bob).post("exports", body(cast, fresh=True))
    assert fresh.status_code == 201
    assert fresh.json()["id"] != str(ready.pk)


def test_formats_are_made_of_a_file_as_soon_as_it_is_there(cast: Cast) -> None:
    caller = ApiCaller(cast.bob)
    assert caller.post("exports", body(cast, formats=["parquet", "csv"])).status_code == 201
    assert Requester.objects.get().formats == ["csv", "parquet"]
    ready = make_ready_export(cast.acme, cast.alice, data_type="event", range_from=START, range_to=END)
    assert caller.post("exports", body(cast, type="event", formats=["xlsx"])).json()["id"] == str(ready.pk)
    assert DerivedFile.objects.get().variant == "xlsx"


def test_offset_is_turned_into_utc_and_microseconds_are_cut(cast: Cast) -> None:
    answer = ApiCaller(cast.bob).post(
        "exports", body(cast, **{"from": "2026-10-01T09:00:00+09:00", "to": "2026-10-02T00:00:00.1239999Z"})
    )
    assert answer.json()["from"] == "2026-10-01T00:00:00.000Z"
    assert answer.json()["to"] == "2026-10-02T00:00:00.123Z"


@pytest.mark.parametrize(
    "change",
    [
        {"from": "2026-10-01T00:00:00"},
        {"from": "2026-10-01"},
        {"from": "tomorrow"},
        {"from": 1790000000},
        {"from": None},
        {"from": "2026-02-30T00:00:00Z"},
        {"from": "0001-01-01T00:00:00+14:00"},
        {"to": "9999-12-31T23:59:59-14:00"},
        {"from": "2026-11-01T00:00:00Z", "to": "2026-10-01T00:00:00Z"},
        {"type": "pages"},
        {"type": "PAGE"},
        {"type": 7},
        {"type": None},
        {"workspace": "acme"},
        {"workspace": None},
        {"name": "x" * 121},
        {"name": "a\x00b"},
        {"name": "\ud800"},
        {"name": 7},
        {"fresh": "perhaps"},
        {"formats": ["original"]},
        {"formats": "csv"},
    ],
)
def test_malformed_question_is_refused_with_a_sentence(cast: Cast, change: dict[str, object]) -> None:
    answer = ApiCaller(cast.bob).post("exports", body(cast, **change))
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert not Export.objects.exists()


def test_unknown_fields_change_nothing(cast: Cast) -> None:
    answer = ApiCaller(cast.bob).post(
        "exports", body(cast, status="ready", requested_by="ada@example.com", id=str(uuid.uuid4()), sha256="0" * 64)
    )
    assert answer.status_code == 201
    export = Export.objects.get()
    assert (export.status, export.requested_by, export.sha256) == (Status.QUEUED, cast.bob, "")


def test_list_is_the_newest_first_in_pages_without_gap_or_repeat(cast: Cast) -> None:
    now = timezone.now()
    made = [make_export(cast.acme, cast.bob, created_at=now - timedelta(minutes=n // 3)) for n in range(10)]
    caller = ApiCaller(cast.vera)
    seen: list[str] = []
    cursor = ""
    while True:
        answer = caller.get(f"exports?limit=3&cursor={cursor}")
        seen += [item["id"] for item in answer.json()["items"]]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            break
    wanted = sorted(made, key=lambda export: (export.created_at, export.pk), reverse=True)
    assert seen == [str(export.pk) for export in wanted]


def test_list_is_narrowed_by_workspace_status_and_type(cast: Cast) -> None:
    make_export(cast.acme, cast.bob, Status.FAILED)
    wanted = make_export(cast.acme, cast.bob, Status.CANCELLED, data_type="event")
    make_export(cast.acme, cast.bob, Status.CANCELLED)
    make_export(cast.globex, cast.charlie, Status.CANCELLED, data_type="event")
    answer = ApiCaller(cast.ada).get(f"exports?workspace={cast.acme.pk}&status=cancelled&type=event")
    assert [item["id"] for item in answer.json()["items"]] == [str(wanted.pk)]


@pytest.mark.parametrize(
    "query",
    [
        "status=done", "type=pages", "workspace=acme", "limit=0", "limit=-1", "limit=many", "limit=" + "9" * 5000,
        "cursor=nonsense", "cursor=WzEsMV0", "cursor=%00", "cursor=%ff%fe", "status=%00", "cursor=W10",
        "cursor=WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwLCJ4Il0",
    ],
)  # fmt: skip
def test_unknown_filter_value_is_refused(cast: Cast, query: str) -> None:
    answer = ApiCaller(cast.bob).get(f"exports?{query}")
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"


def test_limit_above_the_most_gives_the_most(cast: Cast) -> None:
    make_export(cast.acme, cast.bob)
    assert len(ApiCaller(cast.bob).get("exports?limit=100000").json()["items"]) == 1


def test_list_of_many_costs_as_many_queries_as_of_few(cast: Cast, django_assert_max_num_queries: object) -> None:
    caller = ApiCaller(cast.bob)
    caller.get("exports")
    for status in (Status.QUEUED, Status.WAITING, Status.FAILED, Status.CANCELLED) * 5:
        make_export(cast.acme, cast.bob, status)
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        assert len(caller.get("exports").json()["items"]) == 20


def test_events_tell_the_story_from_the_beginning(cast: Cast) -> None:
    export = queue.queue_export(
        user=cast.bob,
        workspace=cast.acme,
        data_type="page",
        range_from=datetime(2026, 10, 1, tzinfo=UTC),
        range_to=datetime(2026, 10, 2, tzinfo=UTC),
    ).export
    caller = ApiCaller(cast.bob)
    caller.post(f"exports/{export.pk}/cancel")
    document = caller.get(f"exports/{export.pk}/events").json()
    assert [item["code"] for item in document["items"]] == ["queued", "cancelled"]
    assert document["next_cursor"] is None
    first = document["items"][0]
    assert first["actor"] == "bob@example.com"
    assert first["message"]
    assert first["at"].endswith("Z")
    page = caller.get(f"exports/{export.pk}/events?limit=1").json()
    rest = caller.get(f"exports/{export.pk}/events?limit=1&cursor={page['next_cursor']}").json()
    assert [item["code"] for item in rest["items"]] == ["cancelled"]


def test_cancelled_export_is_returned_and_cancelling_twice_is_a_wrong_state(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    caller = ApiCaller(cast.bob)
    answer = caller.post(f"exports/{export.pk}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert caller.post(f"exports/{export.pk}/cancel").status_code == 409


def test_run_again_makes_a_new_export_and_then_joins_it(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    caller = ApiCaller(cast.bob)
    first = caller.post(f"exports/{export.pk}/run-again")
    second = caller.post(f"exports/{export.pk}/run-again")
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"] != str(export.pk)


def test_failed_export_says_what_happened_and_whose_turn_it_is(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, Status.FAILED, error_code="upstream_stuck", attempts=3)
    document = ApiCaller(cast.vera).get(f"exports/{export.pk}").json()
    assert set(document["error"]) == {"code", "message", "next_action", "whose_turn"}
    assert document["error"]["code"] == "upstream_stuck"
    assert document["waiting_for"] is None
