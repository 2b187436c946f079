"""Every page, in every state, in both languages and themes, on the desk and on the phone: nothing stands in the way."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from tests.end_to_end.axe import SOURCE, barriers
from tests.end_to_end.conftest import bring_session
from tests.end_to_end.scenes import Scene, pages, person_of, states
from tests.end_to_end.visitor import DESK, PHONE, Visitor
from tests.support.cast import Cast, make_cast
from tests.web.conftest import show_life

pytestmark = pytest.mark.django_db(transaction=True)

WIDE = (1920, 1000)
# Three English words in a row on a Japanese page, where no person or machine wrote them, were forgotten.
FORGOTTEN = re.compile(r"\b[A-Za-z’']{2,}(?: [a-z’']{2,}){2,}")
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
NO_LANGUAGE = re.compile(r"(SHA-256|CSV|Excel|Parquet|JSON|JSON Lines|English|Acme|Globex)?[^A-Za-z]*$")
_LABELS = """
() => [...document.querySelectorAll("label, legend, dt, button, .btn")]
  .filter((node) => !node.closest("[data-own], .one-row") && node.innerText.trim())
  .map((node) => node.innerText.trim().replace(/\\s+/g, " "))
"""
_TEXTS = """
() => {
  const found = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, parent = node.parentElement;
    if (!node.data.trim() || parent.closest("[lang=en], code, .mono, script, textarea, [data-own]")) continue;
    found.push(node.data.trim().replace(/\\s+/g, " "));
  }
  return found;
}
"""

SCENES = {
    **{f"pages of {who}": lambda who=who: pages(who) for who in ("nobody", "bob", "ada")},
    "states, first half": lambda: list(states())[::2],
    "states, second half": lambda: list(states())[1::2],
}


class Inspector:
    """Goes through scenes with one browser profile per person and collects what is wrong."""

    def __init__(self, browser: Browser, server: LiveServer, cast: Cast, language: str) -> None:
        self.browser, self.server, self.cast, self.language = browser, server, cast, language
        self.visitors: dict[str, Visitor] = {}
        self.problems: list[str] = []

    def look_at(self, scene: Scene) -> None:
        """Open a scene's page and look at it from all sides."""
        visitor = self.visitors.get(scene.who) or self._let_in(scene.who)
        page = visitor.page
        path = scene.prepare(self.cast)
        show_life()
        visitor.faults.clear()
        visitor.expected = {scene.status}
        page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
        page.emulate_media(color_scheme="light")
        answer = visitor.open(path)
        if scene.press:
            with page.expect_navigation() as pressed:
                page.locator(scene.press).first.click()
            answer = pressed.value
        found = [] if answer and answer.status == scene.status else [f"answers {answer and answer.status}"]
        found += self._words(visitor)
        found += [f"light: {barrier}" for barrier in barriers(page)]
        visitor.unfold()
        # What differs between the languages is words; once through the other colours is enough.
        if self.language == "en":
            page.emulate_media(color_scheme="dark")
            # Menus opened all at once lie over what is below them.
            found += [f"dark, all unfolded: {barrier}" for barrier in barriers(page, without=("target-size",))]
        for width, height in (WIDE, PHONE):
            page.set_viewport_size({"width": width, "height": height})
            found += [f"at {width} px: {part}" for part in visitor.too_wide()]
        found += visitor.faults
        self.problems += [f"{scene.who}, {scene.name} ({path}): {one}" for one in found]

    def close(self) -> None:
        for visitor in self.visitors.values():
            visitor.close()

    def _let_in(self, who: str) -> Visitor:
        visitor = Visitor(self.browser, self.server.url, language=self.language)
        visitor.context.add_init_script(SOURCE)  # every page has it from the start, without sending it again
        person = person_of(self.cast, who)
        if person is not None:
            bring_session(visitor, person)
        self.visitors[who] = visitor
        return visitor

    def _words(self, visitor: Visitor) -> Iterator[str]:
        page = visitor.page
        if page.locator("html").get_attribute("lang") != self.language:
            yield f"is in {page.locator('html').get_attribute('lang')}"
        if not re.match(r"\S.* · LAC Portal$", page.title()):
            yield f"has the title {page.title()!r}"
        if self.language == "ja":
            for label in page.evaluate(_LABELS):
                if not JAPANESE.search(label) and not NO_LANGUAGE.match(label):
                    yield f"has a label in English: {label!r}"
            for text in [page.title(), *page.evaluate(_TEXTS)]:
                if found := FORGOTTEN.search(text):
                    yield f"speaks English: {found[0]!r} in {text[:80]!r}"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("scenes", SCENES)
def test_page_keeps_nobody_out(scenes: str, language: str, browser: Browser, live_server: LiveServer) -> None:
    inspector = Inspector(browser, live_server, make_cast(), language)
    try:
        for scene in SCENES[scenes]():
            inspector.look_at(scene)
    finally:
        inspector.close()
    assert inspector.problems == [], "\n" + "\n".join(inspector.problems)
