"""Lists of exports, and the pages they come in."""

import base64
import json
import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports.models import AuditEntry, DataType, Export, Status, User
from exports.services.listing import (
    REACH,
    Filters,
    Order,
    exports_for,
    list_exports,
    parse_filters,
    people_seen_by,
)
from exports.services.mentions import FEW
from exports.services.paging import keyset_page
from exports.services.refusals import Refused
from exports.services.spread import MANY
from tests.support.cast import Cast, make_export, make_person, make_ready_export, make_workspace

pytestmark = pytest.mark.django_db

SOME_KEY = "0b7a1c1e-5b1d-4c1e-9f3a-2f6f0a9d7e11"


def listed(user: User, **filters: Any) -> set[Export]:
    return set(list_exports(user=user, filters=Filters(**filters), limit=200).items)


def values_of(export: Export) -> dict[str, Any]:
    """Return all values of a row but its key."""
    fields = [field.attname for field in Export._meta.concrete_fields if not field.primary_key]
    return {name: getattr(export, name) for name in fields}


def apart(export: Export, minutes: int) -> dict[str, Any]:
    """Return a range and a time that only this copy has."""
    by = timedelta(minutes=minutes)
    return {
        "range_from": export.range_from - by,
        "range_to": export.range_to - by,
        "created_at": export.created_at - by,
    }


def test_people_see_the_exports_of_their_workspaces_and_administrators_all(cast: Cast) -> None:
    here, there = make_export(cast.acme, cast.bob), make_export(cast.globex, cast.charlie)
    assert listed(cast.vera) == {here}
    assert listed(cast.charlie) == {there}
    assert listed(cast.ada) == {here, there}
    cast.ada.is_active = False
    assert listed(cast.ada) == set()


def test_each_filter_narrows(cast: Cast) -> None:
    page = make_export(cast.acme, cast.bob, Status.CANCELLED, name="October pages")
    event = make_export(cast.acme, cast.alice, Status.WAITING, data_type=DataType.EVENT)
    make_export(cast.globex, cast.charlie)
    assert listed(cast.ada, workspace=cast.acme.pk) == {page, event}
    assert listed(cast.ada, statuses=(Status.WAITING,)) == {event}
    assert listed(cast.bob, statuses=(Status.WAITING, Status.CANCELLED)) == {page, event}
    assert listed(cast.ada, data_type=DataType.EVENT) == {event}
    assert listed(cast.ada, person=cast.bob.pk) == {page}


def test_days_narrow_to_what_was_queued_then(cast: Cast) -> None:
    moment = datetime(2026, 10, 1, tzinfo=UTC)
    before = make_export(cast.acme, cast.bob, created_at=moment - timedelta(microseconds=1))
    after = make_export(cast.acme, cast.bob, created_at=moment)
    assert listed(cast.bob, since=moment) == {after}
    assert listed(cast.bob, until=moment) == {before}


def test_files_that_end_first_come_first_in_pages(cast: Cast) -> None:
    now = timezone.now()
    files = [
        make_ready_export(cast.acme, cast.bob, expires_at=now + timedelta(hours=hours)) for hours in (5, 1, 3, 1, 4)
    ]
    make_export(cast.acme, cast.bob, Status.FAILED)
    filters, seen, cursor = Filters(order=Order.ENDING), [], None
    while True:
        page = list_exports(user=cast.vera, filters=filters, cursor=cursor, limit=2)
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(files, key=lambda file: (file.expires_at, file.pk))


def test_people_are_those_of_the_workspaces_one_sees(cast: Cast) -> None:
    assert list(people_seen_by(cast.vera)) == [cast.alice, cast.bob]
    assert list(people_seen_by(cast.charlie)) == []
    assert list(people_seen_by(cast.ada)) == [cast.alice, cast.bob, cast.charlie, cast.vera]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("october", {"page"}),
        ("BOB@", {"page"}),
        ("Alice", {"event"}),
        ("acme", {"page", "event"}),
        ("100%", set()),
        ("_", set()),
        ("'; DROP TABLE", set()),
    ],
)
def test_text_is_looked_for_in_names_and_people(cast: Cast, text: str, found: set[str]) -> None:
    made = {
        "page": make_export(cast.acme, cast.bob, name="October pages"),
        "event": make_export(cast.acme, cast.alice, data_type=DataType.EVENT),
        "foreign": make_export(cast.globex, cast.charlie),
    }
    assert listed(cast.ada, text=text) == {made[name] for name in found}


