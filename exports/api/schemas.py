"""What goes in and out (design.md §6: names others rely on)."""

from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import ConfigDict, Field

from exports.api.dates import MomentIn, MomentOut
from exports.models import DataType, Role, Status


class Paused(Schema):
    code: str
    since: MomentOut


class TokenState(Schema):
    set: bool
    last4: str | None
    expires_at: MomentOut | None


class WorkspaceOut(Schema):
    id: UUID
    name: str
    base_url: str
    time_zone: str
    role: Role
    paused: Paused | None
    token: TokenState


class WorkspacesOut(Schema):
    items: list[WorkspaceOut]
    next_cursor: str | None


# White space around is cut before the rules of exports.services count, so that these only describe them.
Name = Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": 100})]
Origin = Annotated[str, Field(json_schema_extra={"format": "uri", "examples": ["https://analytics.liferay.com"]})]
TokenText = Annotated[str, Field(json_schema_extra={"minLength": 1, "maxLength": 512, "pattern": "^[!-~]+$"})]


FormatName = Literal["jsonl", "json", "csv", "xlsx", "parquet"]  # MADE of exports.services.variants


class WorkspaceIn(Schema):
    name: Name
    base_url: Origin
    time_zone: str | None = None
    token: TokenText | None = None


class TokenIn(Schema):
    token: TokenText
    expires_at: MomentIn | None = None


class ExportIn(Schema):
    model_config = ConfigDict(populate_by_name=False)

    workspace: UUID
    type: DataType
    range_from: Annotated[MomentIn, Field(alias="from")]
    range_to: Annotated[MomentIn, Field(alias="to")]
    name: Annotated[str, Field(json_schema_extra={"maxLength": 120})] | None = None
    fresh: bool | None = None
    formats: list[FormatName] | None = None


class WaitingFor(Schema):
    code: str
    since: MomentOut
    until: MomentOut | None


class ErrorOut(Schema):
    code: str
    message: str
    next_action: str
    whose_turn: str


class Links(Schema):
    self: str
    events: str
    file: str
    page: str


class ExportOut(Schema):
    id: UUID
    workspace: UUID
    type: DataType
    range_from: Annotated[MomentOut, Field(alias="from")]
    range_to: Annotated[MomentOut, Field(alias="to")]
    name: str
    status: Status
    requested_by: str
    queue_position: int | None
    estimated_ready_at: MomentOut | None
    estimate_basis: str | None
    waiting_for: WaitingFor | None
    attempts: int
    rows: int | None
    bytes: int | None
    bytes_received: int
    sha256: str | None
    created_at: MomentOut
    submitted_at: MomentOut | None
    ready_at: MomentOut | None
    expires_at: MomentOut | None
    error: ErrorOut | None
    links: Links


class ExportsOut(Schema):
    items: list[ExportOut]
    next_cursor: str | None


class EventOut(Schema):
    at: MomentOut
    code: str
    message: str
    actor: str | None
    data: dict[str, Any]


class EventsOut(Schema):
    items: list[EventOut]
    next_cursor: str | None


class BeingMade(Schema):
    format: str
    variant: str
    state: str
    rows_done: int
    rows: int | None
    seconds_left: int | None
    waiting_for: str | None


class FieldError(Schema):
    field: str
    message: str


class Problem(Schema):
    """RFC 9457."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[FieldError] | None = None
