"""Queries whose SQL is made once: everybody gets their own rows all the same."""

from typing import Any

import pytest
from django.db import connection
from django.db.models import CharField, Count, QuerySet, UUIDField
from django.test.utils import CaptureQueriesContext

from exports.models import Export, Membership, User
from exports.services.compiled import CompiledQuery, Slot, aggregated, any_person
from exports.services.former import with_belonging
from tests.engine.world import Worker
from tests.support.cast import Cast, make_cast, make_export, make_ready_export

pytestmark = pytest.mark.django_db

ROUNDS = 40


def visible(*, sees_all: bool = False) -> QuerySet[Export]:
    return Export.objects.visible_to(any_person(sees_all=sees_all))


def test_everybody_gets_their_own_from_the_same_query(cast: Cast) -> None:
    ours, theirs = make_export(cast.acme, cast.bob), make_export(cast.globex, cast.charlie)
    query = CompiledQuery(visible)
    for _again in range(2):
        assert query.ask(person=cast.bob.pk) == [ours]
        assert query.ask(person=cast.charlie.pk) == [theirs]
    assert set(CompiledQuery(lambda: visible(sees_all=True)).ask()) == {ours, theirs}


def test_query_is_made_once_and_asked_each_time(cast: Cast) -> None:
    made = []

    def make() -> QuerySet[Export]:
        made.append(True)
        return visible()

    query = CompiledQuery(make)
    with CaptureQueriesContext(connection) as queries:
        assert query.ask(person=cast.bob.pk) == []
        export = make_export(cast.acme, cast.bob)
        assert query.ask(person=cast.bob.pk) == [export]
    assert len(made) == 1
    assert len([one for one in queries if one["sql"].startswith("SELECT") and "membership" in one["sql"]]) == 2


def test_query_brings_related_rows_and_annotations_like_any_other(cast: Cast) -> None:
    make_ready_export(cast.acme, cast.bob)

    def make() -> QuerySet[Export]:
        return with_belonging(visible().select_related("workspace__host", "requested_by"))

    [plain] = with_belonging(Export.objects.select_related("workspace__host", "requested_by"))
    [export] = CompiledQuery(make).ask(person=cast.bob.pk)
    with CaptureQueriesContext(connection) as queries:
        for brought, expected in (
            (export, plain),
            (export.workspace, plain.workspace),
            (export.workspace.host, plain.workspace.host),
            (export.requested_by, plain.requested_by),
        ):
            names = [field.attname for field in expected._meta.concrete_fields]
            assert [getattr(brought, name) for name in names] == [getattr(expected, name) for name in names]
        assert export.requester_belongs is True  # type: ignore[attr-defined]
    assert len(queries) == 0


def test_rows_of_a_query_fill_a_slot(cast: Cast) -> None:
    ours, theirs = make_export(cast.acme, cast.bob), make_export(cast.globex, cast.charlie)
    query = CompiledQuery(
        lambda: Export.objects.filter(workspace__in=Slot("places", Export._meta.get_field("workspace")))
    )
    seats = Membership.objects.order_by().values("workspace")
    assert query.ask(places=seats.filter(user=cast.bob)) == [ours]
    assert query.ask(places=seats.filter(user=cast.charlie)) == [theirs]
    assert query.ask(places=seats.none()) == []
    assert set(query.ask(places=seats)) == {ours, theirs}  # all rows, not the first


def test_numbers_are_asked_for_also_where_a_slot_finds_nothing(cast: Cast) -> None:
    make_export(cast.acme, cast.bob)

    def make() -> QuerySet[Any, tuple[Any, ...]]:
        return aggregated(Export.objects.filter(workspace__in=Slot("places", UUIDField())), count=Count("pk"))

    none = Membership.objects.order_by().values("workspace").none()
    assert CompiledQuery(make, always_asked=True).ask(places=none) == [(0,)]


def test_slot_that_is_given_nothing_is_an_error(cast: Cast) -> None:
    with pytest.raises(KeyError, match="person"):
        CompiledQuery(visible).ask(persons=cast.bob.pk)


@pytest.mark.parametrize("text", ["50 % off", "%s", "%%s", "'; --"])
def test_values_are_no_sql(cast: Cast, text: str) -> None:
    export = make_export(cast.acme, cast.bob, name=text)
    make_export(cast.acme, cast.bob, name="another")
    query = CompiledQuery(lambda: Export.objects.filter(name=Slot("name", CharField())))
    assert query.ask(name=text) == [export]
    fixed = CompiledQuery(lambda: visible().filter(name=text))
    assert fixed.ask(person=cast.bob.pk) == [export]


def test_numbers_over_all_rows_are_one_row_even_of_none(cast: Cast) -> None:
    query = CompiledQuery(lambda: aggregated(visible(), count=Count("pk")))
    assert query.ask(person=cast.bob.pk) == [(0,)]
    make_export(cast.acme, cast.bob)
    assert query.ask(person=cast.bob.pk) == [(1,)]


@pytest.mark.django_db(transaction=True)
def test_threads_that_ask_at_once_get_their_own() -> None:
    cast = make_cast()
    people = [cast.bob, cast.charlie]
    owns = [make_export(cast.acme, cast.bob), make_export(cast.globex, cast.charlie)]
    query: CompiledQuery[Any] = CompiledQuery(visible)
    got: dict[User, list[list[Export]]] = {person: [] for person in people}

    def ask(person: User) -> None:
        for _ in range(ROUNDS):
            got[person].append(query.ask(person=person.pk))

    workers = [Worker(lambda person=person: ask(person)) for person in people]  # type: ignore[misc]
    for worker in workers:
        worker.join()
    assert got == {person: [[own]] * ROUNDS for person, own in zip(people, owns, strict=True)}
