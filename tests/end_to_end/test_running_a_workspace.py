"""What managers do: tokens, pauses, people, approvals; and what a person sets for themselves."""

import pytest

from tests.end_to_end.conftest import PASSWORD, Office, OpenVisitor
from tests.support.stack import new_token


@pytest.mark.parametrize("language", ["en", "ja"])
def test_rejected_token_is_said_and_a_new_one_sets_everything_going(
    office: Office, visit: OpenVisitor, language: str
) -> None:
    stack = office.stack
    visitor = visit(stack.url, language=language)
    page = visitor.page
    visitor.sign_in(office.hire("manager"), PASSWORD)
    another = new_token()
    stack.simulator.replace_token(office.upstream, another)
    key = stack.api.queue(office.workspace)["id"]
    stack.api.until(lambda: stack.api.get(f"workspaces/{office.workspace}")["paused"], "the workspace is paused")

    page.reload()
    page.get_by_text(visitor.say("Analytics Cloud rejected its access token.")).first.wait_for()
    visitor.link("Save an access token").first.click()
    page.get_by_label(visitor.say("Replace it with")).fill(another)
    visitor.button("Save the token").click()
    page.get_by_text(visitor.say("Works"), exact=True).wait_for()
    assert another not in page.content()

    visitor.open(f"/exports/{key}/")
    visitor.heading("Ready").wait_for()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_paused_workspace_keeps_its_exports_and_goes_on(office: Office, visit: OpenVisitor, language: str) -> None:
    visitor = visit(office.stack.url, language=language)
    page = visitor.page
    visitor.sign_in(office.hire("manager"), PASSWORD)
    visitor.open(f"/workspaces/{office.workspace}/")
    visitor.button("Pause the workspace").click()
    page.get_by_text(visitor.say("It was paused by hand.")).wait_for()
    key = office.stack.api.queue(office.workspace)["id"]
    visitor.open(f"/exports/{key}/")
    page.get_by_text(visitor.say("A manager, who paused the workspace, to resume it.")).wait_for()

    visitor.open(f"/workspaces/{office.workspace}/")
    visitor.button("Resume").click()
    page.get_by_text(visitor.say("It was paused by hand.")).wait_for(state="detached")
    visitor.open(f"/exports/{key}/")
    visitor.heading("Ready").wait_for()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_manager_decides_what_members_ask_for(office: Office, visit: OpenVisitor, language: str) -> None:
    stack = office.stack
    manager = visit(stack.url, language=language)
    member = visit(stack.url, language=language)
    manager.sign_in(office.hire("manager"), PASSWORD)
    manager.open(f"/workspaces/{office.workspace}/limits/")
    box = manager.page.locator('input[type=checkbox][value=individual][name*="approv"]')
    box.check()
    manager.button("Save").first.click()
    assert box.is_checked()

    member.sign_in(office.hire("member"), PASSWORD)
    for decision in ("decline", "approve"):
        member.open("/exports/new/")
        member.page.locator("input[name=types][value=individual]").check()
        member.button("Queue the export").click()
        member.page.wait_for_url("**/exports/*-*-*-*-*/")
        member.page.get_by_text(member.say("A manager’s approval.")).wait_for()
        manager.open("/approvals/")
        if decision == "decline":
            manager.page.locator("summary", has_text=manager.say("Decline")).click()
            manager.page.locator("input[name=reason]").fill("人事データは不要です")
            manager.button("Decline it").click()
            member.heading("Cancelled").wait_for()
            member.page.get_by_text("人事データは不要です").first.wait_for()
        else:
            manager.page.locator("button", has_text=manager.say("Approve")).click()
            member.heading("Ready").wait_for()


def test_what_was_typed_into_one_form_is_not_lost_by_saving_another(office: Office, visit: OpenVisitor) -> None:
    visitor = visit(office.stack.url)
    page = visitor.page
    visitor.sign_in(office.hire("manager"), PASSWORD)
    visitor.open(f"/workspaces/{office.workspace}/limits/")
    field = page.locator("form[data-unsaved] input[name$=per_day]").first
    field.fill("7")
    asked: list[str] = []
    page.once("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))  # stay here
    visitor.button("Save the masking").click()
    visitor.until(lambda: asked, "the browser asks")
    assert asked == ["beforeunload"]
    assert field.input_value() == "7"

    visitor.button("Save the limits").click()
    page.locator("form[data-unsaved] input[name$=per_day][value='7']").wait_for()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_person_chooses_language_colours_and_makes_an_api_token(
    office: Office, visit: OpenVisitor, language: str
) -> None:
    visitor = visit(office.stack.url, language=language)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)
    visitor.open("/account/")
    other = "ja" if language == "en" else "en"
    page.locator("select[name=language]").select_option(other)
    page.locator("select[name=theme]").select_option("dark")
    visitor.button("Save").first.click()
    page.locator(f"html[lang={other}][data-bs-theme=dark]").wait_for()

    visitor.language = other
    page.locator("form[action$='/account/tokens/'] input[name=name]").fill("nightly")
    visitor.button("Make a token").click()
    shown = page.get_by_text("lac_").first
    shown.wait_for()
    token = shown.inner_text().strip()
    visitor.open("/account/")
    assert token not in page.content()
