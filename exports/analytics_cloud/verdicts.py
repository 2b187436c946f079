"""What an answer means: pure functions from status, headers and leading bytes to a verdict.

The tables are those of `analytics-cloud-api.md` §2 and `design.md` §7. Decided by the leading bytes and the shape,
not by ``Content-Type``: servers misspell it, and the oldest call the file JSON too.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from exports.analytics_cloud.dates import parse_http_date, parse_instant, parse_retry_after
from exports.analytics_cloud.line import FaultReason
from exports.analytics_cloud.replies import (
    Accepted,
    FailedUpstream,
    Preparing,
    Rejected,
    RejectedReason,
    TokenRejected,
    Unavailable,
    UnavailableReason,
    Unintelligible,
    Waiting,
)

LEAD_BYTES = 64 * 1024
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
BLANKS = b" \t\r\n"

# Transforming proxies and later versions may say 201 to 203 for what is 200 in the contract.
GOOD = range(200, 204)
UNAUTHORIZED = (401, 403)
# A gateway's own words: blank or a page, they say nothing about a token.
GATEWAY_STATUSES = (408, 429, 502, 503, 504)

STATUS_KEYS = frozenset({"status", "type", "fromDate", "toDate", "createdDate", "startedDate", "message"})
RANGE_KEYS = frozenset({"fromDate", "toDate", "type"})
# Every documented row has at least one of these, whatever its type; a status object has none (§4). Lower case.
ROW_KEYS = frozenset(
    (
        *("id", "createdate", "modifieddate", "eventdate", "eventid", "applicationid", "canonicalurl"),
        *("sessionid", "userid", "channelid", "datasourceid", "segmentid", "identityid", "individualid"),
        *("projectid", "emailaddress"),
    )
)

FAULTS: dict[FaultReason, Unavailable | Unintelligible] = {
    "aborted": Unavailable("aborted"),
    "dns": Unavailable("dns", opens_breaker=True),
    "tls": Unavailable("tls", opens_breaker=True),
    "connection": Unavailable("connection", opens_breaker=True),
    "incomplete": Unavailable("connection", opens_breaker=True),
    "malformed": Unintelligible("odd_http"),
}

_ROW_KEY = re.compile(rb'"(?:' + "|".join(sorted(ROW_KEYS)).encode() + rb')"\s*:', re.IGNORECASE)
_FAILED = re.compile(r"\bfailed\b", re.IGNORECASE)
_ARCHIVE_TYPE = re.compile(r"zip|octet-stream", re.IGNORECASE)
# Numbers stay text: they are not needed, and a very long one would raise.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, strict=False)


class Next(Enum):
    """What the client does when there is no reply yet."""

    READ_ON = "read on"
    DOWNLOAD = "download"  # the body is the file


@dataclass(frozen=True, slots=True)
class Confirm:
    """The token may be rejected: one probe tells (`design.md` §7).

    Attributes:
        otherwise: the reply when the probe is not rejected likewise.
    """

    otherwise: Unavailable


Final = Waiting | Preparing | FailedUpstream | Rejected | TokenRejected | Unavailable | Unintelligible | Accepted
Verdict = Final | Confirm | Next


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of an answer so far.

    Attributes:
        headers: case-insensitive.
        lead: the first bytes of the body.
        ended: nothing follows the lead.
        fault: what broke the body off after the lead.
    """

    status: int
    headers: Mapping[str, str]
    lead: bytes
    ended: bool = False
    fault: FaultReason | None = None

    @property
    def text(self) -> bytes:
        """The lead without the byte order mark and blanks in front."""
        return self.lead.lstrip(BLANKS).removeprefix(BYTE_ORDER_MARK).lstrip(BLANKS)

    @property
    def settled(self) -> bool:
        """No more of the body will be looked at."""
        return self.ended or len(self.lead) >= LEAD_BYTES

    @property
    def has_type(self) -> bool:
        """The answer says of which type its body is."""
        return bool(self.headers.get("Content-Type", "").strip())

    @property
    def encoded(self) -> bool:
        """The body is compressed, or transferred in a way that we did not ask for."""
        codings = self.headers.get("Content-Encoding", "").split(",")
        transfer = self.headers.get("Transfer-Encoding", "").strip().lower()
        plain = all(coding.strip().lower() in ("", "identity") for coding in codings)
        return not plain or transfer not in ("", "identity", "chunked")

    @property
    def retry_after(self) -> float | None:
        """Seconds from now that the server asks for."""
        now = parse_http_date(self.headers.get("Date")) or datetime.now(UTC)
        return parse_retry_after(self.headers.get("Retry-After"), now=now)


