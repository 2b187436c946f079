"""`/api/v1/workspaces`."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import Router
from ninja.responses import Status as Answer

from exports.api.answers import Limit, answers, at_most
from exports.api.auth import MAY_MANAGE, MAY_READ, caller
from exports.api.documents import workspace_documents
from exports.api.schemas import TokenIn, WorkspaceIn, WorkspaceOut, WorkspacesOut
from exports.models import User, Workspace
from exports.services import tokens, workspaces
from exports.services.api_tokens import workspaces_of
from exports.services.paging import keyset_page
from exports.services.refusals import Forbidden

router = Router(tags=["workspaces"], by_alias=True)


def visible_workspace(request: HttpRequest, key: UUID) -> Workspace:
    """Return a workspace that the caller may see.

    Raises:
        Http404: unknown or foreign.
    """
    found = workspaces_of(caller(request)).select_related("host").filter(pk=key).first()
    if found is None:
        raise Http404
    return found


def _document(workspace: Workspace, user: User) -> dict[str, object]:
    found = workspace_documents([workspace], user)
    if not found:  # taken out of the workspace between two of our looks
        raise Http404
    return found[0]


@router.get("", response=answers({200: WorkspacesOut}, 422), auth=MAY_READ, url_name="api-workspaces")
def list_workspaces(request: HttpRequest, cursor: str = "", limit: Limit = 100) -> object:
    """The workspaces you belong to, the newest first; all of them for a site administrator."""
    token = caller(request)
    rows = workspaces_of(token).select_related("host")
    page = keyset_page(rows, time_field="created_at", cursor=cursor or None, limit=at_most(limit))
    return {"items": workspace_documents(page.items, token.user), "next_cursor": page.next_cursor}


@router.post("", response=answers({201: WorkspaceOut}, 400, 422), auth=MAY_MANAGE, url_name="api-workspaces")
def create_workspace(request: HttpRequest, body: WorkspaceIn) -> object:
    """Make a workspace (site administrators). Without a token it is paused until a manager gives one."""
    token = caller(request)
    if not token.all_workspaces:
        raise Forbidden("token_limited", _("This token is for some workspaces only: it makes no new ones."))
    user = token.user
    made = workspaces.create_workspace(
        actor=user,
        name=body.name,
        base_url=body.base_url,
        time_zone=body.time_zone or "UTC",
        token=body.token,
    )
    return Answer(201, _document(made, user))


@router.get("/{workspace_id}", response=answers({200: WorkspaceOut}, 404), auth=MAY_READ, url_name="api-workspace")
def get_workspace(request: HttpRequest, workspace_id: UUID) -> object:
    """One workspace."""
    return _document(visible_workspace(request, workspace_id), caller(request).user)


@router.put(
    "/{workspace_id}/token",
    response=answers({204: None}, 400, 404, 409, 422),
    auth=MAY_MANAGE,
    url_name="api-workspace-token",
)
def set_token(request: HttpRequest, workspace_id: UUID, body: TokenIn) -> HttpResponse:
    """Save the workspace's access token (managers); it is never shown again. Saving one resumes the workspace."""
    tokens.set_token(
        actor=caller(request).user,
        workspace=visible_workspace(request, workspace_id),
        token=body.token,
        expires_at=body.expires_at,
    )
    return HttpResponse(status=204)
