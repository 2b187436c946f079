"""Whatever bytes come in, a problem document goes out, and never our own fault."""

import io
import json

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exports.models import Export
from tests.support.cast import ApiCaller, Cast, make_ready_export

pytestmark = pytest.mark.django_db

BODIES = {
    "empty": b"",
    "no_json": b"{",
    "array": b"[]",
    "text": b'"x"',
    "number": b"1",
    "null": b"null",
    "nan": b"NaN",
    "invalid_utf8": b'{"workspace": "\xff\xfe"}',
    "byte_order_mark": b"\xef\xbb\xbf{}",
    "utf16": '{"workspace": "x"}'.encode("utf-16"),
    "nul": b'{"workspace": "\x00"}',
    "huge_number": b'{"workspace": ' + b"9" * 10_000 + b"}",
    "huge_exponent": b'{"workspace": 1e999}',
    "deep": b"[" * 100_000,
    "deep_and_closed": b'{"workspace": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "surrogate": b'{"workspace": "\\ud800", "\\ud800": 1}',
    "form": b"workspace=x&type=page",
    "too_large": b'{"name": "' + b"x" * 3_000_000 + b'"}',
}
TYPES = ["application/json", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]


@pytest.mark.parametrize("content_type", TYPES)
@pytest.mark.parametrize("body", BODIES.values(), ids=list(BODIES))
def test_body_that_cant_be_read_is_a_problem(cast: Cast, body: bytes, content_type: str) -> None:
    caller = ApiCaller(cast.ada)
    for method, path in (
        ("POST", "exports"),
        ("POST", "workspaces"),
        ("PUT", f"workspaces/{cast.acme.pk}/token"),
    ):
        answer = caller.send(method, path, data=body, content_type=content_type)
        assert answer.status_code in (400, 413, 422)
        assert answer["Content-Type"] == "application/problem+json"
        assert answer.json()["detail"]


def test_body_too_large_is_taken_in_and_dropped_so_that_the_answer_arrives(cast: Cast) -> None:
    body = io.BytesIO(b'{"name": "' + b"x" * 10_000_000 + b'"}')
    size = len(body.getvalue())
    caller = ApiCaller(cast.ada)
    answer = caller.client.generic(
        *("POST", "/api/v1/exports", b"", "application/json"),
        headers={"Authorization": f"Bearer {caller.text}"},
        **{"wsgi.input": body, "CONTENT_LENGTH": str(size)},
    )
    assert answer.status_code == 413
    assert body.tell() == size


def test_call_without_a_body_says_what_is_needed(cast: Cast) -> None:
    token = ApiCaller(cast.bob).text
    answer = Client().generic("POST", "/api/v1/exports", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["detail"]) == (422, "A JSON object is needed in the body.")
    assert answer.json()["errors"][0]["field"] == ""


def test_json_is_read_whatever_its_content_type_says(cast: Cast) -> None:
    body = {"workspace": str(cast.acme.pk), "type": "page", "from": "2026-10-01T00:00Z", "to": "2026-10-02T00:00Z"}
    answer = ApiCaller(cast.bob).send(
        "POST", "exports", data=json.dumps(body), content_type="application/x-www-form-urlencoded"
    )
    assert answer.status_code == 201


@pytest.mark.parametrize(
    "path",
    ["", "nowhere", "exports/", "exports/1", "exports/%00", "exports/..%2f..%2fetc", "exports/x/y/z/" + "a" * 3000,
     "%ff", "workspaces/%0a", "docs", "exports/00000000-0000-0000-0000-00000000000g"],
)  # fmt: skip
def test_unknown_address_is_a_problem(cast: Cast, path: str) -> None:
    answer = ApiCaller(cast.ada).get(path)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer nonsense", "Basic YTpi", "bearer\tlac_x", "Bearer lac_" + "é" * 9, "Bearer lac_\x00",
     "Bearer lac_" + "x" * 5000, "lac_x", "Bearer lac_a lac_b"],
)  # fmt: skip
def test_unusable_credentials_are_challenged(cast: Cast, header: str) -> None:
    answer = Client().get("/api/v1/exports", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="LAC Portal", error="invalid_token"'
    assert answer["Content-Type"] == "application/problem+json"


def test_missing_credentials_are_challenged_without_blame(cast: Cast) -> None:
    answer = Client().get("/api/v1/exports")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer realm="LAC Portal"')


def test_sentence_is_in_the_language_asked_for_where_translated(cast: Cast) -> None:
    answer = ApiCaller(cast.ada).get("nowhere", headers={"Accept-Language": "ja"})
    assert answer.status_code == 404
    assert answer["Content-Language"] == "ja"


def test_defect_of_ours_answers_an_id_only_and_logs_it(cast: Cast, caplog: pytest.LogCaptureFixture) -> None:
    Export.objects.create(  # an event without the figure that its sentence tells: only a defect writes one
        workspace=cast.acme,
        data_type="page",
        range_from="2026-10-01T00:00:00Z",
        range_to="2026-10-02T00:00:00Z",
        requested_by=cast.bob,
        due_at="2026-10-01T00:00:00Z",
    ).events.create(code="asked_shifted")
    export = Export.objects.get()
    answer = ApiCaller(cast.bob).get(f"exports/{export.pk}/events")
    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/problem+json"
    assert "shift_ms" not in answer.content.decode()
    fault = answer.json()["detail"].split()[-1].rstrip(".")
    assert f"api.failed id={fault}" in caplog.text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)

FIELDS = ("workspace", "type", "from", "to", "name", "fresh", "base_url", "time_zone", "token", "expires_at")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(FIELDS, JSON),
    ),
    real=st.booleans(),
)
def test_any_json_is_accepted_or_refused(cast: Cast, values: dict[str, object], real: bool) -> None:
    if real:
        values = {"workspace": str(cast.acme.pk), "type": "page", "name": "x", "base_url": "https://x"} | values
    caller = ApiCaller(cast.ada)
    for method, path in (
        ("POST", "exports"),
        ("POST", "workspaces"),
        ("PUT", f"workspaces/{cast.acme.pk}/token"),
    ):
        answer = caller.send(method, path, data=json.dumps(values))
        assert answer.status_code in (200, 201, 204, 400, 404, 422), answer.content


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.dictionaries(
        st.sampled_from(["workspace", "status", "type", "cursor", "limit", "format", "other"]),
        st.text() | st.integers().map(str),
    )
)
def test_any_query_is_accepted_or_refused(cast: Cast, query: dict[str, str]) -> None:
    query = {key: value.encode("utf-8", "replace").decode() for key, value in query.items()}
    caller = ApiCaller(cast.ada)
    for path in ("exports", "workspaces"):
        answer = caller.client.get(f"/api/v1/{path}", data=query, headers={"Authorization": f"Bearer {caller.text}"})
        assert answer.status_code in (200, 404, 422), answer.content


@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("Range", "bytes=99999999-", 416, "range_not_satisfiable"),
        ("If-Match", '"another"', 412, "precondition_failed"),
    ],
)
def test_refusal_of_a_file_that_http_knows_by_number_has_words_too(
    header: str, value: str, status: int, code: str, cast: Cast
) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    answer = ApiCaller(cast.bob).get(f"exports/{export.pk}/file", headers={header: value})
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert answer.json()["code"] == code
    assert answer.json()["detail"]
    assert answer.headers.get("Content-Range") == (f"bytes */{export.bytes}" if status == 416 else None)
