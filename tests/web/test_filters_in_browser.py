"""The filters of the list in a browser: what is typed is waited for, and the form says what the list is."""

import re

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from exports.models import DataType, Status
from tests.support.cast import Cast, make_export

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def test_day_is_typed_to_its_end(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    make_export(people.acme, people.bob)
    bobs.goto(f"{live_server.url}/?more=1")
    bobs.locator("[name=since]").focus()
    bobs.keyboard.type("11292020", delay=60)
    expect(bobs).to_have_url(re.compile("since=2020-11-29"))
    expect(bobs.locator("[name=since]")).to_be_focused()
    expect(bobs.locator("[name=since]")).to_have_value("2020-11-29")


def test_choice_by_keyboard_keeps_its_place(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    make_export(people.acme, people.bob)
    bobs.goto(live_server.url)
    types = bobs.locator(".filters [name=type]")
    types.focus()
    bobs.keyboard.press("ArrowDown")
    bobs.keyboard.press("ArrowDown")  # soon after: only where it comes to rest is asked for
    expect(bobs).to_have_url(re.compile(f"type={DataType.values[1]}"))
    expect(types).to_be_focused()


def test_who_goes_back_sees_the_filters_of_that_list(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    make_export(people.acme, people.bob)
    bobs.goto(live_server.url)
    bobs.locator(".filters [name=q]").fill("nobody has this")
    bobs.locator(".filters [name=status]").select_option("ready")
    expect(bobs).to_have_url(re.compile("status=ready"))
    bobs.go_back()
    expect(bobs.locator("tr[data-state]")).to_have_count(1)
    expect(bobs.locator(".filters [name=status]")).to_have_value("")
    expect(bobs.locator(".filters [name=q]")).to_have_value("")


def test_deed_for_some_of_the_chosen_says_for_how_many(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    make_export(people.acme, people.bob)
    make_export(people.acme, people.bob, Status.FAILED)
    bobs.goto(live_server.url)
    for box in bobs.locator("[name=pick]").all():
        box.check()
    cancel = bobs.locator(".bulk [data-for=cancel]")
    expect(cancel).to_have_text(re.compile(r"\(1\)"))
    bobs.locator("[data-can~=repeat] [name=pick]").uncheck()
    expect(cancel).not_to_have_text(re.compile(r"\("))
