"""Copies the names of workspaces into the audit, then has the database refuse to change or delete its rows."""

from django.db import migrations
from django.db.models import OuterRef, Subquery

from exports.models.append_only import guard_tables, unguard_tables


def copy_names(apps, schema_editor):
    entries = apps.get_model("exports", "AuditEntry").objects.using(schema_editor.connection.alias)
    workspaces = apps.get_model("exports", "Workspace").objects.filter(pk=OuterRef("workspace"))
    entries.filter(workspace__isnull=False).update(workspace_name=Subquery(workspaces.values("name")[:1]))


def guard(apps, schema_editor):
    guard_tables(schema_editor.connection)


def unguard(apps, schema_editor):
    unguard_tables(schema_editor.connection)


class Migration(migrations.Migration):

    dependencies = [
        ("exports", "0002_append_only_records"),
    ]

    operations = [
        migrations.RunPython(copy_names, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(guard, unguard),
    ]
