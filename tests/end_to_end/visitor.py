"""A person at a browser: speaks English or Japanese, and notices everything that goes wrong in a page."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.utils import translation
from django.utils.translation import gettext
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, Response

# Waits end with their condition; this is for machines under load.
PATIENCE_MILLISECONDS = 45_000
PHONE = (360, 740)
DESK = (1280, 800)
LOCALES = {"en": "en-US", "ja": "ja-JP"}
EXPORT = re.compile(r"/exports/([0-9a-f-]{36})/$")


class Visitor:
    """One browser profile with one page, and a list of what went wrong there.

    Args:
        language: what the browser asks for, and what `say` answers in.
        scripts: False for a browser that runs no JavaScript.
        size: width and height of the window in CSS pixels.

    Attributes:
        faults: messages of the console, violated policies, broken scripts, requests to other hosts, answers of 5xx.
        expected: statuses from 400 on that this visit means to meet.
    """

    def __init__(
        self,
        browser: Browser,
        address: str,
        *,
        language: str = "en",
        scripts: bool = True,
        size: tuple[int, int] = DESK,
        theme: str = "light",
        zone: str = "Asia/Tokyo",
    ) -> None:
        self.address = address
        self.language = language
        self.faults: list[str] = []
        self.expected: set[int] = set()
        self.context = browser.new_context(
            locale=LOCALES[language],
            timezone_id=zone,
            viewport={"width": size[0], "height": size[1]},
            java_script_enabled=scripts,
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",  # a picture taken half-way through a fade has colours nobody sees
            accept_downloads=True,
        )
        self.context.set_default_timeout(PATIENCE_MILLISECONDS)
        self.context.on("console", self._hear)
        self.context.on("weberror", lambda error: self.faults.append(f"script: {error.error}"))
        self.context.on("request", self._see_request)
        self.context.on("response", self._see_response)
        self.page: Page = self.context.new_page()

    def close(self) -> None:
        """Close the browser profile."""
        self.context.close()

    # What goes wrong ------------------------------------------------------------------------------------------

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if "Failed to load resource" in message.text:
            return  # `_see_response` judges those by their status
        self.faults.append(f"console of {self.page.url}: {message.text}")

    def _see_request(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob", "about") and f"{parts.scheme}://{parts.netloc}" != self.address:
            self.faults.append(f"a request to somewhere else: {request.url}")

    def _see_response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.faults.append(f"{response.status} for {response.request.method} {response.url}")

    # Language -------------------------------------------------------------------------------------------------

    def say(self, text: str, **values: Any) -> str:
        """Return a text of the pages in this person's language."""
        with translation.override(self.language):
            said = gettext(text) % values if values else gettext(text)
        assert self.language == "en" or said != text, f"not translated: {text}"
        return said

    # Acts -----------------------------------------------------------------------------------------------------

    def open(self, path: str) -> Response | None:
        """Go to a path of the portal."""
        return self.page.goto(self.address + path)

    def sign_in(self, email: str, password: str) -> None:
        """Sign in as people do."""
        self.open("/accounts/login/")
        self.page.get_by_label(self.say("E-mail address")).fill(email)
        self.page.get_by_label(self.say("Password"), exact=True).fill(password)
        self.button("Sign in", exact=True).click()
        self.page.wait_for_url(f"{self.address}/")

    def button(self, text: str, *, exact: bool = False, **values: Any) -> Locator:
        """Find a button by its English text, or a part of it."""
        return self.page.get_by_role("button", name=self.say(text, **values), exact=exact)

    def link(self, text: str, **values: Any) -> Locator:
        """Find a link by its English text."""
        return self.page.get_by_role("link", name=self.say(text, **values))

    def heading(self, text: str, **values: Any) -> Locator:
        """Find a heading by its English text."""
        return self.page.get_by_role("heading", name=self.say(text, **values), exact=True)

    def download(self, act: Callable[[], Any], folder: Path) -> Path:
        """Do what starts a download; return the file it brought."""
        with self.page.expect_download() as begun:
            act()
        file = folder / begun.value.suggested_filename
        begun.value.save_as(file)
        return file

    def until(self, condition: Callable[[], Any], what: str, *, seconds: float = 45) -> Any:
        """Wait, while the page lives on, until a condition holds.

        Raises:
            TimeoutError: it did not within ``seconds``.
        """
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                raise TimeoutError(f"within {seconds:g} s: {what}")
            self.page.wait_for_timeout(100)
        return found

    # Looking --------------------------------------------------------------------------------------------------

    @property
    def export_id(self) -> str:
        """Return the id of the export whose page is open."""
        found = EXPORT.search(urlsplit(self.page.url).path)
        assert found is not None, self.page.url
        return found[1]

    def too_wide(self) -> list[str]:
        """Return what sticks out of the window to the right, when the page can be scrolled sideways."""
        return list(self.page.evaluate(_TOO_WIDE))

    def unfold(self) -> None:
        """Open every menu and every fold of the page at once."""
        self.page.evaluate("() => document.querySelectorAll('details').forEach((one) => { one.open = true; })")

    def focused(self) -> str:
        """Return the name of the element that has the keyboard."""
        return str(self.page.evaluate(_FOCUSED))

    def focus_is_seen(self) -> bool:
        """Tell whether the element that has the keyboard has a ring around it and lies under nothing else."""
        return bool(self.page.evaluate(_FOCUS_IS_SEEN))


_FOCUS_IS_SEEN = """
() => {
  const node = document.activeElement;
  const marks = [node, node.nextElementSibling, node.closest("label")].filter((one) => one);
  return marks.some((one) => {
    const style = getComputedStyle(one), box = one.getBoundingClientRect();
    const there = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 && box.width > 0;
    const beneath = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
    return there && beneath && (one.contains(beneath) || beneath.contains(one));
  });
}
"""
_FOCUSED = """
() => {
  const node = document.activeElement, label = node.labels && node.labels[0];
  return (node.getAttribute("aria-label") || (label && label.innerText) || node.innerText || node.name || node.tagName)
    .trim();
}
"""

_TOO_WIDE = """
() => {
  const root = document.documentElement, width = root.clientWidth;
  // The body clips what overflows: whatever would have made it scroll counts all the same.
  const clips = (node) => {
    for (let up = node.parentElement; up && up !== document.body; up = up.parentElement)
      if (getComputedStyle(up).overflowX !== "visible") return true;
    return false;
  };
  const found = [];
  for (const node of document.body.querySelectorAll("*")) {
    const box = node.getBoundingClientRect();
    if (!box.width || !box.height || !node.checkVisibility() || box.right <= width + 1 || box.left < -500) continue;
    if (getComputedStyle(node).position === "fixed" || clips(node)) continue;
    found.push(`${node.tagName.toLowerCase()}.${node.className} ends at ${Math.round(box.right)} of ${width}`);
  }
  if (root.scrollWidth > width) found.push(`the page is ${root.scrollWidth} wide`);
  return found.slice(0, 5);
}
"""
