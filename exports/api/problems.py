"""Every error as ``application/problem+json`` (RFC 9457): a status, a code for machines, a sentence for people."""

import json
import logging
import uuid
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, UnreadablePostError
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, AuthorizationError, HttpError, ValidationError

from exports.services.refusals import Later, Refusal

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
DRAINED_MOST = 32_000_000
DRAINED_STEP = 65_536

# The framework's own words for what happens often; the rest stays as it says it.
SENTENCES: dict[str, Promise] = {
    "missing": gettext_lazy("This is needed."),
    "string_type": gettext_lazy("This must be text."),
    "string_unicode": gettext_lazy("This text can’t be read."),
    "uuid_type": gettext_lazy("This is not an id."),
    "uuid_parsing": gettext_lazy("This is not an id."),
    "bool_type": gettext_lazy("This must be true or false."),
    "bool_parsing": gettext_lazy("This must be true or false."),
    "int_parsing": gettext_lazy("This must be a whole number."),
    "int_parsing_size": gettext_lazy("This must be a whole number."),
    "model_attributes_type": gettext_lazy("The body must be a JSON object."),
}


def problem(
    status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **more: Any
) -> HttpResponse:
    """Return an error answer.

    Args:
        code: stable word for machines.
        detail: sentence for people.
        more: further members, such as ``errors``.
    """
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "code": code}
    document |= {"detail": detail} | more
    return HttpResponse(json.dumps(document), status=status, content_type=CONTENT_TYPE, headers=dict(headers or {}))


def not_found(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
    """Answer 404: the same for what doesn't exist, what isn't the person's to see, and addresses we don't have."""
    return problem(404, "not_found", _("There is nothing here."))


def unauthorized(request: HttpRequest) -> HttpResponse:
    """Answer 401 with the challenge that RFC 6750 asks for."""
    given = "Authorization" in request.headers
    challenge = 'Bearer realm="LAC Portal"' + (', error="invalid_token"' if given else "")
    detail = (
        _("This personal token is unknown, expired or revoked.")
        if given
        else _("Send a personal token: Authorization: Bearer …")
    )
    return problem(401, "invalid_token" if given else "token_missing", detail, headers={"WWW-Authenticate": challenge})


def from_refusal(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Answer what a service refused."""
    message = str(refusal.message)
    more: dict[str, Any] = {}
    if refusal.field:
        more["errors"] = [{"field": refusal.field, "message": message}]
    headers = {"Retry-After": str(refusal.retry_seconds)} if isinstance(refusal, Later) else {}
    return problem(refusal.http_status, refusal.code, message, headers=headers, **more)


def from_validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer 422 for a body or query that doesn't fit; 404 for an address whose id is none."""
    if any(item["loc"][0] == "path" for item in error.errors):
        return not_found(request)
    # The first part of a location says body or query, the second names the parameter of the function.
    errors = [{"field": _field(item["loc"]), "message": _sentence(item)} for item in error.errors]
    detail = " ".join(f"{item['field']}: {item['message']}" if item["field"] else item["message"] for item in errors)
    return problem(422, "invalid", detail[:1000], errors=errors)


def _field(location: tuple[Any, ...]) -> str:
    parts = location[2:] if location[0] == "body" else location[1:]
    return _printable(".".join(str(part) for part in parts))


def _sentence(item: dict[str, Any]) -> str:
    if item["type"] == "missing" and not _field(item["loc"]):
        return _("A JSON object is needed in the body.")
    known = SENTENCES.get(item["type"])
    return str(known) if known is not None else _printable(item["msg"])


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()[:200]


def from_http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer what the framework refused: a body that is no JSON."""
    return problem(error.status_code, "bad_request", _("The body is no JSON that can be read."))


def bad_request(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer 400; the exception's text stays away from the answer."""
    return problem(400, "bad_request", _("The request can’t be read."))


def too_large(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer 413, after the body has come: to close on somebody who still sends would cut off the answer too."""
    left = DRAINED_MOST
    while left > 0 and (piece := request.read(DRAINED_STEP)):
        left -= len(piece)
    return problem(413, "too_large", _("The body is too large."))


def server_error(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer 500 with an id to find the log line by."""
    fault = uuid.uuid4().hex[:12]
    logger.error("api.failed id=%s path=%s", fault, request.path, exc_info=error)
    return problem(500, "server_error", _("Something went wrong on our side. It is logged as %(id)s.") % {"id": fault})


def register(api: NinjaAPI) -> None:
    """Make all of the API's errors problems."""
    handlers: dict[type[Exception], Any] = {
        Refusal: from_refusal,
        ValidationError: from_validation,
        AuthenticationError: lambda request, error: unauthorized(request),
        AuthorizationError: lambda request, error: problem(403, "scope_missing", error.message),
        HttpError: from_http_error,
        Http404: not_found,
        RequestDataTooBig: too_large,
        SuspiciousOperation: bad_request,
        BadRequest: bad_request,
        UnreadablePostError: bad_request,
        Exception: server_error,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)
