"""People come in and look after themselves: invitations, passkeys; and what only managers may do with an export."""

import email
import email.policy
import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.end_to_end.conftest import PASSWORD, Office, OpenVisitor
from tests.end_to_end.visitor import Visitor
from tests.support.chromium import PASSKEY_DEVICE
from tests.support.stack import Stack


def link_mailed_to(stack: Stack, address: str) -> str | None:
    """Return the path of the link in the mail to an address; mails are files here."""
    for file in (stack.folder / "mails").glob("*"):
        text, _line, _next = file.read_text().partition("-" * 79)
        message = email.message_from_string(text, policy=email.policy.default)
        if address in str(message["To"]):
            body = message.get_payload(decode=True)
            assert isinstance(body, bytes)
            link = re.search(rf"{re.escape(stack.url)}(/\S+)", body.decode())
            return link[1] if link else None
    return None


def test_who_is_invited_comes_in_by_the_mailed_link_once(office: Office, visit: OpenVisitor) -> None:
    stack = office.stack
    addresses = {}
    for language in ("en", "ja"):  # both at once: mails leave every half minute
        manager = visit(stack.url, language=language)
        manager.sign_in(office.hire("manager"), PASSWORD)
        manager.open(f"/workspaces/{office.workspace}/")
        addresses[language] = f"guest-{language}-{office.upstream}@example.com"
        manager.page.get_by_label(manager.say("Add a person")).fill(addresses[language])
        manager.button("Add", exact=True).click()
        manager.heading("Invited").wait_for()
        manager.page.get_by_text(addresses[language]).first.wait_for()

    for language, address in addresses.items():
        guest = visit(stack.url, language=language)
        link = guest.until(lambda to=address: link_mailed_to(stack, to), "the invitation is mailed", seconds=90)
        guest.open(link)
        guest.page.get_by_label(guest.say("Your name")).fill("佐藤 美咲")
        guest.page.get_by_label(guest.say("Choose a password")).fill(PASSWORD)
        guest.button("Join").click()
        guest.page.wait_for_url(lambda url: "/invitations/" not in url)
        guest.page.get_by_text(office.name).first.wait_for()

        late = visit(stack.url, language=language)
        late.expected |= {404, 410}
        late.open(link)
        late.heading("This invitation no longer works").wait_for()


@pytest.fixture(scope="module")
def named_stack(browser: Browser) -> Iterator[Stack]:
    """A portal that answers to a name: passkeys belong to a name, never to an address of numbers."""
    with Stack(settings={"ALLOWED_HOSTS": "127.0.0.1,localhost"}) as stack:
        yield stack


@pytest.mark.parametrize("language", ["en", "ja"])
def test_passkey_is_added_and_signs_in_alone(named_stack: Stack, visit: OpenVisitor, language: str) -> None:
    visitor: Visitor = visit(named_stack.url.replace("127.0.0.1", "localhost"), language=language)
    page = visitor.page
    device = visitor.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    device.send("WebAuthn.addVirtualAuthenticator", {"options": PASSKEY_DEVICE})
    address = f"key-{language}@example.com"
    named_stack.warm(f"person {json.dumps([address, PASSWORD, 'Hanako Yamada', {}])}")
    visitor.sign_in(address, PASSWORD)

    visitor.open("/accounts/2fa/")
    visitor.link("Add one").click()
    page.get_by_label(visitor.say("Name"), exact=True).fill(f"ノートPC {language}")
    visitor.button("Add", exact=True).click()
    page.wait_for_url(lambda url: "/webauthn/add" not in url)

    visitor.context.clear_cookies()
    visitor.open("/accounts/login/")
    visitor.button("Sign in with a passkey").click()
    page.wait_for_url(f"{visitor.address}/")
    visitor.open("/accounts/2fa/webauthn/")
    page.get_by_text(f"ノートPC {language}").first.wait_for()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_manager_moves_an_export_to_the_front_and_pins_its_file(
    office: Office, visit: OpenVisitor, language: str
) -> None:
    stack = office.stack
    visitor = visit(stack.url, language=language)
    page = visitor.page
    visitor.sign_in(office.hire("manager"), PASSWORD)
    visitor.open(f"/workspaces/{office.workspace}/")
    visitor.button("Pause the workspace").click()
    page.get_by_text(visitor.say("It was paused by hand.")).wait_for()
    first, last = (stack.api.queue(office.workspace, day=day)["id"] for day in (1, 2))

    visitor.open(f"/exports/{last}/")
    page.locator("summary", has_text=visitor.say("To the front")).click()
    page.get_by_label(visitor.say("Why before the others? Everybody here reads it.")).fill("取締役会の資料")
    visitor.button("Ask it next").click()
    page.get_by_text("取締役会の資料").first.wait_for()

    visitor.open(f"/workspaces/{office.workspace}/")
    visitor.button("Resume").click()
    visitor.open(f"/exports/{last}/")
    visitor.heading("Ready").wait_for()
    visitor.button("Pin", exact=True).click()
    page.get_by_text(visitor.say("Pinned:"), exact=True).wait_for()
    visitor.button("Unpin").click()
    page.get_by_text(visitor.say("Pinned:"), exact=True).wait_for(state="detached")
    visitor.open(f"/exports/{first}/")
    visitor.heading("Ready").wait_for()
