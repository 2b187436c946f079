"""What every answer tells the browser: nothing inline, nothing framed, nothing kept."""

from typing import Any

import pytest
from django.conf import LazySettings, settings
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

from lacportal.urls import handler400, handler403, handler404, handler500  # noqa: F401 - of this URL configuration
from tests.security.addresses import Address, browser_of, every_address, keys_for
from tests.support.cast import ApiCaller, Cast, content_of, make_ready_export
from tests.web.markup import check_page

pytestmark = pytest.mark.django_db


def fails(request: HttpRequest) -> HttpResponse:
    """Fail as a fault of ours does, with secrets in the variables and in the text."""
    token = "canary-in-a-variable-of-the-frame"  # noqa: F841
    raise RuntimeError("canary-in-the-text of the exception")


urlpatterns = [path("fails/", fails), path("api/v1/fails/", fails), path("", include("lacportal.urls"))]


def careful(answer: Any) -> None:
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "*" not in policy
    assert "http:" not in policy
    for directive in (
        ()
        if "sandbox" in policy
        else ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "script-src 'self'")
    ):
        assert directive in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "Server" not in answer.headers
    assert "X-Powered-By" not in answer.headers


@pytest.mark.parametrize("address", [one for one in every_address() if not one.is_admin], ids=lambda one: one.name)
def test_every_answer_carries_the_headers(address: Address, cast: Cast, engine: None) -> None:
    for person in (None, cast.charlie, cast.alice):
        for method in ("get", "post", "put"):
            client = browser_of(person)
            answer = getattr(client, method)(address.path(keys_for(address, cast)))
            content_of(answer)
            careful(answer)
            if person is not None and not address.route.startswith(("health/", "favicon")) and not address.is_api:
                assert "no-store" in answer.headers["Cache-Control"], (method, answer.status_code)
            if address.is_api:
                assert "no-store" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("address", [one for one in every_address() if one.is_admin], ids=lambda one: one.name)
def test_administration_carries_the_headers(address: Address, cast: Cast) -> None:
    answer = browser_of(cast.ada).get(address.path({"object_id": cast.bob.pk, "id": cast.bob.pk}))
    content_of(answer)
    careful(answer)
    assert "no-store" in answer.headers["Cache-Control"]


def test_error_of_each_kind_is_a_page_of_ours_with_nothing_inline(cast: Cast, settings: LazySettings) -> None:
    settings.ROOT_URLCONF = "tests.security.test_headers"
    guarded = browser_of(cast.alice, enforce_csrf_checks=True)
    client = browser_of(cast.alice)
    seen = {
        400: client.get("/", headers={"Host": "evil.example"}),
        403: client.get("/workspaces/new/"),
        404: client.get("/nowhere/"),
        500: client.get("/fails/"),
    }
    for status, answer in [*seen.items(), (403, guarded.post("/language/"))]:
        assert answer.status_code == status
        careful(answer)
        check_page(answer)
        for secret in ("Traceback", "RuntimeError", "canary", "SECRET_KEY", "settings", "tests/security", "Django"):
            assert secret not in answer.content.decode(), (status, secret)


def test_fault_of_ours_is_known_to_the_visitor_by_its_id_alone(
    cast: Cast, settings: LazySettings, capfd: pytest.CaptureFixture[str]
) -> None:
    settings.ROOT_URLCONF = "tests.security.test_headers"
    answer = browser_of(cast.alice).get("/fails/?token=canary-in-the-address")
    assert "canary" not in answer.content.decode()
    assert "canary-in-a-variable" not in "".join(capfd.readouterr())


def test_fault_in_the_api_is_a_problem_without_its_text(cast: Cast, settings: LazySettings) -> None:
    settings.ROOT_URLCONF = "tests.security.test_headers"
    answer = browser_of(None).get("/api/v1/fails/")
    assert answer.status_code == 500
    assert "canary" not in answer.content.decode()


def test_debug_is_no_setting_that_can_be_left_on() -> None:
    assert settings.DEBUG is False


def test_file_is_neither_kept_nor_run_by_a_browser(cast: Cast) -> None:
    page = b"<html><script>alert(1)</script></html>"
    export = make_ready_export(cast.acme, cast.bob, page, file_kind="json_lines")
    answers = [
        browser_of(cast.bob).get(f"/exports/{export.pk}/download/"),
        ApiCaller(cast.bob).get(f"exports/{export.pk}/file"),
    ]
    for answer in answers:
        assert content_of(answer) == page
        assert answer.headers["Content-Disposition"].startswith("attachment;")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "html" not in answer.headers["Content-Type"]
        assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert "no-store" in answer.headers["Cache-Control"]


def test_stored_file_lies_under_no_public_address(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    client = browser_of(cast.bob)
    for place in ("/static/", "/", "/files/", "/media/", "/static/../", "/static/..%2f", "/static/exports/../../"):
        for name in (export.stored_name, f"exports/{export.stored_name}"):
            answer = client.get(place + name)
            assert answer.status_code == 404
            content_of(answer)
    for climb in ("/static/..%2f..%2flacportal/settings.py", "/static/%2e%2e/%2e%2e/manage.py", "/static//etc/passwd"):
        answer = client.get(climb)
        content_of(answer)
        assert answer.status_code == 404


@pytest.mark.parametrize("text", ["../../etc/passwd", "%2e%2e%2f", "original/../..", "csv\x00.html", "….zip", "zip;id"])
def test_traversal_in_a_parameter_is_refused(text: str, cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    client = browser_of(cast.bob)
    for field in ("format", "guard", "name"):
        answer = client.get(f"/exports/{export.pk}/download/", {field: text})
        body = content_of(answer)
        assert b"root:" not in body
        assert answer.status_code in ((200,) if field == "name" else (200, 400, 404, 409, 422))
    answer = ApiCaller(cast.bob).get(f"exports/{export.pk}/file?format={text.replace(chr(0), '%00')}")
    content_of(answer)
    assert answer.status_code in (400, 422)
