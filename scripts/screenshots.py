"""Makes the pictures of the README from a running demo.

``make demo`` in one terminal; in another, with the password it printed:
``.venv/bin/python scripts/screenshots.py http://localhost:8000 manager@demo.example PASSWORD``
"""

import argparse
import re
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
SWITCHES = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
EXPORT = re.compile(r"^/exports/[0-9a-f-]{36}/$")
LOOKS = [("light", "en", 1280), ("dark", "en", 1280), ("light", "ja", 1280), ("dark", "ja", 360)]


def take_pictures(browser: Browser, address: str, email: str, password: str) -> None:
    """Sign in once per look, open each page, and write one PNG for each."""
    for theme, language, width in LOOKS:
        context = browser.new_context(
            viewport={"width": width, "height": 800 if width > 500 else 760},
            color_scheme="dark" if theme == "dark" else "light",
            locale=language,
        )
        page = context.new_page()
        page.goto(f"{address}/accounts/login/")
        page.fill("input[name=login]", email)
        page.fill("input[name=password]", password)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(f"{address}/")
        for name, path in {"list": "/", "form": "/exports/new/?type=page", **_export_pages(page)}.items():
            page.goto(address + path)
            page.wait_for_timeout(700)
            page.screenshot(path=FOLDER / f"{name}-{theme}-{language}{'-phone' if width < 500 else ''}.png")
        context.close()


def _export_pages(page: Page) -> dict[str, str]:
    links = page.eval_on_selector_all("a[href]", "all => all.map(one => one.getAttribute('href'))")
    found = next((link for link in links if EXPORT.match(link)), None)
    return {} if found is None else {"detail": found, "preview": f"{found}preview/"}


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
