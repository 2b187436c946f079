"""One person's flood leaves others served: how often, and how much at once, each may ask of this web process.

Counted in the memory of the process: nothing to lose, nothing to wait for, and what is counted here is what runs out
here, threads and processor. With several processes each counts its own, so that nobody gets less than what is promised.
"""

import threading
import time
from collections.abc import Callable
from math import ceil

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from exports.services.refusals import TooMany

# A burst of so many seconds' worth goes through at once: a script that submits a thousand exports, a page with parts.
BURST_SECONDS = 20
# Of the 32 threads of a web process (gunicorn.conf.py): a file that is read slowly holds one all the time.
MOST_STREAMS = 24
STREAM_RETRY_SECONDS = 5
KEYS_KEPT = 10_000


class Meter:
    """Counts by key, as a bucket that runs empty at a steady rate.

    Args:
        now: a clock in seconds that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._full_until: dict[str, float] = {}

    def wait(self, key: str, *, rate: float, burst: float) -> float:
        """Count one more; return 0 when it is within the limit, else in how many seconds the next one is.

        Args:
            rate: so many a second in the long run.
            burst: so many at once after a rest.
        """
        now = self._now()
        with self._lock:
            until = max(self._full_until.get(key, now), now)
            if until - now > (burst - 1) / rate:
                return until - now - (burst - 1) / rate
            if len(self._full_until) >= KEYS_KEPT:
                self._full_until = {kept: end for kept, end in self._full_until.items() if end > now}
            self._full_until[key] = until + 1 / rate
            return 0.0


class Places:
    """Counts what each key holds at this moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[str, int] = {}

    def take(self, key: str, most: int) -> Callable[[], None] | None:
        """Take a place; return what gives it back (once, however often it is called), or None when all are taken."""
        with self._lock:
            if self._held.get(key, 0) >= most:
                return None
            self._held[key] = self._held.get(key, 0) + 1
        given_back = threading.Lock()

        def give_back() -> None:
            if given_back.acquire(blocking=False):
                with self._lock:
                    self._held[key] -= 1
                    if not self._held[key]:
                        del self._held[key]

        return give_back


_requests = Meter()
_streams = Places()


def refuse_flood(key: str) -> None:
    """Count a request of whoever the key stands for.

    Raises:
        TooMany: more than ``REQUESTS_PER_SECOND`` for longer than a burst.
    """
    rate = settings.REQUESTS_PER_SECOND
    seconds = _requests.wait(key, rate=rate, burst=rate * BURST_SECONDS)
    if seconds:
        raise TooMany(
            "too_fast",
            _("You send requests faster than they can be answered for everybody. Wait a moment, then go on."),
            retry_seconds=ceil(seconds),
        )


def when_closed(response: HttpResponseBase, deed: Callable[[], None]) -> None:
    """Do something when an answer has been sent, or its visitor has gone."""
    close = response.close

    def closed() -> None:
        try:
            close()
        finally:
            deed()

    response.close = closed  # type: ignore[method-assign]


def take_stream(key: str) -> Callable[[], None]:
    """Take one of a person's places for answers that are sent bit by bit; return what gives it back.

    Raises:
        TooMany: all of them are taken.
    """
    give_back = _streams.take(key, MOST_STREAMS)
    if give_back is None:
        raise TooMany(
            "too_many_downloads",
            _("You have many downloads running already. Wait until one of them has ended."),
            retry_seconds=STREAM_RETRY_SECONDS,
        )
    return give_back
