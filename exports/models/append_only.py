"""Tables in which the database itself refuses to change or delete a row, on PostgreSQL and SQLite alike.

What is allowed is to cut a reference whose other end is deleted: an UPDATE that does nothing but set it to NULL. The
triggers are made from the columns a table has at that moment. SQLite loses them when a later migration rebuilds the
table: such a migration ends with `guard_tables` again (a test and ``manage.py audit`` look for them).
"""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

# Table -> the references that may become NULL.
GUARDED: dict[str, tuple[str, ...]] = {
    "exports_exportevent": ("actor_id",),
    "exports_auditentry": ("actor_id", "workspace_id"),
}
FUNCTION = "exports_append_only"

POSTGRES_FUNCTION = f"""
CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
  was jsonb;
  becomes jsonb;
  reference text;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    was := to_jsonb(OLD);
    becomes := to_jsonb(NEW);
    FOREACH reference IN ARRAY TG_ARGV LOOP
      IF becomes -> reference = 'null'::jsonb THEN
        was := was - reference;
        becomes := becomes - reference;
      END IF;
    END LOOP;
    IF was = becomes THEN
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'integrity_constraint_violation';
END
$body$
"""


def guard_tables(connection: BaseDatabaseWrapper) -> None:
    """Make the triggers of all guarded tables anew."""
    unguard_tables(connection)
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(POSTGRES_FUNCTION)
        for table in _present(connection, cursor):
            for statement in _statements(connection, cursor, table, GUARDED[table]):
                cursor.execute(statement)


def unguard_tables(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers: for a migration backwards."""
    with connection.cursor() as cursor:
        for table in _present(connection, cursor):
            for name in _names(connection.vendor, table):
                on = f" ON {table}" if connection.vendor == "postgresql" else ""
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")


def unguarded_tables(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the guarded tables that lack a trigger."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Disabled ones ("D") count as missing.
            cursor.execute("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        there = {row[0] for row in cursor.fetchall()}
    return [table for table in GUARDED if not there.issuperset(_names(connection.vendor, table))]


def _present(connection: BaseDatabaseWrapper, cursor: Any) -> list[str]:
    """Return the tables that are there already: an early migration meets a longer list than its own time had."""
    there = set(connection.introspection.table_names(cursor))
    return [table for table in GUARDED if table in there]


def _names(vendor: str, table: str) -> list[str]:
    kinds = ("update", "delete", "truncate") if vendor == "postgresql" else ("update", "delete")
    return [f"{table}_no_{kind}" for kind in kinds]


def _statements(connection: BaseDatabaseWrapper, cursor: Any, table: str, references: tuple[str, ...]) -> list[str]:
    names = _names(connection.vendor, table)
    if connection.vendor == "postgresql":
        arguments = ", ".join(f"'{reference}'" for reference in references)
        update, delete, truncate = names
        return [
            f"CREATE TRIGGER {update} BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION {FUNCTION}({arguments})",
            f"CREATE TRIGGER {delete} BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {FUNCTION}()",
            f"CREATE TRIGGER {truncate} BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}()",
        ]
    columns = [column.name for column in connection.introspection.get_table_description(cursor, table)]
    stays = " AND ".join(
        f'(NEW."{name}" IS NULL OR NEW."{name}" IS OLD."{name}")'
        if name in references
        else f'NEW."{name}" IS OLD."{name}"'
        for name in columns
    )
    update, delete = names
    return [
        f"CREATE TRIGGER {update} BEFORE UPDATE ON {table} WHEN NOT ({stays}) "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: UPDATE refused'); END",
        f"CREATE TRIGGER {delete} BEFORE DELETE ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only: DELETE refused'); END",
    ]
