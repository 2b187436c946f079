"""Waiting: the list lives without reload, says a change once, and obeys."""

import pytest

from tests.end_to_end.conftest import PASSWORD, Office, OpenVisitor
from tests.end_to_end.visitor import Visitor

_LISTEN = """
() => {
  window.said = [];
  new MutationObserver(() => window.said.push(document.getElementById("announce").textContent))
    .observe(document.getElementById("announce"), {childList: true, characterData: true, subtree: true});
}
"""


@pytest.mark.parametrize("language", ["en", "ja"])
def test_list_lives_and_says_each_change_once(office: Office, visit: OpenVisitor, language: str) -> None:
    stack = office.stack
    visitor = visit(stack.url, language=language)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)
    stack.simulator.faults.add("unavailable", workspace=office.upstream, times=None)
    key = stack.api.queue(office.workspace)["id"]
    page.reload()
    page.locator(f"#row-{key}").wait_for()
    page.evaluate(_LISTEN)

    stack.simulator.faults.clear()
    page.locator(f"#row-{key}[data-state=ready]").get_by_role("link", name=visitor.say("Download")).wait_for()
    # A finished list asks no more, and what happened was said once, not at every look.
    page.locator("#desk:not([hx-get])").wait_for()
    said = page.evaluate("() => window.said")
    assert said
    assert len(said) == len(set(said))


@pytest.mark.parametrize("language", ["en", "ja"])
def test_export_is_cancelled_and_run_again(office: Office, visit: OpenVisitor, language: str) -> None:
    stack = office.stack
    visitor = visit(stack.url, language=language)
    page = visitor.page
    visitor.sign_in(office.hire("manager"), PASSWORD)
    stack.simulator.faults.add("unavailable", workspace=office.upstream, times=None)
    key = stack.api.queue(office.workspace)["id"]
    visitor.open(f"/exports/{key}/")
    page.locator("summary", has_text=visitor.say("Cancel")).click()
    page.locator(".menu-body").get_by_role("button", name=visitor.say("Cancel")).click()
    visitor.heading("Cancelled").wait_for()
    assert stack.api.export(key)["status"] == "cancelled"

    stack.simulator.faults.clear()
    visitor.button("Run again").click()
    page.wait_for_url(lambda address: key not in address)
    visitor.heading("Ready").wait_for()


def test_filters_answer_at_once_and_stand_in_the_address(office: Office, visit: OpenVisitor) -> None:
    visitor = visit(office.stack.url)
    page = visitor.page
    keys = [office.stack.api.queue(office.workspace, type=kind)["id"] for kind in ("page", "event")]
    visitor.sign_in(office.hire(), PASSWORD)
    page.get_by_label(visitor.say("Data type")).select_option("event")
    page.wait_for_url("**type=event**")
    page.locator(f"#row-{keys[1]}").wait_for()
    assert page.locator(f"#row-{keys[0]}").count() == 0
    page.get_by_label(visitor.say("Search exports")).fill("nothing is called like this")
    page.keyboard.press("Enter")
    visitor.heading("No export matches").wait_for()
    visitor.link("Clear the filters").click()
    page.wait_for_url(f"{visitor.address}/")
    assert _rows(visitor) == 2


def _rows(visitor: Visitor) -> int:
    return visitor.page.locator("tr[id^=row-]").count()
