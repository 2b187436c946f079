"""Replies without a file: the API's own, word for word, and those of the faults (analytics-cloud-api.md §2)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from exports.analytics_cloud.simulator import contract
from exports.analytics_cloud.simulator.faults import Fault
from exports.analytics_cloud.simulator.world import Waiting


@dataclass(frozen=True)
class Reply:
    """A whole answer; `answer` is its name in the log."""

    answer: str
    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """What a fault may echo: the path as asked and the token as sent."""

    path: str
    token: str


def waiting(answer: Waiting, *, blank_after_failed: bool) -> Reply:
    """The status object: all values strings, `startedDate` only while it runs."""
    export, key = answer.export, answer.export.key
    message = answer.message
    if blank_after_failed and message == contract.FAILED:
        message += " "
    started = answer.status == "RUNNING" and export.started_at
    return _json(
        answer.status.lower(),
        200,
        {
            "fromDate": contract.format_date(key.from_),
            "createdDate": contract.format_date(export.created_at),
            **({"startedDate": contract.format_date(started)} if started else {}),
            "toDate": contract.format_date(key.to),
            "message": message,
            "type": key.type.upper(),
            "status": answer.status,
        },
    )


def probe(origin: str) -> Reply:
    """The links of `GET /api/reports`: cheap, and proof that the token is good."""
    names = ("accounts", "individuals", "pages", "segments")
    links = {name: {"href": f"{origin}/api/reports/{name}"} for name in names}
    return _json("probe", 200, {"_links": {**links, "self": {"href": f"{origin}/api/reports"}}})


def refused(message: str) -> Reply:
    """A request the gateway itself finds wrong."""
    return _json("refused", 400, {"status": "ERROR", "message": message})


def refused_behind(description: str) -> Reply:
    """A request refused behind the gateway: the other shape, without `status`."""
    return _json("refused", 400, {"description": description, "message": "Bad Request"})


def of_fault(fault: Fault, asked: Asked) -> Reply:
    """What a token or gateway fault answers."""
    return _FAULTS[fault.kind](fault, asked)


def rejection(how: str, asked: Asked) -> Reply:
    """The answer to a token nobody knows, in one of the ways seen: see `REJECTIONS`."""
    return of_fault(Fault(f"reject_{how}"), asked)


REJECTIONS = ("401", "403", "500_empty", "500_html", "blank")


def _json(answer: str, status: int, content: object) -> Reply:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(answer, status, body, "application/json")


def _html(answer: str, status: int, text: str) -> Reply:
    body = f"<!DOCTYPE html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>\n"
    return Reply(answer, status, body.encode(), "text/html; charset=utf-8")


def _rejected_with_page(fault: Fault, asked: Asked) -> Reply:
    text = f"HTTP Status 500: no principal for Authorization: Bearer {asked.token} at {asked.path}"
    return _html("rejected", 500, text)


def _busy(status: int, text: str) -> Callable[[Fault, Asked], Reply]:
    def reply(fault: Fault, asked: Asked) -> Reply:
        page = _html(fault.kind, status, text)
        seconds = fault["retry_after"]
        if seconds is None:
            return page
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        value = format_datetime(until, usegmt=True) if fault["as_date"] else str(seconds)
        return Reply(page.answer, status, page.body, page.content_type, {"Retry-After": value})

    return reply


def _redirect(fault: Fault, asked: Asked) -> Reply:
    return Reply("redirect", fault["status"], headers={"Location": fault["to"] + asked.path})


def _scripted(fault: Fault, asked: Asked) -> Reply:
    body = fault["body"]
    packed = body if isinstance(body, bytes) else str(body).encode()
    return Reply("answer", fault["status"], packed, fault["content_type"], fault["headers"])


_FAULTS: Mapping[str, Callable[[Fault, Asked], Reply]] = {
    "reject_401": lambda fault, asked: Reply("rejected", 401),
    "reject_403": lambda fault, asked: Reply("rejected", 403),
    "reject_500_empty": lambda fault, asked: Reply("rejected", 500),
    "reject_500_html": _rejected_with_page,
    "reject_blank": lambda fault, asked: Reply("rejected", 200),
    "blank": lambda fault, asked: Reply("blank", 200),
    "too_many": _busy(429, "Too Many Requests"),
    "unavailable": _busy(503, "Service Unavailable"),
    "bad_gateway": lambda fault, asked: _html("bad_gateway", 502, "502 Bad Gateway"),
    "gateway_timeout": lambda fault, asked: _html("gateway_timeout", 504, "504 Gateway Time-out"),
    "internal_error": lambda fault, asked: _json(
        "internal_error", 500, {"status": "ERROR", "message": contract.UNREACHABLE}
    ),
    "html": lambda fault, asked: _html("html", fault["status"], "We will be back soon"),
    "odd_status": lambda fault, asked: _json(
        "odd_status", 200, {"status": fault["status"], "message": "Something nobody documented."}
    ),
    "bad_request": lambda fault, asked: refused(fault["message"]),
    "bad_request_behind": lambda fault, asked: refused_behind(fault["description"]),
    "redirect": _redirect,
    "answer": _scripted,
}
