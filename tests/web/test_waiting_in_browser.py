"""What the pages' scripts do while people wait: rows stay chosen, a change is said once, the desktop hears of it."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from exports.models import Export, Status
from tests.support.cast import Cast, make_export, make_ready_export

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


def end(export: Export) -> None:
    Export.objects.filter(pk=export.pk).update(
        status=Status.FAILED, error_code="upstream_failed", due_at=None, ended_at=timezone.now()
    )


def test_rows_stay_chosen_while_the_list_renews_itself(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    chosen, other = make_export(people.acme, people.bob, name="One"), make_export(people.acme, people.bob, name="Two")
    bobs.goto(live_server.url)
    expect(bobs.locator("#bulk")).to_be_hidden()
    bobs.get_by_label("Choose One").check()
    expect(bobs.locator("#bulk")).to_be_visible()
    expect(bobs.locator("[data-picked]")).to_have_text("1 chosen")
    end(other)
    expect(bobs.locator(f"#row-{other.pk} .pill")).to_have_text("Failed", timeout=15_000)
    expect(bobs.get_by_label("Choose One")).to_be_checked()
    expect(bobs.get_by_label("Choose Two")).not_to_be_checked()
    bobs.get_by_label("Choose all on this page").check()
    expect(bobs.locator("[data-picked]")).to_have_text("2 chosen")
    bobs.get_by_role("button", name="Choose none").click()
    expect(bobs.locator("#bulk")).to_be_hidden()
    assert chosen.pk


def test_deeds_are_offered_that_one_of_the_chosen_can_have(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    make_export(people.acme, people.bob, name="Runs")
    make_export(people.acme, people.bob, Status.FAILED, name="Broke")
    make_ready_export(people.acme, people.bob, name="Lies here")
    bobs.goto(live_server.url)
    deeds = bobs.locator("#bulk [name=deed]:visible")
    for names, offered in (
        (["Runs"], ["Cancel"]),
        (["Broke"], ["Run again"]),
        (["Lies here"], ["Download as one ZIP", "Run again"]),
        (["Runs", "Lies here"], ["Download as one ZIP (1)", "Run again (1)", "Cancel (1)"]),
    ):
        for name in names:
            bobs.get_by_label(f"Choose {name}").check()
        expect(deeds).to_have_text(offered)
        bobs.get_by_role("button", name="Choose none").click()


def test_change_is_said_once_and_who_wants_it_gets_a_message(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    mine, others = make_export(people.acme, people.bob, name="Mine"), make_export(people.acme, people.alice)
    make_export(people.acme, people.bob, name="Still running")
    bobs.goto(live_server.url)
    button = bobs.get_by_role("button", name="Notify me")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    bobs.evaluate(
        """() => {
          const line = document.getElementById("announce");
          window.said = [];
          new MutationObserver(() => window.said.push(line.textContent)).observe(line, { childList: true });
        }"""
    )
    end(mine)
    end(others)
    expect(bobs.locator(f"#row-{others.pk} .pill")).to_have_text("Failed", timeout=15_000)
    with bobs.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true", timeout=15_000):
        pass
    assert bobs.evaluate("window.shown") == ["Mine: Failed."]
    said = bobs.evaluate("window.said")
    assert len(said) == 1
    assert "Mine: Failed." in said[0]


def test_choice_of_messages_lasts_and_can_be_taken_back(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    bobs.goto(live_server.url)
    button = bobs.get_by_role("button", name="Notify me")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(button.locator(".notify-on")).to_be_visible()  # not by its colour alone
    expect(button.locator(".notify-off")).to_be_hidden()
    button.click()
    expect(button).to_have_attribute("aria-pressed", "false")
    assert bobs.evaluate("localStorage.getItem('notify')") == "off"


def test_refusals_stand_next_to_their_fields_while_the_form_is_filled(
    bobs: Page, people: Cast, live_server: LiveServer
) -> None:
    bobs.goto(f"{live_server.url}/exports/new/?types=page&range=days&first_day=2026-10-02&last_day=2026-10-03")
    bobs.fill("#id_last_day", "2026-10-01")
    bobs.dispatch_event("#id_last_day", "change")
    expect(bobs.locator("#id_last_day_error")).to_have_text("The last day is before the first.")
    bobs.fill("#id_last_day", "2026-10-04")
    bobs.dispatch_event("#id_last_day", "change")
    expect(bobs.locator("#id_last_day_error")).to_be_hidden()
    expect(bobs.locator("#preview h2")).to_have_text("2–4 Oct 2026")
    bobs.get_by_label("Events").check()
    expect(bobs.locator("#ask-label")).to_have_text("Queue 2 exports")
