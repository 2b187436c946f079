"""Pages for what went wrong."""

import logging

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.test import RequestFactory

from exports.web import errors
from exports.web.acts import RoleTooLow
from tests.support.cast import Cast
from tests.web.conftest import Browse
from tests.web.markup import check_page, text_of

pytestmark = pytest.mark.django_db


def test_unknown_page_says_what_may_be_and_leads_home(cast: Cast, browse: Browse) -> None:
    answer = browse(cast.alice).get("/nowhere/")
    assert answer.status_code == 404
    assert 'href="/"' in answer.content.decode()
    check_page(answer)


def test_fault_of_ours_shows_an_id_and_logs_it(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR, logger="exports.web.errors"):
        answer = errors.server_error(RequestFactory().get("/exports/new/"))
    assert answer.status_code == 500
    fault = caplog.messages[0].split("id=")[1].split()[0]
    assert fault in text_of(answer)
    check_page(answer)


def test_exception_s_own_text_never_reaches_a_page() -> None:
    request = RequestFactory().get("/")
    for answer in (
        errors.bad_request(request, SuspiciousOperation("secret detail")),
        errors.permission_denied(request, PermissionDenied("secret detail")),
        errors.not_found(request, Exception("secret detail")),
    ):
        assert "secret detail" not in answer.content.decode()


def test_refusal_of_a_service_does_reach_it() -> None:
    answer = errors.permission_denied(RequestFactory().get("/"), RoleTooLow("Ask <Alice>."))
    assert "Ask &lt;Alice&gt;." in answer.content.decode()
    assert answer.status_code == 403