def judge_answer(seen: Seen) -> Verdict:
    """Return what the answer to an export question means; never READ_ON once settled or broken off."""
    if seen.fault is not None:
        # A file, or what is announced as one, is a download that was cut: charged, as a cut question is not.
        archive = _ARCHIVE_TYPE.search(seen.headers.get("Content-Type", ""))
        file = seen.status in GOOD and (archive or _looks_like_rows(seen.text))
        return Next.DOWNLOAD if file and seen.fault != "aborted" else _judge_cut(seen, seen.fault)
    verdict = _judge_any(seen)
    if verdict is not None:
        return verdict
    if seen.status in GOOD:
        return _judge_good(seen)
    if seen.status == 400:
        return _judge_refusal(seen)
    return Unintelligible("odd_http")


def judge_probe(seen: Seen) -> Verdict:
    """Return what the answer to the token probe means: ``{"_links": …}`` is the good one."""
    if seen.fault is not None:
        return _judge_cut(seen, seen.fault)
    verdict = _judge_any(seen)
    if verdict is not None:
        return verdict
    if seen.status not in GOOD:
        return Unintelligible("odd_http")
    found = _first_object(seen.text)
    if found is None:
        return _no_object(seen)
    return Accepted() if "_links" in found[0] else Unintelligible("odd_json")


def judge_fault(fault: FaultReason) -> Unavailable | Unintelligible:
    """Return the reply to a question whose connection failed; what ended by the clock is a time-out."""
    return FAULTS.get(fault, Unavailable("timeout"))


def _judge_cut(seen: Seen, fault: FaultReason) -> Verdict:
    """An answer that broke off before its leading bytes said enough: its status may say it all the same."""
    if fault != "aborted":
        if seen.status in UNAUTHORIZED:
            return TokenRejected()
        if seen.status >= 500:
            return _by_status(seen)
    return judge_fault(fault)


def _judge_any(seen: Seen) -> Verdict | None:
    """The rules that hold for every question; None when the status and the body still have to be read."""
    if seen.status in GOOD and seen.encoded:
        return Unintelligible("encoded")
    if seen.status in GATEWAY_STATUSES:
        return _by_status(seen)
    text = seen.text
    if BYTE_ORDER_MARK.startswith(text) and not seen.settled:
        return Next.READ_ON
    if not text and not seen.ended and seen.status in GOOD:
        return Unintelligible("too_large")
    page = text.startswith(b"<")
    if seen.status in UNAUTHORIZED:
        return Confirm(Unavailable("html")) if page or seen.encoded else TokenRejected()
    if page:
        return Unavailable("html", seen.retry_after, _opens_breaker(seen.status))
    # An error that says when to come back is a gateway's; what calls itself good and is blank is asked about.
    if not text and not seen.has_type and (seen.status in GOOD or "Retry-After" not in seen.headers):
        return Confirm(Unavailable("blank", seen.retry_after, _opens_breaker(seen.status)))
    return _by_status(seen) if seen.status >= 500 else None


def _opens_breaker(status: int) -> bool:
    return status >= 500 or status == 429


def _by_status(seen: Seen) -> Unavailable:
    reasons: dict[int, UnavailableReason] = {408: "timeout", 429: "http_429"}
    reason = reasons.get(seen.status, "http_5xx")
    return Unavailable(reason, seen.retry_after, _opens_breaker(seen.status))


