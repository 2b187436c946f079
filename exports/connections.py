"""What each connection to a database is told first."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver


@receiver(connection_created)
def ask_alone(connection: BaseDatabaseWrapper, **_others: Any) -> None:
    """Have PostgreSQL answer each question with one process.

    Our questions are answered from indexes; where it expects more work than there is, starting two helpers takes longer
    than the answer (a page of the search at a million exports: 44 ms, with helpers 58). Said here, not among the
    connection's options, which poolers such as PgBouncer refuse.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")


@receiver(connection_created)
def read_moments_fast(connection: BaseDatabaseWrapper, **_others: Any) -> None:
    """Have Python's own parser read the date-times of PostgreSQL.

    Those of a page of thirty exports are some three hundred; by the regular expression of Django and psycopg they took
    a tenth of its time.
    """
    if connection.vendor == "postgresql" and connection.timezone == UTC:
        connection.connection.adapters.register_loader("timestamptz", _moment_loader())


@cache
def _moment_loader() -> Any:
    from django.db.backends.postgresql.psycopg_any import BaseTzLoader  # noqa: PLC0415  # for PostgreSQL alone

    class MomentLoader(BaseTzLoader):
        timezone = UTC  # Django puts a loader of its own in place of one for another zone

        def load(self, data: Any) -> datetime:
            try:
                return datetime.fromisoformat(str(data, "ascii"))
            except ValueError:  # infinite, or before our era: for psycopg to say so
                return super().load(data)

    return MomentLoader
