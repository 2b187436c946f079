"""The six ways a service says no; interfaces turn them into a form error or an HTTP answer.

The message is a finished, translated sentence for people; ``code`` is for machines.
"""

from django.utils.functional import Promise


class Refusal(Exception):
    """A service did nothing, and says why.

    Args:
        code: stable word for machines.
        message: sentence for people.
        field: the input it is about, if one.
    """

    def __init__(self, code: str, message: str | Promise, field: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.field = field


class Refused(Refusal):
    """The input can't be accepted (HTTP 422)."""


class Forbidden(Refusal):
    """The person's role is too low (HTTP 403)."""


class WrongState(Refusal):
    """The thing is not in a state that allows it (HTTP 409)."""


class _Later(Refusal):
    """Something that another time will do.

    Args:
        retry_seconds: when to ask again, the earliest.
    """

    def __init__(self, code: str, message: str | Promise, field: str | None = None, *, retry_seconds: int = 60) -> None:
        super().__init__(code, message, field)
        self.retry_seconds = retry_seconds


class TooMany(_Later):
    """A limit is reached (HTTP 429)."""


class Unavailable(_Later):
    """Something that we need does not answer right now; nothing is lost (HTTP 503)."""


class Gone(Refusal):
    """The thing was there and is kept no longer (HTTP 410)."""
