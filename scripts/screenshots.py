"""Makes the pictures of the README from a running demo.

``make demo`` in one terminal; in another, with the password it printed:
``.venv/bin/python scripts/screenshots.py http://localhost:8000 manager@demo.example PASSWORD``

Each look asks for exports of its own first, so that the list shows some that are under way.
"""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
SWITCHES = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
EXPORT = re.compile(r"^/exports/[0-9a-f-]{36}/$")
PATIENCE_MILLISECONDS = 120_000


@dataclass(frozen=True)
class Look:
    """How a person has set up the browser, and for which days this look asks."""

    theme: str
    language: str
    width: int
    days: str

    @property
    def name(self) -> str:
        """The end of the pictures' names."""
        return f"{self.theme}-{self.language}{'-phone' if self.width < 500 else ''}"


LOOKS = (
    Look("light", "en", 1280, "last-week"),
    Look("dark", "en", 1280, "last-28"),
    Look("light", "ja", 1280, "last-90"),
    Look("dark", "ja", 360, "last-7"),
)


def take_pictures(browser: Browser, address: str, email: str, password: str) -> None:
    """Sign in once per look, open each page, and write one PNG for each."""
    for look in LOOKS:
        context = browser.new_context(
            viewport={"width": look.width, "height": 860 if look.width > 500 else 760},
            color_scheme="dark" if look.theme == "dark" else "light",
            locale=look.language,
            timezone_id="Asia/Tokyo",
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        page = context.new_page()
        page.goto(f"{address}/accounts/login/")
        page.fill("input[name=login]", email)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{address}/")
        # Pages last month, which is there already, and two more kinds that are not.
        _shoot(page, f"{address}/exports/new/?types=page&range=last-month", "form", look)
        page.goto(f"{address}/exports/new/?types=event&types=individual&range={look.days}")
        page.locator("main form button.btn-primary[type=submit]").first.click()
        page.wait_for_url(lambda place: "/exports/new/" not in place)
        _shoot(page, f"{address}/", "list", look)
        page.goto(f"{address}/?status=ready&type=page")
        links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))")
        found = next(link for link in links if EXPORT.match(link))
        _shoot(page, address + found, "detail", look)
        page.goto(f"{address}{found}preview/")
        page.locator("table.cells").wait_for()  # made at the first look
        _shoot(page, f"{address}{found}preview/?tab=charts", "preview", look)
        context.close()


def _shoot(page: Page, place: str, name: str, look: Look) -> None:
    page.goto(place)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=FOLDER / f"{name}-{look.name}.png")


def main() -> None:
    """Read the arguments and make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("email")
    parser.add_argument("password")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=SWITCHES)
        take_pictures(browser, options.address.rstrip("/"), options.email, options.password)
        browser.close()


if __name__ == "__main__":
    main()
