"""The main job by keyboard alone: everything is reached by Tab in the order of the page, and one sees where one is."""

import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PASSWORD, Office, OpenVisitor
from tests.end_to_end.visitor import Visitor

MOST_STOPS = 80


def tab_to(visitor: Visitor, name: str) -> None:
    """Press Tab until the element of this name has the keyboard; each stop on the way must show that it has."""
    for _stop in range(MOST_STOPS):
        visitor.page.keyboard.press("Tab")
        focused = visitor.focused()
        assert visitor.focus_is_seen(), f"nobody sees that {focused!r} has the keyboard"
        if name in focused:
            return
    raise AssertionError(f"Tab never reaches {name!r}")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_main_job_needs_no_mouse(office: Office, visit: OpenVisitor, tmp_path: Path, language: str) -> None:
    visitor = visit(office.stack.url, language=language)
    page, say = visitor.page, visitor.say
    email = office.hire()
    visitor.open("/accounts/login/")
    assert visitor.focused() == say("E-mail address")
    page.keyboard.type(email)
    page.keyboard.press("Tab")  # nothing lies between the two
    assert visitor.focused() == say("Password")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{visitor.address}/")

    # The first stop leads past the frame.
    page.keyboard.press("Tab")
    assert visitor.focused() == say("Skip to the content")
    tab_to(visitor, say("New export"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/exports/new/")

    assert visitor.focused() == say("Workspace")
    tab_to(visitor, say("Pages"))
    page.keyboard.press("Space")
    tab_to(visitor, say("Last month"))
    page.keyboard.press("ArrowUp")  # radio buttons: arrows choose, Tab goes on
    assert page.get_by_role("radio", name=say("Last week")).is_checked()
    page.keyboard.press("ArrowDown")
    tab_to(visitor, say("Queue the export"))
    page.keyboard.press("Enter")
    page.wait_for_url("**/exports/*-*-*-*-*/")

    visitor.heading("Ready").wait_for()
    page.evaluate("() => document.getElementById('main').focus()")
    tab_to(visitor, say("Download"))
    file = visitor.download(lambda: page.keyboard.press("Enter"), tmp_path)
    assert zipfile.is_zipfile(file)

    # A menu opens, closes with Escape, and gives the keyboard back.
    tab_to(visitor, say("Delete the file"))
    page.keyboard.press("Enter")
    visitor.button("Delete now").wait_for()
    page.keyboard.press("Escape")
    visitor.button("Delete now").wait_for(state="hidden")
    assert say("Delete the file") in visitor.focused()


def test_looking_again_leaves_the_keyboard_and_open_folds_where_they_are(office: Office, visit: OpenVisitor) -> None:
    visitor = visit(office.stack.url)
    page = visitor.page
    visitor.sign_in(office.hire("manager"), PASSWORD)
    office.stack.simulator.faults.add("unavailable", workspace=office.upstream, times=None)
    key = office.stack.api.queue(office.workspace)["id"]
    visitor.open(f"/exports/{key}/")
    page.get_by_text(visitor.say("Technical details")).click()
    page.locator("#technical summary").focus()
    office.stack.simulator.faults.clear()
    visitor.heading("Ready").wait_for()
    assert page.locator("#technical").get_attribute("open") is not None
    assert visitor.focused() == visitor.say("Technical details")


def test_refused_form_puts_the_keyboard_into_the_first_field_to_mend(office: Office, visit: OpenVisitor) -> None:
    visitor = visit(office.stack.url)
    visitor.expected.add(422)
    page, say = visitor.page, visitor.say
    visitor.sign_in(office.hire(), PASSWORD)
    visitor.open("/exports/new/")
    page.get_by_role("checkbox", name=say("Pages")).check()
    page.get_by_text(say("Exact times")).click()
    page.get_by_label(say("From"), exact=True).fill("2026-11-20T10:00")
    visitor.button("Queue the export").click()
    page.wait_for_function("() => document.activeElement.id === 'id_exact_to'")
    field = page.locator("#id_exact_to")
    assert field.get_attribute("aria-invalid") == "true"
    said = page.locator(f"#{field.get_attribute('aria-describedby')}")
    assert said.inner_text()