@pytest.mark.parametrize("others", [0, FEW + 1], ids=["few names", "many names"])
@pytest.mark.parametrize(("number", "shared"), [(3, 1), (FEW + 1, 1), (FEW + 1, FEW + 1)])
def test_name_that_few_or_many_have_finds_them_where_one_may_look(
    cast: Cast, number: int, shared: int, others: int
) -> None:
    first = make_export(cast.acme, cast.bob, name="zzz 0")
    names = [f"zzz {count // shared}" for count in range(1, number)] + [f"other {count}" for count in range(others)]
    copies = [Export(**{**values_of(first), "name": name, **apart(first, at)}) for at, name in enumerate(names, 1)]
    Export.objects.bulk_create(copies)
    foreign = make_export(cast.globex, cast.charlie, name="zzz of Globex")
    mine = list_exports(user=cast.bob, filters=Filters(text="ZZZ"), limit=200)
    assert len(mine.items) == min(number, 200)
    assert {export.workspace_id for export in mine.items} == {cast.acme.pk}
    assert {export.name[:4] for export in mine.items} == {"zzz "}
    assert listed(cast.charlie, text="zzz") == {foreign}
    assert listed(cast.bob, text="zz_ 0") == set()
    assert listed(cast.ada, text="of globex") == {foreign}


@pytest.mark.parametrize(
    ("others", "most", "index"),
    [(1, 1, "export_name"), (FEW + 1, 2, "export_named")],
    ids=["few names", "many names"],
)
def test_text_that_nobody_has_is_looked_for_in_the_small_indexes_of_names(
    cast: Cast, others: int, most: int, index: str
) -> None:
    first = make_export(cast.acme, cast.bob)
    copies = [{**values_of(first), "name": f"other {at}", **apart(first, at)} for at in range(1, others + 1)]
    Export.objects.bulk_create(Export(**values) for values in copies)
    with CaptureQueriesContext(connection) as queries:
        assert listed(cast.bob, text="zzz") == set()
    of_names = re.compile("(?=.*name).*FROM .?exports_export", re.DOTALL)
    asked = [query["sql"] for query in queries if of_names.match(query["sql"])]
    assert len(asked) == most
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A table of a few rows needs no index, or is soon sorted after any other.
            cursor.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
        cursor.execute(("EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN ") + asked[-1])
        assert index in re.findall(r"\w+", str(cursor.fetchall()))


def test_text_of_several_workspaces_or_people_finds_the_exports_of_all_of_them(cast: Cast) -> None:
    cast.globex.memberships.create(user=cast.bob, role="viewer")
    here = [make_export(cast.acme, person) for person in (cast.alice, cast.bob)]
    there = make_export(cast.globex, cast.charlie)
    for user in (cast.bob, cast.ada):
        assert listed(user, text="globex") == {there}
        assert listed(user, text="e") == {*here, there}  # both names
        assert listed(user, text="@example") == {*here, there}  # everybody's address
        assert listed(user, text="charlie") == {there}
    cast.bob.is_active = False
    assert listed(cast.bob, text="e") == set()


