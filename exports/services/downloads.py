"""Hands out files: whole or in part, in constant memory, under a safe name, each time on record."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import BinaryIO
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import http_date
from django.utils.text import slugify
from django.utils.translation import gettext as _

from exports.files.storage import FileMissing
from exports.models import DerivedFile, Download, Export, Status, User
from exports.services import audit_log, describe, expire, formats, stored
from exports.services.addresses import client_address
from exports.services.estimates import largest_made, seconds_left
from exports.services.flood import take_stream, when_closed
from exports.services.http_ranges import ByteRange, Unsatisfiable, if_range_holds, parse_range
from exports.services.masking import as_seen_by, mask_for
from exports.services.refusals import Forbidden, Gone, WrongState
from exports.services.variants import ORIGINAL, Variant

RETRY_AFTER_SECONDS = 2
FAILED_FORMAT_RESTS = timedelta(minutes=10)
NAME_MOST = 80

# What the bytes are, by kind of original (exports/files/archive.py) and by format.
ORIGINALS = {
    "zip": ("zip", "application/zip"),
    "zip_array": ("zip", "application/zip"),
    "json_lines": ("jsonl", "application/x-ndjson"),
    "json_array": ("json", "application/json"),
}
MADE = {
    "jsonl": ("jsonl", "application/x-ndjson"),
    "json": ("json", "application/json"),
    "jsonl-gz": ("jsonl.gz", "application/gzip"),
    "csv": ("csv", "text/csv; charset=utf-8"),
    "csv-tab": ("tsv", "text/tab-separated-values; charset=utf-8"),
    "xlsx": ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    "parquet": ("parquet", "application/vnd.apache.parquet"),
}
# As the API's document lists them; parameters such as a charset are no part of a type.
CONTENT_TYPES = sorted({kind.partition(";")[0] for _extension, kind in (*ORIGINALS.values(), *MADE.values())})


class _WholeFile(FileResponse):
    block_size = 256 * 1024


@dataclass(frozen=True)
class _File:
    """A stored file as it goes out."""

    stored_name: str
    bytes: int
    sha256: str
    modified_at: datetime
    name: str
    content_type: str

    @property
    def etag(self) -> str:
        return f'"{self.sha256}"'


def file_response(
    request: HttpRequest,
    *,
    user: User,
    export: Export,
    variant: Variant = ORIGINAL,
) -> HttpResponseBase:
    """Answer a GET or HEAD for an export's file. Who may see ``export`` at all is the caller's queryset's matter.

    Args:
        variant: the original, or a format that is made on the first request for it.

    Returns:
        200, 206, 304, 412 or 416; 202 with ``Retry-After`` (JSON: what, how far, how long) while a format is made.

    Raises:
        Forbidden: the original, to a role for which columns are masked.
        WrongState: not ready yet, failed, cancelled, or the format can't be made.
        Gone: expired, deleted, or lost.
        TooMany: the person has as many downloads running as one may have.
        Unavailable: the store of the files doesn't answer.
    """
    with stored.answering():
        return _response(request, user, export, variant)


def _response(request: HttpRequest, user: User, export: Export, variant: Variant) -> HttpResponseBase:
    refuse_without_file(export)
    if variant == ORIGINAL:
        refuse_clear_columns(user, export)
    variant = as_seen_by(user, export.workspace, variant)
    try:
        if variant == ORIGINAL:
            return _send(request, user, export, _original(export), variant.format)
        row = _made(user, export, variant)
        if row is None or row.state != DerivedFile.State.READY:
            return _being_made(export, variant, row)
        try:
            return _send(request, user, export, _derived(export, row), variant.format)
        except FileMissing:
            # Removed behind our back; unlike an original it can be made again.
            DerivedFile.objects.filter(pk=row.pk, stored_name=row.stored_name).delete()
            return _being_made(export, variant, _made(user, export, variant))
    except FileMissing:
        return _file_lost(export)


def file_name(export: Export, extension: str) -> str:
    """Return a name such as ``acme-page-2026-10-01_2026-10-31.zip``: letters of any script, the workspace's days."""
    name = slugify(export.workspace.name, allow_unicode=True)[:NAME_MOST].strip("-_") or "workspace"
    return f"{name}-{_what(export)}.{extension}"


