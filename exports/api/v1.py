"""The JSON API, version 1."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.operation import Operation

from exports.api import exports, problems, workspaces

PREFIX = "api/v1/"


class PortalAPI(NinjaAPI):
    """Names operations after their functions: what generated clients call them."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """Return the function's name."""
        return operation.view_func.__name__


api = PortalAPI(
    title="LAC Portal",
    version="1.0.0",
    description="Exports of Liferay Analytics Cloud workspaces: queue them, watch them, download their files.",
    openapi_url=None,
    docs_url=None,
    urls_namespace="api-v1",
)
api.add_router("workspaces", workspaces.router)
api.add_router("exports", exports.router)
problems.register(api)


@cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document; errors are problems there too."""
    schema: dict[str, Any] = api.get_openapi_schema(path_prefix=PREFIX)
    for path in schema["paths"].values():
        for operation in path.values():
            for status, answer in operation["responses"].items():
                content = answer.get("content", {})
                if int(status) >= 400 and "application/json" in content:
                    content[problems.CONTENT_TYPE] = content.pop("application/json")
    return schema


def openapi(request: HttpRequest) -> HttpResponse:
    """Answer with the OpenAPI document, to anybody."""
    if request.method not in ("GET", "HEAD"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD"})
    return JsonResponse(document())