def test_whole_id_finds_its_export(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    make_export(cast.acme, cast.bob)
    assert listed(cast.bob, text=str(export.pk)) == {export}
    assert listed(cast.charlie, text=str(export.pk)) == set()


@pytest.mark.parametrize(("who", "most"), [("ada", 1), ("vera", 3), ("bob", 3)])
def test_page_of_many_takes_few_queries(cast: Cast, who: str, most: int) -> None:
    cast.globex.memberships.create(user=cast.bob, role="viewer")
    now = timezone.now()
    for number in range(30):
        make_export(cast.acme, cast.bob, created_at=now - timedelta(minutes=number))
    user = getattr(cast, who)
    cursor = list_exports(user=user, filters=Filters(), limit=10).next_cursor
    with CaptureQueriesContext(connection) as queries:
        page = list_exports(user=user, filters=Filters(), cursor=cursor, limit=10)
        for export in page.items:
            assert export.workspace.host.origin
            assert export.requested_by.email
    assert len(page.items) == 10
    assert len(queries) == most


@pytest.mark.parametrize("share", [1, 40])
def test_who_sees_many_workspaces_finds_all_of_a_long_table_in_order(cast: Cast, share: int) -> None:
    places = [make_workspace(f"Number {number}", viewer=cast.vera) for number in range(MANY + 2)]
    first = make_export(cast.globex, cast.charlie, Status.CANCELLED, name="A report")
    count = 2 * REACH + 300
    made = []
    for number in range(1, count):
        changed = {
            "workspace_id": (places[number % len(places)] if number % share == 0 else cast.globex).pk,
            "requested_by_id": (cast.alice if number % 7 == 0 else cast.charlie).pk,
            "data_type": DataType.EVENT if number % 3 == 0 else DataType.PAGE,
            "status": Status.EXPIRED if number % 5 == 0 else Status.CANCELLED,
            "name": "A rare report" if number > count - FEW - 200 else "A report",  # many, none of them new
        }
        made.append(Export(**{**values_of(first), **changed, **apart(first, number)}))
    Export.objects.bulk_create(made)
    seen = [export for export in made if export.workspace_id != cast.globex.pk]
    # One table for all of them: to write it takes longer than to read it.
    narrowings: list[dict[str, Any]] = [{}, {"text": "report"}, {"text": "rare"}]
    person, data_type, statuses = (
        {"person": cast.alice.pk},
        {"data_type": DataType.EVENT},
        {"statuses": (Status.EXPIRED,)},
    )
    narrowings += [person, data_type, statuses, person | data_type, data_type | statuses, person | data_type | statuses]
    narrowings += [{"statuses": (Status.EXPIRED, Status.CANCELLED)}, data_type | {"text": "report"}]
    narrowings += [data_type | {"text": "rare"}]
    for chosen in narrowings:
        newest_first = [
            export.pk
            for export in seen
            if chosen.get("person") in (None, export.requested_by_id)
            and chosen.get("data_type") in (None, export.data_type)
            and export.status in chosen.get("statuses", [export.status])
            and chosen.get("text", "") in export.name
        ]
        assert len(newest_first) > 0
        for sees_many in (False, True):
            assert all_pages(cast.vera, Filters(order=Order.NEWEST, **chosen), sees_many) == newest_first
        assert all_pages(cast.vera, Filters(order=Order.OLDEST, **chosen)) == newest_first[::-1]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's statistics")
def test_page_is_looked_for_once_where_a_long_table_was_an_empty_one_lately(cast: Cast) -> None:
    first = make_export(cast.acme, cast.bob)
    copies = [{**values_of(first), **apart(first, number)} for number in range(1, 300)]
    Export.objects.bulk_create(Export(**values) for values in copies)
    Export.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    Export.objects.bulk_create(Export(**values) for values in copies)
    with CaptureQueriesContext(connection) as queries:
        assert len(list_exports(user=cast.vera, filters=Filters(), sees_many=True).items) == 50
    (asked,) = [query["sql"] for query in queries if "exports_upstreamhost" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}")
        nodes = parts_of(cursor.fetchone()[0][0]["Plan"])
    times = [node["Actual Loops"] for node in nodes if node["Node Type"] == "Limit"]
    assert times
    assert set(times) == {1}


def parts_of(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(part for child in plan.get("Plans", ()) for part in parts_of(child))]


def all_pages(user: User, filters: Filters, sees_many: bool = False) -> list[uuid.UUID]:
    found, cursor = [], None
    while True:
        page = list_exports(user=user, filters=filters, cursor=cursor, limit=150, sees_many=sees_many)
        found += [export.pk for export in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ages=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.booleans()), max_size=25),
    limit=st.integers(1, 7),
    only_waiting=st.booleans(),
    order=st.sampled_from([Order.NEWEST, Order.OLDEST]),
)
def test_pages_over_several_workspaces_hold_each_export_once_in_order(
    cast: Cast, ages: list[tuple[int, int, bool]], limit: int, only_waiting: bool, order: Order
) -> None:
    places = [cast.acme, cast.globex, make_workspace(f"Initech {uuid.uuid4()}")]
    person = make_person(uuid.uuid4().hex)
    for place in places[:2]:
        place.memberships.create(user=person, role="viewer")
    now = timezone.now()
    Export.objects.all().delete()
    made = [
        make_export(
            places[place],
            cast.bob,
            Status.WAITING if waits else Status.CANCELLED,
            created_at=now - timedelta(minutes=age),
        )
        for place, age, waits in ages
    ]
    wanted = [
        export
        for export in sorted(made, key=lambda export: (export.created_at, export.pk), reverse=order is Order.NEWEST)
        if export.workspace_id != places[2].pk and (export.status == Status.WAITING or not only_waiting)
    ]
    filters = Filters(statuses=(Status.WAITING,) if only_waiting else (), order=order)
    seen: list[Export] = []
    cursor: str | None = None
    while True:
        page = list_exports(user=person, filters=filters, cursor=cursor, limit=limit)
        assert len(page.items) == limit or page.next_cursor is None
        seen += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == wanted


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 3, 7, 200])
def test_pages_put_together_are_the_list_however_equal_the_times(cast: Cast, limit: int, newest_first: bool) -> None:
    now = timezone.now()
    for number in range(10):
        AuditEntry.objects.create(action="test", subject=str(number), at=now)
    rows = AuditEntry.objects.filter(action="test")
    seen: list[int] = []
    cursor: str | None = None
    while True:
        page = keyset_page(rows, time_field="at", cursor=cursor, limit=limit, newest_first=newest_first)
        seen += [row.pk for row in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert seen == sorted(rows.values_list("pk", flat=True), reverse=newest_first)


def test_row_added_meanwhile_shifts_nothing(cast: Cast) -> None:
    now = timezone.now()
    made = [make_export(cast.acme, cast.bob, created_at=now - timedelta(minutes=n)) for n in range(4)]
    first = list_exports(user=cast.bob, filters=Filters(), limit=2)
    make_export(cast.acme, cast.bob, created_at=now + timedelta(minutes=1))
    rest = list_exports(user=cast.bob, filters=Filters(), cursor=first.next_cursor, limit=2)
    assert [*first.items, *rest.items] == made


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "é", "====", encoded([]), encoded({}), encoded(1), encoded([1]), encoded([1, 2]), encoded(["1", "2"]),
        encoded([1, "no-uuid"]), encoded([True, SOME_KEY]), encoded([10**30, SOME_KEY]),
        encoded([-(10**30), SOME_KEY]), encoded([1.5, SOME_KEY]), encoded("[" * 3000),
    ],
)  # fmt: skip
def test_cursor_that_is_none_of_ours_is_refused(cast: Cast, cursor: str) -> None:
    with pytest.raises(Refused, match="cursor_invalid"):
        list_exports(user=cast.bob, filters=Filters(), cursor=cursor)


