"""Tests that commit leave nothing behind, and the append-only tables as they found them."""

import pytest
from django.apps import apps
from django.db import connection

from exports.models.append_only import unguard_tables, unguarded_tables
from tests.support.cast import make_cast, make_export
from tests.support.emptying import KEPT, empty_tables

pytestmark = pytest.mark.django_db(transaction=True)


def filled() -> list[str]:
    models = apps.get_models(include_auto_created=True)
    return sorted(model._meta.db_table for model in models if model._default_manager.exists())


def test_nothing_but_what_migrations_end_with_is_left() -> None:
    cast = make_cast()
    make_export(cast.acme, cast.bob)
    assert {"exports_auditentry", "exports_export", "exports_user"} <= set(filled())
    empty_tables(connection)
    assert filled() == sorted(KEPT)
    assert unguarded_tables(connection) == []


def test_triggers_a_test_dropped_are_there_again() -> None:
    unguard_tables(connection)
    empty_tables(connection)
    assert unguarded_tables(connection) == []
