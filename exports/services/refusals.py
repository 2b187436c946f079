"""The six ways a service says no; interfaces turn them into a form error or an HTTP answer.

The message is a finished, translated sentence for people; ``code`` is for machines.
"""

from typing import ClassVar

from django.utils.functional import Promise


class Refusal(Exception):
    """A service did nothing, and says why.

    Args:
        code: stable word for machines.
        message: sentence for people.
        field: the input it is about, if one.

    Attributes:
        http_status: the number by which HTTP knows this kind.
    """

    http_status: ClassVar[int]

    def __init__(self, code: str, message: str | Promise, field: str | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.message = message
        self.field = field


class Refused(Refusal):
    """The input can't be accepted."""

    http_status = 422


class Forbidden(Refusal):
    """The person's role is too low."""

    http_status = 403


class WrongState(Refusal):
    """The thing is not in a state that allows it."""

    http_status = 409


class Later(Refusal):
    """Something that another time will do.

    Args:
        retry_seconds: when to ask again, the earliest.
    """

    def __init__(self, code: str, message: str | Promise, field: str | None = None, *, retry_seconds: int = 60) -> None:
        super().__init__(code, message, field)
        self.retry_seconds = retry_seconds


class TooMany(Later):
    """A limit is reached."""

    http_status = 429


class Unavailable(Later):
    """Something that we need does not answer right now; nothing is lost."""

    http_status = 503


class Gone(Refusal):
    """The thing was there and is kept no longer."""

    http_status = 410
