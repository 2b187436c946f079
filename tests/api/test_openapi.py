"""The API's own description."""

import pytest
from django.test import Client

from exports.api.documents import export_documents
from exports.api.v1 import document
from tests.support.cast import Cast, make_ready_export


def test_every_operation_describes_its_problems_as_such() -> None:
    schema = document()
    assert set(schema["paths"]) == {
        "/api/v1/workspaces",
        "/api/v1/workspaces/{workspace_id}",
        "/api/v1/workspaces/{workspace_id}/token",
        "/api/v1/exports",
        "/api/v1/exports/{export_id}",
        "/api/v1/exports/{export_id}/events",
        "/api/v1/exports/{export_id}/cancel",
        "/api/v1/exports/{export_id}/run-again",
        "/api/v1/exports/{export_id}/file",
    }
    for path in schema["paths"].values():
        for operation in path.values():
            assert operation["security"] == [{"PersonalToken": []}]
            for status, answer in operation["responses"].items():
                if int(status) >= 400 and status != "412" and status != "416":
                    assert list(answer["content"]) == ["application/problem+json"]


@pytest.mark.django_db
def test_export_in_the_document_has_the_fields_of_the_contract(cast: Cast) -> None:
    described = list(document()["components"]["schemas"]["ExportOut"]["properties"])
    assert described == list(export_documents([make_ready_export(cast.acme, cast.bob)])[0])


@pytest.mark.django_db
def test_document_is_served_to_anybody() -> None:
    answer = Client().get("/api/v1/openapi.json")
    assert answer["Content-Type"] == "application/json"
    assert answer.json()["openapi"].startswith("3.")


def test_file_is_described_by_the_types_it_comes_in() -> None:
    answer = document()["paths"]["/api/v1/exports/{export_id}/file"]["get"]["responses"]["200"]
    assert {"application/zip", "application/x-ndjson", "text/csv"} <= set(answer["content"])
    assert "application/octet-stream" not in answer["content"]
