"""`/api/v1/exports`."""

from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _
from ninja import Router
from ninja.responses import Status as Answer
from pydantic import WithJsonSchema

from exports.api.answers import Limit, answers, at_most
from exports.api.auth import MAY_DOWNLOAD, MAY_QUEUE, MAY_READ, caller
from exports.api.documents import event_document, export_documents
from exports.api.problems import problem
from exports.api.schemas import BeingMade, EventsOut, ExportIn, ExportOut, ExportsOut
from exports.api.workspaces import visible_workspace
from exports.models import DataType, Export, Status
from exports.services import cancel, listing, queue
from exports.services.api_tokens import workspaces_of
from exports.services.downloads import CONTENT_TYPES, file_response
from exports.services.paging import LIMIT_MOST, keyset_page
from exports.services.texts import clean_line
from exports.services.variants import read_variant

router = Router(tags=["exports"], by_alias=True)

# Read leniently (an empty filter is none), described strictly.
KeyText = Annotated[str, WithJsonSchema({"type": "string", "format": "uuid"})]
StatusText = Annotated[str, WithJsonSchema({"type": "string", "enum": Status.values})]
TypeText = Annotated[str, WithJsonSchema({"type": "string", "enum": DataType.values})]
FormatName = Literal["original", "jsonl", "json", "csv", "xlsx", "parquet"]
OnOff = Literal["on", "off"]

FILE_ANSWERS: dict[str, Any] = {
    "responses": {
        str(status): {"description": words, "content": {kind: {} for kind in CONTENT_TYPES}}
        for status, words in {200: "The file.", 206: "The part of it that Range asks for."}.items()
    }
    | {
        "304": {"description": "The file is the one that If-None-Match names."},
    }
}


def visible_export(request: HttpRequest, key: UUID) -> Export:
    """Return an export that the caller may see, as it stands now.

    Raises:
        Http404: unknown or foreign.
    """
    token = caller(request)
    found = listing.exports_for(token.user, within=workspaces_of(token)).filter(pk=key).first()
    if found is None:
        raise Http404
    return found


def _document(request: HttpRequest, key: UUID) -> dict[str, Any]:
    return export_documents([visible_export(request, key)])[0]


@router.get("", response=answers({200: ExportsOut}, 404, 422), auth=MAY_READ, url_name="api-exports")
def list_exports(
    request: HttpRequest,
    workspace: KeyText = "",
    status: StatusText = "",
    type: TypeText = "",  # noqa: A002 - the contract's word
    cursor: str = "",
    limit: Limit = listing.DEFAULT_LIMIT,
) -> object:
    """The exports of your workspaces, the newest first."""
    token = caller(request)
    filters = listing.parse_filters(workspace=workspace, status=status, data_type=type)
    if filters.workspace is not None:
        visible_workspace(request, filters.workspace)
    page = listing.list_exports(
        user=token.user,
        filters=filters,
        cursor=cursor or None,
        limit=at_most(limit),
        within=workspaces_of(token),
    )
    return {"items": export_documents(page.items), "next_cursor": page.next_cursor}


@router.post(
    "",
    response=answers({201: ExportOut, 200: ExportOut}, 400, 404, 409, 422, 429),
    auth=MAY_QUEUE,
    url_name="api-exports",
)
def queue_export(request: HttpRequest, body: ExportIn) -> object:
    """Queue an export: 201 when it is new, 200 when an equal one runs (you join it) or its file is still there.

    `from` and `to` are both inclusive, and cut to milliseconds. `fresh` asks for a new file even so. `formats` are made
    as soon as the file is ready.
    """
    queued = queue.queue_export(
        user=caller(request).user,
        workspace=visible_workspace(request, body.workspace),
        data_type=body.type.value,
        range_from=body.range_from,
        range_to=body.range_to,
        name=clean_line(body.name or "", field="name", most=queue.NAME_LENGTH),
        fresh=bool(body.fresh),
        formats=body.formats or (),
    )
    return _queued(request, queued)