def content_disposition(export: Export, extension: str) -> str:
    """Return the header that makes it an attachment; ``filename*`` carries what ASCII can't (RFC 6266)."""
    plain = slugify(export.workspace.name)[:NAME_MOST].strip("-_") or "workspace"
    plain = f"{plain}-{_what(export)}.{extension}"
    whole = file_name(export, extension)
    header = f'attachment; filename="{plain}"'
    return header if whole == plain else f"{header}; filename*=UTF-8''{quote(whole, safe='')}"


def _what(export: Export) -> str:
    zone = ZoneInfo(export.workspace.time_zone)
    first, last = export.range_from.astimezone(zone), export.range_to.astimezone(zone)
    return f"{export.data_type}-{first:%Y-%m-%d}_{last:%Y-%m-%d}"


def refuse_without_file(export: Export) -> None:
    """Say why there is no file, where there is none.

    Raises:
        WrongState: not ready yet, failed, or cancelled.
        Gone: expired, deleted, or lost.
    """
    now = timezone.now()
    if export.status == Status.READY and export.expires_at is not None and export.expires_at > now:
        return
    if export.status in (Status.READY, Status.EXPIRED):
        raise Gone(
            "expired",
            _("This file was kept until %(until)s and is deleted. Run the export again to have a new one.")
            % {"until": _shown(min(export.expires_at or now, export.ended_at or now))},
        )
    problem = describe.problem_of(export)
    if problem is not None:
        if export.ready_at is not None:
            raise Gone(problem.code, problem.message)
        raise WrongState("failed", _("This export failed, so there is no file. %(why)s") % {"why": problem.message})
    if export.status == Status.CANCELLED:
        raise WrongState("cancelled", _("This export was cancelled, so there is no file."))
    raise WrongState("not_ready", _("The file is not ready yet. The export’s page says what it waits for."))


def _shown(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def refuse_clear_columns(user: User, export: Export) -> None:
    """Refuse the original, which has every column in clear, to a role for which columns are masked.

    Raises:
        Forbidden: ``masked``.
    """
    if mask_for(user, export.workspace):
        raise Forbidden(
            "masked",
            _(
                "Your role gets this workspace’s files with some columns masked, and the original has them in "
                "clear. Choose another format."
            ),
        )


def open_original(user: User, export: Export) -> BinaryIO:
    """Open a ready export's file for reading by a person, when it is what the receipt says.

    Raises:
        Forbidden: its columns are masked for the person.
        WrongState, Gone: there is none.
        Unavailable: the store of the files doesn't answer.
        FileMissing: it is gone, or altered.
    """
    refuse_without_file(export)
    refuse_clear_columns(user, export)
    file = _original(export)
    with stored.answering():
        if not stored.is_untouched(file.stored_name, size=file.bytes, sha256=file.sha256, since=file.modified_at):
            raise FileMissing(file.stored_name)
        return stored.storage().open(file.stored_name)


def _original(export: Export) -> _File:
    assert export.bytes is not None
    assert export.ready_at is not None
    extension, content_type = ORIGINALS[export.file_kind]
    return _File(
        export.stored_name,
        export.bytes,
        export.sha256,
        export.ready_at,
        content_disposition(export, extension),
        content_type,
    )


def _derived(export: Export, row: DerivedFile) -> _File:
    assert row.bytes is not None
    assert row.made_at is not None
    variant = Variant.named(row.variant)
    plain = Variant(variant.format, delimiter="tab" if variant.delimiter == "tab" else "comma", gzip=variant.gzip)
    extension, content_type = MADE[plain.name]
    return _File(
        row.stored_name, row.bytes, row.sha256, row.made_at, content_disposition(export, extension), content_type
    )


def _made(user: User, export: Export, variant: Variant) -> DerivedFile | None:
    """Return the row of a format, wishing for it when nobody did yet.

    Raises:
        WrongState: it failed a moment ago, asking again at once would only wear out the worker; or it can't be made.
    """
    row = DerivedFile.objects.filter(export=export, variant=variant.name).first()
    if row is not None and row.state == DerivedFile.State.FAILED:
        if row.error_code == formats.TOO_MANY_COLUMNS:
            raise WrongState(
                formats.TOO_MANY_COLUMNS,
                _("This export has more columns than a table can hold. Take the original, JSON Lines or JSON instead."),
            )
        if row.wanted_at > timezone.now() - FAILED_FORMAT_RESTS:
            raise WrongState(
                "format_failed",
                _(
                    "This format could not be made. The original file is not affected; "
                    "try the format again in ten minutes."
                ),
            )
        row = None
    return row or formats.want_format(user=user, export=export, variant=variant)


def _being_made(export: Export, variant: Variant, row: DerivedFile | None) -> HttpResponse:
    answer = {
        "format": variant.format,
        "variant": variant.name,
        "state": "being_made",
        "rows_done": row.done_rows if row else 0,
        "rows": export.rows,
        "seconds_left": seconds_left(row, export.rows, largest_made()) if row else None,
        "waiting_for": row.waits_for or None if row else None,
    }
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS), "Cache-Control": "no-store"}
    return JsonResponse(answer, status=202, headers=headers)