def test_cursor_with_a_number_no_key_can_be_is_refused(db: None) -> None:
    for key in ("9" * 30, "x", "1.5", ""):
        with pytest.raises(Refused, match="cursor_invalid"):
            keyset_page(AuditEntry.objects.all(), time_field="at", cursor=encoded([1, key]), limit=1)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cursor=st.text() | st.binary().map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_any_cursor_is_a_page_or_refused(db: None, cursor: str) -> None:
    try:
        page = keyset_page(Export.objects.all(), time_field="created_at", cursor=cursor, limit=1)
    except Refused:
        return
    assert page.items == []


@pytest.mark.parametrize("limit", [0, -1, 201])
def test_limit_out_of_range_is_refused(cast: Cast, limit: int) -> None:
    with pytest.raises(Refused, match="limit_out_of_range"):
        list_exports(user=cast.bob, filters=Filters(), limit=limit)


def test_filters_are_read_from_words(cast: Cast) -> None:
    key = uuid.uuid4()
    assert parse_filters() == Filters()
    assert parse_filters(
        workspace=str(key), status="ready,failed", data_type="page", person=str(key), text=" x "
    ) == Filters(key, (Status.READY, Status.FAILED), DataType.PAGE, key, "x")
    assert len(parse_filters(status="active").statuses) == 4


@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        ("workspace", "acme", "workspace"),
        ("status", "done", "status"),
        ("status", "ready,", "status"),
        ("data_type", "pages", "type"),
        ("person", "bob", "person"),
        ("text", "a\x00b", "text"),
        ("text", "x" * 201, "text"),
    ],
)
def test_unknown_word_is_refused_and_names_its_filter(name: str, value: str, field: str) -> None:
    with pytest.raises(Refused) as refused:
        parse_filters(**{name: value})
    assert refused.value.field == field


def test_list_narrowed_to_some_workspaces_holds_no_others(cast: Cast) -> None:
    make_export(cast.acme, cast.bob)
    there = make_export(cast.globex, cast.charlie)
    within = type(cast.globex).objects.filter(pk=cast.globex.pk)
    assert set(exports_for(cast.ada, within=within)) == {there}
    assert there.created_at < datetime.now(UTC)
