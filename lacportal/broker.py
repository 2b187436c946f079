"""kombu's Redis transport, mended in one place: a lost connection must not end the worker.

kombu forgets the address of a connection it has lost. A task that ends just then acknowledges its message on the
forgotten connection; that raised AttributeError, which Celery takes for a defect of its own and ends the whole worker
(kombu 5.7, celery 5.7). Said as the lost connection it is, it is logged, and the worker connects again.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis


class Channel(kombu_redis.Channel):
    """A channel that knows when its connection is gone."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection.client is None:
            raise ConnectionError("the connection to Redis was lost meanwhile")
        return super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]


class Transport(kombu_redis.Transport):
    """The transport for ``redis://`` and ``rediss://``, sockets included."""

    Channel = Channel


def mend() -> None:
    """Have kombu use the mended transport, in workers, beat and doorbell alike."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
