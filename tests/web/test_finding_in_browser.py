"""The palette by keyboard: Enter opens what is found first, and only for what stands in it."""

import pytest
from playwright.sync_api import Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from tests.support.cast import Cast, make_export

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_enter_before_anything_is_found_opens_what_is_found_then(
    bobs: Page, people: Cast, live_server: LiveServer
) -> None:
    make_export(people.acme, people.bob, name="New visitors")
    bobs.goto(live_server.url)
    bobs.keyboard.press("Control+k")
    expect(bobs.locator("#palette .found-link").first).to_be_visible()
    bobs.keyboard.type("visitors", delay=5)
    bobs.keyboard.press("Enter")
    expect(bobs.locator("h1")).to_have_text("New visitors")


def test_enter_leads_to_the_search_page_where_nothing_can_be_found(
    bobs: Page, people: Cast, live_server: LiveServer
) -> None:
    bobs.goto(live_server.url)
    bobs.keyboard.press("Control+k")
    expect(bobs.locator("#palette .found-link").first).to_be_visible()

    def fail_parts(route: Route) -> None:
        route.fulfill(status=204) if "hx-request" in route.request.headers else route.continue_()

    bobs.route("**/find/**", fail_parts)
    bobs.keyboard.type("visitors", delay=5)
    bobs.keyboard.press("Enter")
    bobs.keyboard.press("Enter")
    expect(bobs.locator("h1")).to_have_text("Find")
    expect(bobs.locator("main").get_by_role("searchbox")).to_have_value("visitors")