def _judge_good(seen: Seen) -> Verdict:
    text = seen.text
    if text.startswith((b"PK", b"[")) or not text:
        # Nothing at all under a type is a file whose back end failed: a cut download.
        return Next.DOWNLOAD
    if text == b"P":
        return Next.DOWNLOAD if seen.ended else Next.READ_ON
    found = _first_object(text)
    if found is None:
        return Next.DOWNLOAD if seen.settled and _looks_like_rows(text) else _no_object(seen)
    fields, end = found
    if _is_status_object(fields):
        return _judge_status(fields)
    speaks = _tells_of_an_export(fields) or "error" in fields
    if _row_keys(fields) >= (2 if speaks else 1):
        return Next.DOWNLOAD
    # A file goes on with another row; a status or an error with one key of a row, or what nobody documented, does not.
    rest = text[end:].strip()
    if rest.startswith(b"{"):
        return Next.DOWNLOAD
    if not rest and not seen.settled:
        return Next.READ_ON
    return _judge_status(fields) if speaks and "status" in fields else Unintelligible("odd_json")


def _first_object(text: bytes) -> tuple[dict[str, Any], int] | None:
    """Return the JSON object that ``text`` begins with and where it ends, or None while there is no whole one."""
    if not text.startswith(b"{") or b"}" not in text:
        return None
    try:
        # One character per byte, so that the end is a place in the bytes and a cut character does not matter.
        found, end = _DECODER.raw_decode(text.decode("latin-1"))
    except (ValueError, RecursionError):
        return None
    return found, end


def _no_object(seen: Seen) -> Verdict:
    text = seen.text
    if not text.startswith(b"{"):
        return Unintelligible("not_json")
    if not seen.settled:
        return Next.READ_ON
    return Unintelligible("not_json" if seen.ended else "too_large")


def _looks_like_rows(text: bytes) -> bool:
    return text.startswith(b"{") and _ROW_KEY.search(text) is not None


def _row_keys(fields: dict[str, Any]) -> int:
    return sum(key.lower() in ROW_KEYS for key in fields)


def _is_status_object(fields: dict[str, Any]) -> bool:
    """A row of membership or segment has a ``status`` too, hence the other keys (§2)."""
    if "status" not in fields:
        return False
    if fields["status"] in ("PENDING", "RUNNING") and _tells_of_an_export(fields):
        return True
    return not _row_keys(fields) and (fields.keys() <= STATUS_KEYS or _tells_of_an_export(fields))


def _tells_of_an_export(fields: dict[str, Any]) -> bool:
    """Tell whether an object has what a status object has, and no documented row (§2, §4)."""
    return "message" in fields or fields.keys() >= RANGE_KEYS


def _judge_status(fields: dict[str, Any]) -> Verdict:
    created_at = parse_instant(fields.get("createdDate"))
    match _word(fields, "status").strip().upper():
        case "PENDING" if _FAILED.search(_word(fields, "message")):
            return FailedUpstream(created_at)
        case "PENDING":
            return Waiting(created_at)
        case "RUNNING":
            return Preparing(created_at, parse_instant(fields.get("startedDate")))
        case _:
            return Unintelligible("odd_status")


def _judge_refusal(seen: Seen) -> Verdict:
    """Both shapes of a 400: ``status`` and ``message``, or ``description`` and ``message`` from the gateway."""
    found = _first_object(seen.text)
    if found is None:
        return _no_object(seen)
    fields = found[0]
    if "status" in fields:
        if _word(fields, "status").strip().upper() != "ERROR":
            return Unintelligible("odd_status")
        return Rejected(_refusal_reason(_word(fields, "message")))
    if "description" in fields or "message" in fields:
        return Rejected(_refusal_reason(_word(fields, "description")))
    return Unintelligible("odd_json")


def _refusal_reason(words: str) -> RejectedReason:
    words = words.casefold()
    if "iso 8601" in words:
        return "bad_dates"
    if "wrong range" in words or "cannot be after" in words:
        return "wrong_order"
    if '"type"' in words and "must be" in words:
        return "unknown_type"
    return "outside_retention" if "retention" in words else "refused"


def _word(fields: dict[str, Any], key: str) -> str:
    value = fields.get(key)
    return value if isinstance(value, str) else ""
