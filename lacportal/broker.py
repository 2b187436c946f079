"""kombu's Redis transport, mended in one place: neither a lost connection nor a stranger's text must end the worker.

kombu forgets the address of a connection it has lost. A task that ends just then acknowledges its message on the
forgotten connection; that raised AttributeError, which Celery takes for a defect of its own and ends the whole worker
(kombu 5.7, celery 5.7). Said as the lost connection it is, it is logged, and the worker connects again.

What is no message at all (a queue's key written by hand, or by another program that shares the Redis) raised in the
middle of the worker and ended it, too, one worker for each. It is dropped: messages are rings, the row is the queue.
"""

import logging
from json import JSONDecodeError
from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis

logger = logging.getLogger(__name__)


class Channel(kombu_redis.Channel):
    """A channel that knows when its connection is gone, and passes over what is no JSON."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        if self.connection.client is None:
            raise ConnectionError("the connection to Redis was lost meanwhile")
        return super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[misc]
        except (UnicodeDecodeError, JSONDecodeError):
            logger.warning("broker.no_message")  # never its text
            return True


class Transport(kombu_redis.Transport):
    """The transport for ``redis://`` and ``rediss://``, sockets included; passes over JSON that is no message."""

    Channel = Channel

    def _deliver(self, message: Any, queue: str | None) -> None:
        try:
            found = self.Channel.Message(message, channel=self.channels[0])  # type: ignore[index]
            _ = found.delivery_info["exchange"], found.delivery_info["routing_key"]
        except (TypeError, KeyError, ValueError, AttributeError):
            logger.warning("broker.no_message")
            return
        super()._deliver(message, queue)


def mend() -> None:
    """Have kombu use the mended transport, in workers, beat and doorbell alike."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{Transport.__name__}"
