"""Management commands in a process that stays up: a checker that runs after every case can't wait for Python to start.

Reads ``audit``, ``reap``, ``integrity``, ``ready``, ``person [E-MAIL, PASSWORD, NAME, {WORKSPACE: ROLE}]`` or ``manage
[[COMMAND, …], ENVIRONMENT]`` per line; answers with one line of JSON, a list of what the command found, made or said.
"""

import io
import json
import os
import sys

import django

django.setup()

from django.core.management import CommandError, call_command  # noqa: E402
from django.db import connection  # noqa: E402

from exports.models import Export, Role, Status, User, Workspace  # noqa: E402
from exports.services import expire  # noqa: E402
from exports.services.members import add_member  # noqa: E402


def run(command: str) -> list[str]:
    """Return the lines of ``manage.py audit``, the number of files one reaper pass deleted, keys of ready exports, …"""
    if command == "integrity":
        return sqlite_faults()
    if command == "ready":
        return [str(key) for key in Export.objects.filter(status=Status.READY).values_list("pk", flat=True)]
    if command == "reap":
        return [str(expire.reap_files())]
    if command.startswith("person "):
        return [make_person(*json.loads(command.removeprefix("person ")))]
    said = io.StringIO()
    if command.startswith("manage "):
        arguments, environment = json.loads(command.removeprefix("manage "))
        os.environ.update(environment)
        call_command(*arguments, stdout=said)
        return said.getvalue().splitlines()
    try:
        call_command("audit", stdout=said, stderr=io.StringIO())
    except CommandError as error:
        return [*said.getvalue().splitlines(), str(error)]
    return []


def sqlite_faults() -> list[str]:
    """Return what SQLite finds wrong with its file; nothing for another database."""
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        return [line for (line,) in cursor.fetchall() if line != "ok"]


def make_person(email: str, password: str, name: str, roles: dict[str, str]) -> str:
    """Make a person who may sign in, a member of these workspaces; return the id."""
    person = User.objects.create_user(email, password, name=name)
    for key, role in roles.items():
        add_member(actor=None, workspace=Workspace.objects.get(pk=key), user=person, role=Role(role))
    return str(person.pk)


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            print(json.dumps(run(line.strip())), flush=True)
        finally:
            connection.close()
