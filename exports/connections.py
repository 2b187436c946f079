"""What each connection to a database is told first."""

from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver


@receiver(connection_created)
def ask_alone(connection: BaseDatabaseWrapper, **_others: Any) -> None:
    """Have PostgreSQL answer each question with one process.

    All our questions are answered from an index; where it guesses wrong, starting two helpers takes 6 ms longer than
    the answer (a search for a text at a million exports: 14 ms, with helpers 30). Said here, not among the connection's
    options, which poolers such as PgBouncer refuse.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET max_parallel_workers_per_gather = 0")
