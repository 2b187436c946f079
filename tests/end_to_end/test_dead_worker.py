"""Nobody works: the pages say so in honest words, lose nothing, and go on by themselves."""

from tests.end_to_end.conftest import PASSWORD, Office, OpenVisitor
from tests.end_to_end.visitor import Visitor

NO_WORKER = "No worker is running. Exports stay queued, and go on by themselves as soon as one starts."


def test_dead_worker_is_said_and_the_export_goes_on_with_the_next_one(office: Office, visit: OpenVisitor) -> None:
    stack = office.stack
    visitors = [visit(stack.url, language=language) for language in ("en", "ja")]
    for visitor in visitors:
        visitor.sign_in(office.hire(), PASSWORD)
    stack.parts["worker"].kill()

    for visitor, deed in zip(visitors, ("Queue the export", "Join the running export"), strict=True):
        visitor.link("New export").first.click()
        visitor.page.get_by_role("checkbox", name=visitor.say("Pages")).check()
        visitor.button(deed).click()
        visitor.page.wait_for_url("**/exports/*-*-*-*-*/")
        visitor.heading("Queued").wait_for()
    for visitor in visitors:
        # The page that stays open says it once the silence is long enough; so does the list.
        visitor.page.get_by_text(visitor.say(NO_WORKER)).wait_for()
        _open_list(visitor)
        visitor.page.get_by_text(visitor.say(NO_WORKER)).wait_for()
        assert visitor.too_wide() == []

    stack.restart("worker")
    for visitor in visitors:
        visitor.page.get_by_text(visitor.say(NO_WORKER)).wait_for(state="detached")
        visitor.page.locator("[data-state=ready]").wait_for()


def _open_list(visitor: Visitor) -> None:
    visitor.page.get_by_role("navigation").get_by_role("link", name=visitor.say("Exports")).first.click()
    visitor.page.wait_for_url(f"{visitor.address}/")
