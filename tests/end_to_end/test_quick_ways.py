"""The quick ways: the palette, presets, several types at once, many rows at once."""

import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Response

from tests.end_to_end.axe import barriers
from tests.end_to_end.conftest import PASSWORD, Office, OpenVisitor


@pytest.mark.parametrize("language", ["en", "ja"])
def test_palette_finds_by_keyboard_alone(office: Office, visit: OpenVisitor, language: str) -> None:
    visitor = visit(office.stack.url, language=language)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)
    page.keyboard.press("Control+k")
    palette = page.locator("dialog#palette")
    palette.wait_for()
    assert barriers(page) == []
    page.keyboard.type(office.name)
    palette.get_by_role("link", name=office.name).first.wait_for()
    page.keyboard.press("Escape")
    palette.wait_for(state="hidden")

    page.keyboard.press("Control+k")
    palette.get_by_role("searchbox").fill(office.name)
    palette.get_by_role("link", name=office.name).first.wait_for()
    places = palette.locator(".found-link").evaluate_all("all => all.map((one) => one.getAttribute('href'))")
    (place,) = [number for number, path in enumerate(places) if path.startswith(f"/workspaces/{office.workspace}/")]
    for _step in range(place + 1):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{visitor.address}/workspaces/{office.workspace}/")


def test_link_that_has_the_keyboard_keeps_it_when_what_is_found_comes_anew(office: Office, visit: OpenVisitor) -> None:
    visitor = visit(office.stack.url)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)
    page.keyboard.press("Control+k")
    link = page.locator("dialog#palette").get_by_role("link", name=office.name).first
    link.focus()
    with page.expect_response(lambda answer: "/find/" in answer.url):
        page.evaluate("htmx.trigger(document.querySelector('#palette input[name=q]'), 'palette-open')")
    page.locator("#palette .htmx-settling, #palette .htmx-request").wait_for(state="detached")
    assert visitor.focused() == link.inner_text().strip()


def test_calendar_begins_with_the_days_of_the_preset_and_keeps_what_was_typed(
    office: Office, visit: OpenVisitor
) -> None:
    visitor = visit(office.stack.url)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)
    visitor.open("/exports/new/?range=last-month")
    first, last = page.locator("#id_first_day"), page.locator("#id_last_day")
    days, shown = page.get_by_text("Choose days"), page.locator("#preview")
    sent = shown.locator(".mono").inner_text()
    days.click()
    assert first.input_value().endswith("-01")
    with page.expect_response(lambda answer: "/exports/new/preview/" in answer.url):
        page.get_by_text("Exact times").click()
    page.locator("#preview:not(.htmx-request)").wait_for()
    assert page.locator("#id_exact_to").input_value().endswith("23:59:59.999")
    assert shown.locator(".mono").inner_text() == sent  # three ways to say the same

    page.get_by_text("Yesterday").click()
    page.locator(f"#preview:not(.htmx-request):not([data-first-day='{first.input_value()}'])").wait_for()
    days.click()
    assert (
        first.input_value() == last.input_value() == shown.get_attribute("data-first-day")
    )  # nobody typed: it follows

    first.fill("2026-01-31")
    page.get_by_text("Last month", exact=True).click()
    days.click()
    assert first.input_value() == "2026-01-31"


def test_button_stays_under_the_finger_that_presses_it(office: Office, visit: OpenVisitor) -> None:
    def answered(answer: Response) -> bool:
        return "/exports/new/preview/" in answer.url

    visitor = visit(office.stack.url)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)
    visitor.open("/exports/new/")
    button = page.locator("main button.btn-primary[type=submit]")
    button.hover()
    page.mouse.down()
    with page.expect_response(answered):  # three answers: they would push the button down
        page.evaluate(_CHOOSE_THREE)
    page.wait_for_timeout(100)
    assert page.locator("#preview .answers li").count() == 0
    page.mouse.move(0, 0)  # thought better of it: the preview comes after all
    page.mouse.up()
    page.locator("#preview .answers li").nth(2).wait_for()

    button.hover()
    page.mouse.down()
    with page.expect_response(answered):
        page.locator("input[name=types][value=event]").evaluate("(box) => box.click()")
    page.wait_for_timeout(100)
    page.mouse.up()
    page.wait_for_url(lambda address: "/exports/new/" not in address)


_CHOOSE_THREE = "() => [...document.querySelectorAll('[name=types]')].slice(0, 3).forEach((box) => box.click())"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_bundle_is_asked_saved_as_a_preset_and_taken_as_one_zip(
    office: Office, visit: OpenVisitor, tmp_path: Path, language: str
) -> None:
    visitor = visit(office.stack.url, language=language)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)

    visitor.open("/exports/new/")
    for kind in ("page", "segment"):
        page.locator(f"input[name=types][value={kind}]").check()
    page.locator("summary", has_text=visitor.say("Save as a preset")).click()
    page.get_by_label(visitor.say("Name of the preset")).fill("月次")
    visitor.button("Save the preset").click()
    page.get_by_role("link", name="月次").click()
    page.locator("input[name=types]:checked").nth(1).wait_for(state="attached")
    assert page.locator("input[name=types]:checked").count() == 2
    page.locator("main form button.btn-primary[type=submit]").click()
    page.wait_for_url(lambda address: "/exports/new/" not in address)

    visitor.open("/")
    visitor.until(lambda: page.locator("tr[data-state=ready]").count() == 2, "both are ready")
    for box in page.locator("tr[data-state=ready] input[name=pick]").all():
        box.check()
    parcel = visitor.download(visitor.button("Download as one ZIP").click, tmp_path)
    with zipfile.ZipFile(parcel) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) >= 2


def test_box_that_names_a_view_stands_below_its_button(office: Office, visit: OpenVisitor) -> None:
    visitor = visit(office.stack.url)
    visitor.sign_in(office.hire(), PASSWORD)
    for width in (1280, 800):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        visitor.open("/?status=ready")
        button = visitor.page.locator(".presets summary", has_text=visitor.say("Save this view"))
        button.click()
        places = [button.bounding_box(), visitor.page.locator(".presets .menu-body").bounding_box()]
        left, box = (place["x"] for place in places if place is not None)
        assert box == pytest.approx(left, abs=1)
