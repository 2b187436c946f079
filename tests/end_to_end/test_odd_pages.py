"""Pages that nobody wants to see, paper, people who want less motion, and the administration."""

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from exports.models import Status, User, Workspace
from tests.end_to_end.axe import barriers
from tests.end_to_end.conftest import OpenVisitor, bring_session
from tests.end_to_end.scenes import ready
from tests.end_to_end.visitor import PHONE, Visitor
from tests.security.addresses import every_address
from tests.support.cast import Cast, make_export
from tests.support.cast import cast as cast
from tests.web.conftest import show_life

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_page_of_a_fault_says_what_happened_and_leads_on(
    live_server: LiveServer, settings: LazySettings, cast: Cast, visit: OpenVisitor, language: str
) -> None:
    settings.ROOT_URLCONF = "tests.end_to_end.broken_urls"
    visitor = visit(live_server.url, language=language)
    page = visitor.page
    visitor.expected |= {400, 403, 429, 500}
    for path, heading in (
        ("/broken/400/", "We didn’t understand that request"),
        ("/broken/500/", "Something broke on our side"),
    ):
        visitor.open(path)
        visitor.heading(heading).wait_for()
        assert "secret detail" not in page.content()
        _looks_right(visitor)

    visitor.open("/accounts/login/")
    page.get_by_label(visitor.say("E-mail address")).fill("vera@example.com")
    page.get_by_label(visitor.say("Password"), exact=True).fill("wrong")
    visitor.context.clear_cookies()
    visitor.button("Sign in", exact=True).click()
    visitor.heading("This page was too old to send").wait_for()
    _looks_right(visitor)

    for _attempt in range(10):
        Client().post("/accounts/login/", {"login": "vera@example.com", "password": "wrong"})
    visitor.open("/accounts/login/")
    page.get_by_label(visitor.say("E-mail address")).fill("vera@example.com")
    page.get_by_label(visitor.say("Password"), exact=True).fill("wrong")
    visitor.button("Sign in", exact=True).click()
    visitor.heading("Too many attempts").wait_for()
    _looks_right(visitor)


def _looks_right(visitor: Visitor) -> None:
    for theme in ("light", "dark"):
        visitor.page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        assert barriers(visitor.page) == []
    before = visitor.page.viewport_size
    assert before is not None
    visitor.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    assert visitor.too_wide() == []
    visitor.page.set_viewport_size(before)
    assert visitor.page.get_by_role("link").count() + visitor.page.get_by_role("button").count() > 0


def test_longest_names_break_their_line_on_every_page(live_server: LiveServer, cast: Cast, visit: OpenVisitor) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(name="W" * 100, paused_at=timezone.now(), pause_code="manager")
    User.objects.filter(pk=cast.ada.pk).update(name="M" * 100)
    export = make_export(cast.acme, cast.ada, Status.FAILED, name="W" * 120, error_code="upstream_failed")
    ready(cast)
    visitor = visit(live_server.url)
    bring_session(visitor, cast.ada)
    here = f"/workspaces/{cast.acme.pk}/"
    wide: dict[str, list[str]] = {}
    clipped = "() => [...document.querySelectorAll('.segments')].filter((one) => one.scrollWidth > one.clientWidth)"
    clipped += ".map((one) => one.innerText)"
    for width in (PHONE[0], 768, 1024, 1280):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        for path in (
            "/",
            "/week/",
            "/find/",
            "/exports/new/",
            f"/exports/{export.pk}/",
            "/workspaces/",
            here,
            f"{here}limits/",
            f"{here}audit/",
            "/audit/",
            "/account/",
        ):
            visitor.open(path)
            search = visitor.page.locator("main .filters .search")
            if width == PHONE[0] and search.count():
                assert search.bounding_box()["width"] > width * 0.7, path  # type: ignore[index]
            wide[f"{path} at {width}"] = visitor.too_wide() + visitor.page.evaluate(clipped)
    assert {where: found for where, found in wide.items() if found} == {}


def test_what_an_act_came_to_is_in_sight_where_the_page_jumped_to(
    live_server: LiveServer, cast: Cast, visit: OpenVisitor
) -> None:
    visitor = visit(live_server.url)
    bring_session(visitor, cast.alice)
    page = visitor.page
    visitor.open(f"/workspaces/{cast.acme.pk}/")
    people = page.locator("#people")
    people.get_by_role("button", name=visitor.say("Change")).last.click()
    page.wait_for_url("**/#people")
    seen = """node => {
      const box = node.getBoundingClientRect(), at = document.elementFromPoint(box.left + 60, box.top + 10);
      return box.bottom < innerHeight && node.contains(at);
    }"""
    visitor.until(lambda: page.evaluate("scrollY") > 0, "the page is at its people")
    assert page.locator(".notices .notice").evaluate(seen)
    title = page.locator("#people h2").first
    assert title.evaluate(seen.replace("+ 60", "+ 5"))  # nor does the message lie on what the page jumped to


def test_export_on_paper_is_light_whole_and_without_buttons(
    live_server: LiveServer, cast: Cast, visit: OpenVisitor
) -> None:
    User.objects.filter(pk=cast.alice.pk).update(theme="dark")
    export = ready(cast)
    visitor = visit(live_server.url)
    bring_session(visitor, cast.alice)
    page = visitor.page
    visitor.open(f"/exports/{export.pk}/")
    page.emulate_media(media="print")
    assert not page.locator(".top").is_visible()
    assert not page.get_by_role("button", name="Keep longer").is_visible()
    assert page.get_by_text(export.sha256).is_visible()
    assert page.locator("#technical").get_by_text(str(export.pk)).is_visible()
    red, green, blue = page.evaluate("() => getComputedStyle(document.body).color.match(/\\d+/g).map(Number)")
    assert red + green + blue < 300


def test_nothing_moves_for_who_wants_less_motion(
    live_server: LiveServer, cast: Cast, browser: Browser, visit: OpenVisitor
) -> None:
    export = make_export(cast.acme, cast.bob, Status.PREPARING)
    visitor = visit(live_server.url)
    bring_session(visitor, cast.alice)
    for path in ("/", f"/exports/{export.pk}/"):
        show_life()
        visitor.open(path)
        assert visitor.page.evaluate("() => document.getAnimations().length") == 0
        visitor.page.emulate_media(reduced_motion="no-preference")
        visitor.until(lambda: visitor.page.evaluate("() => document.getAnimations().length"), "the sign of work turns")
        visitor.page.emulate_media(reduced_motion="reduce")


def test_administration_breaks_no_policy(live_server: LiveServer, cast: Cast, visit: OpenVisitor) -> None:
    visitor = visit(live_server.url)
    bring_session(visitor, cast.ada)
    lists = [one for one in every_address() if one.is_admin and one.name.endswith("_changelist")]
    assert lists
    for address in ("/admin/", *(one.path({}) for one in lists), f"/admin/exports/workspace/{cast.acme.pk}/change/"):
        answer = visitor.open(address)
        assert answer is not None
        assert answer.status == 200, address
