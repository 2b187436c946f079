"""How the tests that commit leave an empty database behind.

Django truncates every table and then makes content types and permissions anew, and this portal's triggers would have to
be dropped and made on the way: a tenth of a second each time. Here the rows that are there are deleted, and those that
the migrations' end makes stay.
"""

from functools import cache

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from exports.models.append_only import GUARDED, guard_tables, unguarded_tables

# What Django writes into every database after its migrations; no test changes them.
KEPT = {"django_content_type", "auth_permission"}


def empty_tables(connection: BaseDatabaseWrapper) -> None:
    """Delete all rows that tests made, and have the append-only tables guarded again."""
    with transaction.atomic(using=connection.alias):
        if connection.vendor == "postgresql":
            _on_postgres(connection)
        else:
            _on_sqlite(connection)
    if unguarded_tables(connection):
        guard_tables(connection)


def _on_postgres(connection: BaseDatabaseWrapper) -> None:
    """Send everything at once; references are looked at before the triggers are back, which wait for nothing then."""
    with connection.cursor() as cursor:
        cursor.execute(
            ";".join(
                [
                    *(f'ALTER TABLE "{table}" DISABLE TRIGGER USER' for table in GUARDED),
                    *(f'DELETE FROM "{table}"' for table in _tables(connection.alias)),
                    "SET CONSTRAINTS ALL IMMEDIATE",
                    *(f'ALTER TABLE "{table}" ENABLE TRIGGER USER' for table in GUARDED),
                ]
            )
        )


def _on_sqlite(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers of a table away while its rows go: SQLite can't disable them."""
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM \"{table}\")" for table in _tables(connection.alias)
            )
        )
        for (table,) in cursor.fetchall():
            triggers = []
            if table in GUARDED:
                cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
                triggers = cursor.fetchall()
            for name, _statement in triggers:
                cursor.execute(f'DROP TRIGGER "{name}"')
            cursor.execute(f'DELETE FROM "{table}"')
            for _name, statement in triggers:
                cursor.execute(statement)


@cache
def _tables(alias: str) -> list[str]:
    return sorted(set(connections[alias].introspection.django_table_names()) - KEPT)
