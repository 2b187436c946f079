"""The closed set of answers that the door gives: frozen values, never a byte or a word of upstream's own."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from exports.analytics_cloud.streams import BodyStream

RejectedReason = Literal["unknown_type", "bad_dates", "wrong_order", "outside_retention", "refused"]
UnavailableReason = Literal[
    "http_5xx",  # an error of theirs, or of a gateway in front
    "http_429",  # asked too often
    "html",  # a page instead of an answer: something on the way
    "blank",  # nothing at all, while the token is good
    "connection",  # refused, reset, or cut before the answer could be read
    "dns",  # the host's name can't be resolved
    "tls",  # no trustworthy encryption
    "timeout",
    "aborted",  # by our own abort()
]
UnintelligibleReason = Literal[
    "redirect_elsewhere",
    "redirect_loop",
    "odd_http",  # an HTTP status nobody documented, or headers that can't be read
    "odd_status",  # a status object whose status is none we know
    "odd_json",  # JSON that is neither a status object nor rows
    "not_json",
    "too_large",
    "encoded",  # compressed although we asked for it plain
]


@dataclass(frozen=True, slots=True)
class Waiting:
    """PENDING: upstream has the export and has not begun it."""

    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Preparing:
    """RUNNING: upstream is making the file."""

    created_at: datetime | None = None
    started_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FailedUpstream:
    """The previous try failed upstream, and this very question made a new one. It is said only once."""

    created_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The file is here. Whoever gets this reads ``stream`` to its end or closes it.

    A body of zero bytes is Ready too: its stream raises ``DownloadCut('incomplete')`` at once.
    """

    stream: BodyStream


@dataclass(frozen=True, slots=True)
class Rejected:
    """Our request is wrong: asking again will not help."""

    reason: RejectedReason


@dataclass(frozen=True, slots=True)
class TokenRejected:
    """The token is missing, unknown, revoked or expired, or holds what no header can carry."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A fault of the way or of the server: ask again later.

    Attributes:
        retry_after: seconds from now that the server asked for, at most 6 hours.
        opens_breaker: the fault concerns the whole host (5xx, 429, connection), not only this question.
    """

    reason: UnavailableReason
    retry_after: float | None = None
    opens_breaker: bool = False


@dataclass(frozen=True, slots=True)
class Unintelligible:
    """An answer outside the contract."""

    reason: UnintelligibleReason


@dataclass(frozen=True, slots=True)
class Accepted:
    """The token probe's good answer."""


Reply = Waiting | Preparing | FailedUpstream | Ready | Rejected | TokenRejected | Unavailable | Unintelligible
ProbeReply = Accepted | TokenRejected | Unavailable | Unintelligible
