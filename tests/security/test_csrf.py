"""No other site can do anything in a person's name."""

import pytest
from django.test import Client

from tests.security.addresses import Address, ask, browser_of, every_address, keys_for
from tests.support.cast import ApiCaller, Cast, make_export

pytestmark = pytest.mark.django_db
PAGES = [one for one in every_address() if not one.is_api and not one.is_admin]


@pytest.mark.parametrize("address", PAGES, ids=lambda one: one.name)
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_unsafe_request_without_the_form_s_token_is_refused(address: Address, method: str, cast: Cast) -> None:
    client = browser_of(cast.alice, enforce_csrf_checks=True)
    status, _place = ask(client, method, address.path(keys_for(address, cast)))
    assert status == 403


def test_sign_in_needs_the_form_s_token_too(cast: Cast) -> None:
    client = Client(enforce_csrf_checks=True)
    assert ask(client, "POST", "/accounts/login/", data={"login": "alice@example.com", "password": "x"})[0] == 403


def test_administration_needs_it_too(cast: Cast) -> None:
    client = browser_of(cast.ada, enforce_csrf_checks=True)
    assert ask(client, "POST", f"/admin/exports/user/{cast.bob.pk}/change/", data={"email": "x@example.com"})[0] == 403


def test_token_of_another_site_s_page_is_refused(cast: Cast) -> None:
    client = browser_of(cast.alice, enforce_csrf_checks=True)
    client.get("/workspaces/")
    sent = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value, "language": "ja"}
    assert ask(client, "POST", "/language/", data=sent, headers={"Origin": "https://evil.example"})[0] == 403
    assert ask(client, "POST", "/language/", data=sent)[0] == 302


def test_api_takes_no_cookie_for_an_answer(cast: Cast) -> None:
    export = make_export(cast.acme, cast.alice)
    client = browser_of(cast.alice)
    assert ask(client, "POST", f"/api/v1/exports/{export.pk}/cancel")[0] == 401
    assert ApiCaller(cast.alice).post(f"exports/{export.pk}/cancel").status_code == 200
