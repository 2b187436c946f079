"""From rows to what the API shows of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.conf import settings

from exports.models import Export, ExportEvent, Membership, Role, User, Workspace
from exports.services import describe, health


def workspace_documents(workspaces: Sequence[Workspace], user: User) -> list[dict[str, Any]]:
    """Return workspaces as shown to a person (one query for the roles).

    Args:
        workspaces: visible to the person, with their hosts loaded.
    """
    roles: dict[UUID, str] = {}
    if not user.is_superuser:
        rows = Membership.objects.filter(user=user, workspace__in=[workspace.pk for workspace in workspaces])
        roles = dict(rows.values_list("workspace_id", "role"))
    return [
        {
            "id": workspace.pk,
            "name": workspace.name,
            "base_url": workspace.base_url,
            "time_zone": workspace.time_zone,
            "role": Role.MANAGER if user.is_superuser else Role(roles[workspace.pk]),
            "paused": {"code": workspace.pause_code, "since": workspace.paused_at} if workspace.is_paused else None,
            "token": {
                "set": workspace.has_token,
                "last4": workspace.token_last4 or None,
                "expires_at": workspace.token_expires_at,
            },
        }
        for workspace in workspaces
        if user.is_superuser or workspace.pk in roles
    ]


def export_documents(exports: Sequence[Export]) -> list[dict[str, Any]]:
    """Return exports as shown to anybody who may see them (at most three queries, however many).

    Args:
        exports: with workspace, host and requester loaded (`exports.services.listing.exports_for`).
    """
    places = describe.queue_positions(exports)
    now = health.state() if any(export.is_active for export in exports) else None
    return [_export_document(export, places.get(export.pk), now) for export in exports]


def _export_document(export: Export, place: int | None, state: health.Health | None) -> dict[str, Any]:
    waiting = describe.waiting_for(export, state)
    problem = describe.problem_of(export)
    here = f"{settings.PUBLIC_URL}/api/v1/exports/{export.pk}"
    return {
        "id": export.pk,
        "workspace": export.workspace_id,
        "type": export.data_type,
        "from": export.range_from,
        "to": export.range_to,
        "name": export.name,
        "status": export.status,
        "requested_by": export.requested_by.email,
        "queue_position": place,
        "estimated_ready_at": export.estimated_ready_at,
        "estimate_basis": export.estimate_basis or None,
        "waiting_for": waiting and {"code": waiting.code, "since": waiting.since, "until": waiting.until},
        "attempts": export.attempts,
        "rows": export.rows,
        "bytes": export.bytes,
        "bytes_received": export.bytes_received,
        "sha256": export.sha256 or None,
        "created_at": export.created_at,
        "submitted_at": export.submitted_at,
        "ready_at": export.ready_at,
        "expires_at": export.expires_at,
        "error": problem
        and {
            "code": problem.code,
            "message": problem.message,
            "next_action": problem.next_action,
            "whose_turn": problem.whose_turn.value,
        },
        "links": {
            "self": here,
            "events": f"{here}/events",
            "file": f"{here}/file",
            "page": f"{settings.PUBLIC_URL}{export.get_absolute_url()}",
        },
    }


def event_document(event: ExportEvent) -> dict[str, Any]:
    """Return one event of a timeline, with its actor loaded."""
    entry = describe.entry_of(event)
    return {
        "at": entry.at,
        "code": entry.code,
        "message": entry.sentence,
        "actor": entry.actor.email if entry.actor else None,
        "data": event.data,
    }
