"""Access tokens, API tokens and second factors are touched only by whoever has lately shown who it is."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from exports.models import ApiToken, Membership, Workspace
from tests.support.cast import ACME_TOKEN, BASE_URL, Cast
from tests.web.conftest import Browse
from tests.web.markup import check_page, text_of

PASSWORD = "correct horse battery staple"
LATER = timedelta(minutes=15, seconds=1)
NEW_TOKEN = "brand-new-token-0123456789abcdefghijklmnopqrstuvwxyz99"


@pytest.fixture
def alice(cast: Cast) -> Client:
    """Alice's browser, in which she signed in with her password."""
    cast.alice.set_password(PASSWORD)
    cast.alice.save()
    client = Client()
    client.post("/accounts/login/", {"login": cast.alice.email, "password": PASSWORD})
    return client


def later() -> Any:
    return time_machine.travel(timezone.now() + LATER)


def test_deed_after_a_while_leads_to_the_password_and_changes_nothing(alice: Client, cast: Cast) -> None:
    here = f"/workspaces/{cast.acme.pk}/"
    with later():
        for path, sent in (
            (f"{here}token/", {"token": NEW_TOKEN, "anyway": "on"}),
            (f"{here}token/forget/", {}),
            ("/account/tokens/", {"name": "nightly", "scopes": "read", "lifetime": "30"}),
        ):
            answer = alice.post(path, sent, follow=True)
            assert answer.redirect_chain[-1][0].startswith("/accounts/reauthenticate/?next=")
            assert "Nothing was changed yet" in text_of(answer)
        check_page(answer)
    workspace = Workspace.objects.get(pk=cast.acme.pk)
    assert workspace.read_token().reveal() == ACME_TOKEN
    assert not ApiToken.objects.exists()


def test_token_that_came_too_late_is_kept_nowhere(alice: Client, cast: Cast) -> None:
    with later():
        alice.post(f"/workspaces/{cast.acme.pk}/token/", {"token": NEW_TOKEN})
    assert all(NEW_TOKEN not in str(session.get_decoded()) for session in Session.objects.all())


def test_password_shown_again_opens_it_for_a_while(alice: Client, cast: Cast) -> None:
    here = f"/workspaces/{cast.acme.pk}/"
    with time_machine.travel(timezone.now() + LATER) as clock:
        page = alice.get(here)
        check_page(page)
        assert "asks once more who you are" in text_of(page)
        assert f'action="{here}token/"' not in page.content.decode()
        confirm = alice.get(f"/account/confirm/?next={here}").headers["Location"]
        wrong = alice.post(confirm, {"password": "wrong", "next": here})
        assert wrong.status_code == 200
        check_page(wrong)
        assert alice.post(confirm, {"password": PASSWORD, "next": here}).headers["Location"] == here
        assert f'action="{here}token/"' in alice.get(here).content.decode()
        assert alice.post(f"{here}token/forget/").headers["Location"] == f"{here}#token"
        clock.shift(LATER)
        assert f'action="{here}token/"' not in alice.get(here).content.decode()
    assert not Workspace.objects.get(pk=cast.acme.pk).has_token


def test_new_workspace_takes_a_token_and_asks_too(cast: Cast, browse: Browse) -> None:
    ada = browse(cast.ada)
    with later():
        sent = {"name": "New", "base_url": BASE_URL, "time_zone": "UTC", "token": NEW_TOKEN}
        answer = ada.post("/workspaces/new/", sent)
        assert answer.headers["Location"].startswith("/account/confirm/?next=")
    assert not Workspace.objects.filter(name="New").exists()


def test_second_factors_ask_too(alice: Client) -> None:
    with later():
        for path in ("2fa/totp/activate/", "2fa/webauthn/add/", "2fa/recovery-codes/generate/"):
            answer = alice.get(f"/accounts/{path}")
            assert answer.headers["Location"].startswith("/accounts/reauthenticate/?next="), path


def test_whoever_has_no_password_signs_in_again(cast: Cast, browse: Browse) -> None:
    bob = browse(cast.bob)
    Membership.objects.filter(user=cast.bob).update(role="manager")
    with later():
        for path in ("/accounts/2fa/totp/activate/", "/account/confirm/?next=/account/%23tokens"):
            page = bob.get(path, follow=True)
            assert "You have no password here: sign in again to go on." in text_of(page)
            check_page(page)


@pytest.mark.parametrize("place", ["https://evil.test/", "//evil.test", "javascript:alert(1)"])
def test_way_back_is_one_of_ours(place: str, alice: Client) -> None:
    with later():
        assert alice.get("/account/confirm/", {"next": place}).headers["Location"].endswith("?next=%2Faccount%2F")
