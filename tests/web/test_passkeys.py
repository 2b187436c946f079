"""Passkeys and security keys in a real browser with an authenticator of its own (Chromium's virtual one)."""

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from exports.models import AuditEntry, User
from tests.support.cast import make_person
from tests.support.chromium import PASSKEY_DEVICE

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery staple"


@pytest.fixture
def dana(db: None) -> User:
    return make_person("Dana", password=PASSWORD)


@pytest.fixture
def keys(page: Page) -> Iterator[Any]:
    """Give the page's browser a device that holds passkeys; fail on anything the content security policy stops."""
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    device = session.send("WebAuthn.addVirtualAuthenticator", {"options": PASSKEY_DEVICE})["authenticatorId"]

    def verified(is_verified: bool) -> None:
        session.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": is_verified})

    yield verified
    assert [text for text in complaints if "Content Security Policy" in text] == []


def sign_in(page: Page, server: LiveServer) -> None:
    page.goto(f"{at(server)}/accounts/login/")
    page.fill("input[name=login]", "dana@example.com")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url(lambda url: "/accounts/login/" not in url)


def at(server: LiveServer) -> str:
    return str(server.url).replace("127.0.0.1", "localhost")


def sign_out(page: Page) -> None:
    page.locator("header details.menu summary").click()
    page.get_by_role("button", name="Sign out").click()


def add_passkey(page: Page, server: LiveServer, name: str, *, alone: bool = True) -> None:
    page.goto(f"{at(server)}/accounts/2fa/webauthn/add/")
    page.fill("input[name=name]", name)
    page.set_checked("input[name=passwordless]", alone)
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_passkey_is_added_signs_in_confirms_is_renamed_and_removed(
    dana: User, page: Page, keys: Any, live_server: LiveServer
) -> None:
    sign_in(page, live_server)
    add_passkey(page, live_server, "Laptop")
    expect(page.locator(".codes code")).to_have_count(10)
    sign_out(page)

    page.goto(f"{at(live_server)}/accounts/login/?next=/account/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page).to_have_url(f"{at(live_server)}/account/")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()

    page.goto(f"{at(live_server)}/accounts/2fa/webauthn/reauthenticate/?next=/account/")
    page.get_by_role("button", name="Use the passkey").click()
    expect(page).to_have_url(f"{at(live_server)}/account/")

    page.goto(f"{at(live_server)}/accounts/2fa/webauthn/")
    page.get_by_role("link", name="Rename Laptop").click()
    page.fill("input[name=name]", "Old laptop")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Remove Old laptop").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("None yet.")).to_be_visible()
    assert not Authenticator.objects.exists()
    assert actions() == [
        "person.signed_in",
        "person.second_factor_added",
        "person.signed_out",
        "person.signed_in",
        "person.confirmed",
        "person.second_factor_renamed",
        "person.second_factor_removed",
    ]


def test_security_key_is_asked_for_after_the_password(
    dana: User, page: Page, keys: Any, live_server: LiveServer
) -> None:
    sign_in(page, live_server)
    add_passkey(page, live_server, "USB key", alone=False)
    sign_out(page)
    sign_in(page, live_server)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.goto(f"{at(live_server)}/account/")
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()  # not in yet
    page.get_by_role("button", name="Use a passkey or security key").click()
    expect(page.locator("header details.menu")).to_be_visible()


def test_recovery_code_opens_when_the_key_is_lost_and_works_once(
    dana: User, page: Page, keys: Any, live_server: LiveServer
) -> None:
    sign_in(page, live_server)
    add_passkey(page, live_server, "Laptop")
    code = page.locator(".codes code").first.inner_text()
    sign_out(page)
    for heading in ("Exports", "Second factor"):
        sign_in(page, live_server)
        page.fill("input[name=code]", code)
        page.press("input[name=code]", "Enter")
        expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        if heading == "Exports":
            sign_out(page)


def test_cancelled_passkey_says_what_to_do(dana: User, page: Page, keys: Any, live_server: LiveServer) -> None:
    keys(False)
    page.goto(f"{at(live_server)}/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("That didn’t work: the passkey was not found")).to_be_visible(timeout=30000)
    assert actions() == []


def test_without_scripts_nothing_offers_a_passkey(dana: User, browser: Any, live_server: LiveServer) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-US")
    page = context.new_page()
    page.goto(f"{at(live_server)}/accounts/login/")
    expect(page.get_by_role("button", name="Sign in with a passkey")).to_be_hidden()
    sign_in(page, live_server)
    page.goto(f"{at(live_server)}/accounts/2fa/webauthn/add/")
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()
    context.close()
