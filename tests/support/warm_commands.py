"""Management commands in a process that stays up: a checker that runs after every case can't wait for Python to start.

Reads ``audit``, ``reap`` or ``integrity`` per line; answers with one line of JSON, a list of what the command found.
"""

import io
import json
import sys

import django

django.setup()

from django.core.management import CommandError, call_command  # noqa: E402
from django.db import connection  # noqa: E402

from exports.services import expire  # noqa: E402


def run(command: str) -> list[str]:
    """Return the lines of ``manage.py audit``, or the number of files one reaper pass deleted."""
    if command == "integrity":
        return sqlite_faults()
    if command == "reap":
        return [str(expire.reap_files())]
    said = io.StringIO()
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


if __name__ == "__main__":
    for line in sys.stdin:
        try:
            print(json.dumps(run(line.strip())), flush=True)
        finally:
            connection.close()