def _send(request: HttpRequest, user: User, export: Export, file: _File, format_name: str) -> HttpResponseBase:
    storage = stored.storage()
    if not stored.is_untouched(file.stored_name, size=file.bytes, sha256=file.sha256, since=file.modified_at):
        raise FileMissing(file.stored_name)
    path = storage.local_path(file.stored_name)
    if settings.EXPORT_ACCEL_LOCATION and path is not None:
        response: HttpResponseBase = _accelerated(file)
        if request.method == "GET":
            _log(request, user, export, format_name, file.bytes)
    else:
        response = _answer(request, user, export, file, format_name)
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-store"
    return response


def _accelerated(file: _File) -> HttpResponse:
    """Leave bytes, ranges and conditions to the web server in front."""
    response = HttpResponse(content_type=file.content_type)
    response["Content-Disposition"] = file.name
    location = settings.EXPORT_ACCEL_LOCATION.rstrip("/")
    response["X-Accel-Redirect"] = f"{location}/{quote(file.stored_name)}"
    return response


def _answer(request: HttpRequest, user: User, export: Export, file: _File, format_name: str) -> HttpResponseBase:
    modified = int(file.modified_at.timestamp())
    condition = get_conditional_response(request, etag=file.etag, last_modified=modified)
    if condition is not None:
        condition["ETag"] = file.etag
        if condition.status_code == HTTPStatus.NOT_MODIFIED:  # what 200 would say, or nothing (RFC 9110 §8.6)
            condition["Content-Length"] = str(file.bytes)
        return condition
    part = None
    # Ranges are for GET alone (RFC 9110 §14.2).
    if request.method == "GET" and if_range_holds(
        request.headers.get("If-Range"), etag=file.etag, last_modified=file.modified_at
    ):
        try:
            part = parse_range(request.headers.get("Range"), file.bytes)
        except Unsatisfiable:
            return HttpResponse(
                status=416, headers={"Content-Range": f"bytes */{file.bytes}", "Accept-Ranges": "bytes"}
            )
    length = file.bytes if part is None else part.length
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse()
    else:
        give_back = take_stream(str(user.pk))
        try:
            response = _body(file, part)
        except BaseException:
            give_back()
            raise
        when_closed(response, give_back)
    if part is not None:
        response.status_code = 206
        response["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{file.bytes}"
    response["Content-Type"] = file.content_type
    response["Content-Length"] = str(length)
    response["Content-Disposition"] = file.name
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = file.etag
    response["Last-Modified"] = http_date(modified)
    if request.method != "HEAD":
        _log(request, user, export, format_name, length)
    return response


def _body(file: _File, part: ByteRange | None) -> HttpResponseBase:
    if part is None:
        return _WholeFile(stored.storage().open(file.stored_name))
    return StreamingHttpResponse(stored.storage().open_range(file.stored_name, part.start, part.end))


def _log(request: HttpRequest, user: User, export: Export, format_name: str, length: int) -> None:
    log_download(user, export, format=format_name, length=length, address=client_address(request))


def log_download(user: User, export: Export, *, format: str, length: int, address: str | None) -> None:  # noqa: A002
    """Write down that somebody was handed an export's file, or ``length`` bytes of it."""
    with transaction.atomic():
        Download.objects.create(export=export, user=user, address=address, format=format, bytes=length)
        audit_log.record_audit(
            audit_log.EXPORT_DOWNLOADED,
            actor=user,
            workspace=export.workspace,
            subject=str(export.pk),
            address=address,
            format=format,
            bytes=length,
        )


def _file_lost(export: Export) -> HttpResponseBase:
    """Say why there is no file: expired a moment ago, or lost, which is then written down."""
    expire.mark_file_lost(export)
    export.refresh_from_db()
    refuse_without_file(export)
    raise Gone("file_lost", _("The stored file is no longer there. Run the export again to have a new one."))
