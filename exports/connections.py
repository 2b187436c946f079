"""What each connection to a database is told first."""

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
