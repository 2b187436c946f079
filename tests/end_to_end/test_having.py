"""Having a file: other formats opened by other people's programs, a look into it, keeping and deleting it."""

import csv
from pathlib import Path

import openpyxl
import pytest

from tests.end_to_end.axe import barriers
from tests.end_to_end.conftest import PASSWORD, Office, OpenVisitor
from tests.end_to_end.visitor import Visitor


def open_ready(office: Office, visitor: Visitor, role: str) -> str:
    """Sign in as somebody of this role and open the page of a ready export; return its id."""
    key = str(office.stack.api.queue(office.workspace)["id"])
    visitor.sign_in(office.hire(role), PASSWORD)
    office.stack.api.wait_for([key], "ready")
    visitor.open(f"/exports/{key}/")
    return key


@pytest.mark.parametrize("language", ["en", "ja"])
def test_excel_and_csv_are_made_and_arrive_by_themselves(
    office: Office, visit: OpenVisitor, tmp_path: Path, language: str
) -> None:
    visitor = visit(office.stack.url, language=language)
    key = open_ready(office, visitor, "viewer")
    rows = office.stack.api.export(key)["rows"]

    book = visitor.download(visitor.page.get_by_role("link", name="Excel").click, tmp_path)
    table = list(openpyxl.load_workbook(book).worksheets[0].iter_rows(values_only=True))
    assert len(table) == rows + 1
    assert "canonicalUrl" in table[0]
    # Who loads that page anew, or comes back to it, stands at the export and gets no second file.
    assert visitor.page.url == f"{visitor.address}/exports/{key}/"

    visitor.open(f"/exports/{key}/")
    file = visitor.download(visitor.page.get_by_role("link", name="CSV").click, tmp_path)
    with file.open(encoding="utf-8-sig", newline="") as text:
        assert len(list(csv.DictReader(text))) == rows


@pytest.mark.parametrize("language", ["en", "ja"])
def test_format_chosen_while_asking_is_made_by_itself(
    office: Office, visit: OpenVisitor, tmp_path: Path, language: str
) -> None:
    visitor = visit(office.stack.url, language=language)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)
    visitor.open("/exports/new/")
    page.locator("input[name=types][value=page]").check()
    page.locator(".pills").get_by_text("Excel", exact=True).click()
    page.keyboard.press("Shift+Tab")  # the keyboard is where the mouse was
    page.keyboard.press("Space")
    assert page.locator("input[name=formats]:checked").evaluate_all("all => all.map((one) => one.value)") == [
        "csv",
        "xlsx",
    ]
    page.keyboard.press("Space")
    visitor.button("Queue the export").click()
    visitor.heading("Ready").wait_for()
    book = page.locator(".formats").get_by_role("link", name="Excel")
    book.locator(".num", has_text="kB").wait_for()  # its size: it lies there, and nobody asked again
    table = openpyxl.load_workbook(visitor.download(book.click, tmp_path)).worksheets[0]
    assert table.max_row == office.stack.api.export(visitor.export_id)["rows"] + 1

    visitor.open("/exports/new/")
    assert page.locator("input[name=formats]:checked").get_attribute("value") == "xlsx"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_preview_opens_by_itself_and_shows_rows_columns_and_charts(
    office: Office, visit: OpenVisitor, language: str
) -> None:
    visitor = visit(office.stack.url, language=language)
    page = visitor.page
    open_ready(office, visitor, "viewer")
    visitor.link("Preview").click()
    page.get_by_role("table").first.wait_for()
    # One row as a list.
    page.get_by_role("link", name=visitor.say("Row %(number)s, all columns", number=2), exact=True).click()
    page.get_by_role("heading", name=visitor.say("Row %(number)s", number=2)).wait_for()
    page.get_by_role("link", name=visitor.say("Columns"), exact=True).click()
    page.get_by_text("canonicalUrl").first.wait_for()
    page.get_by_role("link", name=visitor.say("Charts"), exact=True).click()
    # What is drawn stands as a table, too.
    page.get_by_text(visitor.say("As a table")).first.click()
    page.get_by_role("table").first.wait_for()
    assert barriers(page) == []
    assert visitor.too_wide() == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_file_is_kept_longer_and_deleted(office: Office, visit: OpenVisitor, language: str) -> None:
    visitor = visit(office.stack.url, language=language)
    key = open_ready(office, visitor, "manager")
    before = office.stack.api.export(key)["expires_at"]
    visitor.button("Keep longer").click()
    visitor.page.get_by_role("status").first.wait_for()
    assert office.stack.api.export(key)["expires_at"] > before

    visitor.page.locator("summary", has_text=visitor.say("Delete the file")).click()
    visitor.button("Delete now").click()
    visitor.heading("Deleted").wait_for()
    assert visitor.page.get_by_role("link", name="Excel").count() == 0
    assert office.stack.api.call("GET", f"exports/{key}/file").status_code == 410
