"""Queries that every look asks: Django makes the SQL of each once, not at each look.

Making it took a third of a list's time, twice what the databases took to answer.
"""

from collections.abc import Callable
from copy import copy
from functools import cached_property
from typing import Any, Generic, TypeVar, cast

from django.core.exceptions import EmptyResultSet
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Expression, Field, QuerySet, UUIDField, Value
from django.db.models.sql import Query
from django.db.models.sql.compiler import SQLCompiler

from exports.models import User

R = TypeVar("R")


class Slot(Expression):
    """A place in a compiled query for what is given each time: a value, or a queryset whose rows are meant."""

    def __init__(self, name: str, output_field: "Field[Any, Any]") -> None:
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, Any]:
        # In parentheses: Django would put them round it, and then round those of a queryset, of which SQLite reads but
        # the first row.
        return "(%s)", [self]


class _AnyPerson(Slot):
    is_active = True

    def __init__(self, *, sees_all: bool) -> None:
        super().__init__("person", UUIDField())
        self.is_superuser = sees_all


def any_person(*, sees_all: bool) -> User:
    """Return the slot ``person`` in the shape in which `visible_to` takes people: one who is active.

    Args:
        sees_all: like a site administrator; otherwise like somebody who sees what memberships show.
    """
    return cast("User", _AnyPerson(sees_all=sees_all))


class CompiledQuery(Generic[R]):
    """A query whose SQL is made once; asking it takes the values of its slots alone.

    Args:
        make: returns the query. It is called once: whatever differs from look to look must come by a `Slot`.
        always_asked: also when a queryset in a slot can't find anything: aggregates have a row of nothing, too.
    """

    def __init__(self, make: Callable[[], QuerySet[Any, R]], *, always_asked: bool = False) -> None:
        self._make = make
        self._elides = not always_asked

    def ask(self, **values: Any) -> list[R]:
        """Return the rows.

        Args:
            values: of each slot by its name; a queryset, for its rows, of one column.

        Raises:
            KeyError: a slot was given nothing.
        """
        rows, compiler, pieces, made_of = self._made
        try:
            given = [_filled(param, values, elides=self._elides) for param in made_of]
        except EmptyResultSet:  # a queryset that can't find anything
            return []
        sql = pieces[0] + "".join(text + piece for (text, _), piece in zip(given, pieces[1:], strict=True))
        asked = rows.all()
        _Made.turn(asked.query, compiler, sql, tuple(param for _, params in given for param in params))
        return list(asked)

    @cached_property
    def _made(self) -> tuple[QuerySet[Any, R], SQLCompiler, list[str], tuple[Any, ...]]:
        rows = self._make()
        compiler = rows.query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        pieces = sql.split("%s")
        return rows, compiler, pieces, tuple(params)


class _Made(Query):
    """A query that brings its SQL with it."""

    compiler_made: SQLCompiler

    @classmethod
    def turn(cls, query: Query, compiler: SQLCompiler, sql: str, params: tuple[Any, ...]) -> None:
        """Turn a query into one of these, as `Query.chain` does."""
        own = copy(compiler)  # it knows the columns; the connection is each thread's own
        own.connection = connections[DEFAULT_DB_ALIAS]
        own.as_sql = lambda *_args, **_options: (sql, params)  # type: ignore[method-assign]
        query.__class__ = cls
        cast("_Made", query).compiler_made = own

    def get_compiler(self, *_args: Any, **_options: Any) -> SQLCompiler:
        return self.compiler_made


def aggregated(rows: QuerySet[Any], **numbers: Any) -> QuerySet[Any, tuple[Any, ...]]:
    """Return the one row of some aggregates as a queryset, which `aggregate` would ask at once."""
    of_all = rows.order_by().annotate(of_all=Value(1)).values("of_all").annotate(**numbers)
    return of_all.values_list(*numbers)


def _filled(param: Any, values: dict[str, Any], *, elides: bool) -> tuple[str, tuple[Any, ...]]:
    """Return the SQL and the parameters in place of one parameter of the query as it was made."""
    if not isinstance(param, Slot):
        return "%s", (param,)
    value = values[param.name]
    if isinstance(value, QuerySet):
        sql, params = value.query.get_compiler(DEFAULT_DB_ALIAS, elide_empty=elides).as_sql()
        return sql, tuple(params)
    return "%s", (param.output_field.get_db_prep_value(value, connections[DEFAULT_DB_ALIAS]),)
