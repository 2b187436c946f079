"""The main job: sign in, queue an export, see it become ready, download it, open it."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PASSWORD, Office, OpenVisitor
from tests.end_to_end.visitor import DESK, PHONE


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_export_is_queued_watched_and_downloaded(
    office: Office, visit: OpenVisitor, tmp_path: Path, language: str, size: tuple[int, int]
) -> None:
    visitor = visit(office.stack.url, language=language, size=size)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)
    assert visitor.too_wide() == []

    visitor.link("New export").first.click()
    page.get_by_role("checkbox", name=visitor.say("Pages")).check()
    assert page.get_by_role("radio", name=visitor.say("Last month")).is_checked()
    page.get_by_text(visitor.say("Both ends are included.")).wait_for()  # the window that will be sent
    assert visitor.too_wide() == []
    visitor.button("Queue the export").click()

    # From here on nobody touches the page: it says by itself when the file is there.
    page.wait_for_url("**/exports/*-*-*-*-*/")
    page.evaluate("() => { window.sameDocument = true; }")
    visitor.heading("Ready").wait_for()
    assert page.evaluate("() => window.sameDocument")
    assert visitor.say("Ready") in page.title()
    assert page.locator("#announce").inner_text() != ""
    assert page.locator("main > .notices").count() == 0  # "Queued" above "Ready" would contradict it
    assert visitor.too_wide() == []

    file = visitor.download(page.get_by_role("link", name=visitor.say("Download")).first.click, tmp_path)
    with zipfile.ZipFile(file) as archive:
        rows = archive.read(archive.namelist()[0]).splitlines()
    seen = office.stack.api.export(visitor.export_id)
    assert len(rows) == seen["rows"] == 300
    assert all(isinstance(json.loads(row), dict) for row in rows)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_main_job_needs_no_scripts(office: Office, visit: OpenVisitor, tmp_path: Path, language: str) -> None:
    visitor = visit(office.stack.url, language=language, scripts=False)
    page = visitor.page
    visitor.sign_in(office.hire(), PASSWORD)
    visitor.link("New export").first.click()

    # An error is told next to its field; what was chosen stays.
    visitor.expected.add(422)
    visitor.button("Queue the export").click()
    assert page.locator(".field-errors:not([hidden])").count()
    page.get_by_role("checkbox", name=visitor.say("Pages")).check()
    visitor.button("Check").click()
    page.get_by_text(visitor.say("Both ends are included.")).wait_for()
    visitor.button("Queue the export").click()
    page.wait_for_url("**/exports/*-*-*-*-*/")

    office.stack.api.wait_for([visitor.export_id], "ready")
    page.reload()
    visitor.heading("Ready").wait_for()
    file = visitor.download(page.get_by_role("link", name=visitor.say("Download")).first.click, tmp_path)
    assert zipfile.is_zipfile(file)
