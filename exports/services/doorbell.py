"""Wakes a worker. Losing a ring loses nothing: the row is the queue, and the tick rings again."""

import logging
import threading
import time

from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu import Connection
from kombu.exceptions import OperationalError as BrokerError

logger = logging.getLogger(__name__)

ADVANCE = "exports.advance"
MAKE_FORMAT = "exports.make_format"
BROKER_SECONDS = 1.0
QUIET_SECONDS = 2.0  # after a failed ring nobody tries for so long: a page must not wait for each of its rows

_local = threading.local()
_quiet_until = 0.0


def _connection() -> Connection:
    connection = getattr(_local, "connection", None)
    if connection is None:
        connection = Connection(
            settings.CELERY_BROKER_URL,
            connect_timeout=BROKER_SECONDS,
            transport_options={
                "socket_timeout": BROKER_SECONDS,
                "socket_connect_timeout": BROKER_SECONDS,
                "retry_on_timeout": False,
                "max_retries": 0,
                "interval_start": 0,
                "interval_step": 0,
                "interval_max": 0,
            },
        )
        _local.connection = connection
    return connection


def _drop_connection() -> None:
    connection, _local.connection = getattr(_local, "connection", None), None
    if connection is not None:
        try:
            connection.release()
        except (BrokerError, OSError):
            logger.debug("doorbell.release_failed")


def start_fresh() -> None:
    """Forget the connection and the trouble with it: a forked child must not speak on its parent's socket."""
    global _quiet_until  # noqa: PLW0603 - see `send`
    _local.__dict__.clear()
    _quiet_until = 0.0


def send(task: str, primary_key: str, queue: str) -> bool:
    """Send one message now; at most about two seconds, whatever the broker does.

    Returns:
        False when the broker could not be reached; it is logged, and the tick rings later.
    """
    global _quiet_until  # noqa: PLW0603 - one small memory per process, not worth an object
    if time.monotonic() < _quiet_until:
        return False
    try:
        current_app.send_task(
            task, args=[primary_key], queue=queue, connection=_connection(), retry=False, ignore_result=True
        )
    except (BrokerError, OSError) as error:
        _quiet_until = time.monotonic() + QUIET_SECONDS
        _drop_connection()
        logger.warning("doorbell.unreachable %s", type(error).__name__)
        return False
    return True


def ring(export_pk: object, queue: str) -> None:
    """Wake a worker for an export once the running transaction has committed."""
    transaction.on_commit(lambda: send(ADVANCE, str(export_pk), queue))


def ring_for_format(derived_pk: object) -> None:
    """Wake a convert worker once the running transaction has committed."""
    transaction.on_commit(lambda: send(MAKE_FORMAT, str(derived_pk), "convert"))
