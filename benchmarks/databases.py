"""A SQLite file and a PostgreSQL server for a benchmark, each measured in a process of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.support.postgres_server import PostgresUnavailable, fresh_database, postgres_address

NAMES = ("sqlite", "postgres")


@contextmanager
def database_url(name: str) -> Iterator[str]:
    """Yield the address of an empty database that goes afterwards.

    Raises:
        PostgresUnavailable: there is no PostgreSQL on this machine.
    """
    if name == "sqlite":
        with tempfile.TemporaryDirectory(prefix="lac-benchmark-") as folder:
            yield f"sqlite:///{folder}/benchmark.sqlite3"
    else:
        with postgres_address() as address, fresh_database(address) as url:
            yield url


def run_on_each(module: str, arguments: Sequence[str], names: Sequence[str] = NAMES) -> None:
    """Run ``python -m module --on NAME`` once for each database; its settings are read once per process."""
    for name in names:
        try:
            with database_url(name) as url:
                environment = os.environ | {"DATABASE_URL": url, "REDIS_URL": "redis://127.0.0.1:1/0"}
                subprocess.run([sys.executable, "-m", module, "--on", name, *arguments], env=environment, check=True)
        except PostgresUnavailable as problem:
            print(f"{name}: not measured. {problem}")