def _queued(request: HttpRequest, queued: queue.Queued) -> Answer[dict[str, Any]]:
    status = 201 if queued.outcome is queue.Outcome.MADE else 200
    return Answer(status, _document(request, queued.export.pk))


@router.get("/{export_id}", response=answers({200: ExportOut}, 404), auth=MAY_READ, url_name="api-export")
def get_export(request: HttpRequest, export_id: UUID) -> object:
    """One export."""
    return _document(request, export_id)


@router.get(
    "/{export_id}/events", response=answers({200: EventsOut}, 404, 422), auth=MAY_READ, url_name="api-export-events"
)
def list_events(request: HttpRequest, export_id: UUID, cursor: str = "", limit: Limit = LIMIT_MOST) -> object:
    """What happened to an export, from its beginning."""
    rows = visible_export(request, export_id).events.select_related("actor")
    page = keyset_page(rows, time_field="at", cursor=cursor or None, limit=at_most(limit), newest_first=False)
    return {"items": [event_document(event) for event in page.items], "next_cursor": page.next_cursor}


@router.post(
    "/{export_id}/cancel",
    response=answers({200: ExportOut}, 404, 409, 429),
    auth=MAY_QUEUE,
    url_name="api-export-cancel",
)
def cancel_export(request: HttpRequest, export_id: UUID) -> object:
    """Take your wish back. The export ends when nobody else wants it; a manager ends it for everybody."""
    cancel.cancel_export(user=caller(request).user, export=visible_export(request, export_id))
    return _document(request, export_id)


@router.post(
    "/{export_id}/run-again",
    response=answers({201: ExportOut, 200: ExportOut}, 404, 409, 429),
    auth=MAY_QUEUE,
    url_name="api-export-run-again",
)
def run_again(request: HttpRequest, export_id: UUID) -> object:
    """Ask the same question afresh: 201 with the new export, 200 when an equal one runs already."""
    queued = queue.run_again(user=caller(request).user, export=visible_export(request, export_id))
    return _queued(request, queued)


@router.get(
    "/{export_id}/file",
    response=answers({202: BeingMade}, 404, 409, 410, 412, 416, 422, 429, 503),
    auth=MAY_DOWNLOAD,
    url_name="api-export-file",
    openapi_extra=FILE_ANSWERS,
)
def get_file(
    request: HttpRequest,
    export_id: UUID,
    format: FormatName = "original",  # noqa: A002 - the contract's word
    guard: OnOff = "on",
    bom: OnOff = "on",
    delimiter: Literal["comma", "semicolon", "tab"] = "comma",
    gzip: OnOff = "off",
) -> HttpResponseBase:
    """The file. Other formats than `original` are made at the first request: 202 with Retry-After until they are.

    `guard=off` leaves cells of CSV and XLSX that a spreadsheet would read as formulas as they are. CSV comes with
    commas and a byte order mark, or by `delimiter` and `bom=off` otherwise; `gzip=on` packs JSON Lines.
    """
    export = visible_export(request, export_id)
    response = file_response(
        request,
        user=caller(request).user,
        export=export,
        variant=read_variant(format=format, guard=guard, delimiter=delimiter, bom=bom, gzip=gzip),
    )
    return _in_words(response)


def _in_words(response: HttpResponseBase) -> HttpResponseBase:
    """Return a file's refusal, which HTTP knows by its number alone, as a problem; anything else as it is."""
    if response.status_code == 412:
        code, detail = "precondition_failed", _("The file is not the one that the request names.")
    elif response.status_code == 416:
        code, detail = "range_not_satisfiable", _("The range begins beyond the end of the file.")
    else:
        return response
    kept = {name: value for name, value in response.items() if name not in ("Content-Type", "Content-Length")}
    return problem(response.status_code, code, detail, headers=kept)


# Apart from GET, so that the document has each operation once.
router.api_operation(
    ["HEAD"], "/{export_id}/file", auth=MAY_DOWNLOAD, url_name="api-export-file", include_in_schema=False
)(get_file)
