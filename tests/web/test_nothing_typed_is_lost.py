"""What somebody typed or chose is kept, or it is said beforehand that it isn't."""

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from exports.models import Export, Preset
from exports.web.views.asking import FILLED_MOST
from tests.support.cast import OCTOBER, Cast, make_export, make_ready_export
from tests.web.conftest import Browse, show_life
from tests.web.markup import read, text_of, ticked

NEW = "/exports/new/"
DAYS = {"range": "days", "first_day": "2026-10-01", "last_day": "2026-10-31"}
KEEPS_ITS_OWN = "Name and note go to new exports only"


def sent(cast: Cast, **values: object) -> dict[str, object]:
    return {"workspace": str(cast.acme.pk), "types": ["page"], **DAYS, **values}


@pytest.mark.django_db
@pytest.mark.parametrize("note", ["for the board", "長い" * 400])
def test_form_of_who_was_signed_out_meanwhile_is_filled_after_signing_in(cast: Cast, browse: Browse, note: str) -> None:
    values = sent(cast, types=["page", "event"], formats=["xlsx"], name="四半期", note=note, fresh="on", anyway="on")
    sign_in = Client().post(NEW, values)
    assert sign_in.status_code == 302
    assert not Export.objects.exists()
    assert len(sign_in.headers["Location"]) < 4_000  # a line that servers take
    back = next(one for one in read(Client().get(sign_in.headers["Location"])) if one.attrs.get("name") == "next")
    form = browse(cast.bob).get(back.attrs["value"])
    assert (ticked(form, "types"), ticked(form, "formats")) == (["page", "event"], ["xlsx"])
    content = form.content.decode()
    for value in ("2026-10-01", "2026-10-31", "四半期"):
        assert f'value="{value}"' in content
    assert (note in content) is (len(note) < FILLED_MOST / 9)
    assert not Export.objects.exists()  # nothing is asked for that nobody sent


@pytest.mark.django_db
def test_preview_of_who_was_signed_out_meanwhile_leads_to_sign_in_and_back_to_the_filled_form(
    cast: Cast, browse: Browse
) -> None:
    answer = Client().get(f"{NEW}preview/", sent(cast, name="四半期"), headers={"HX-Request": "true"})
    assert answer.status_code == 401
    way = answer.headers["HX-Redirect"]
    sign_in = Client().get(way)
    assert "You aren’t signed in, or no longer." in text_of(sign_in)
    back = next(one for one in read(sign_in) if one.attrs.get("name") == "next")
    form = browse(cast.bob).get(back.attrs["value"])
    assert ticked(form, "types") == ["page"]
    assert 'value="四半期"' in form.content.decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("engine")
def test_who_asks_afresh_is_told_of_a_new_export(cast: Cast, browse: Browse) -> None:
    window = {"range_from": OCTOBER[0], "range_to": OCTOBER[1]}
    make_ready_export(cast.acme, cast.alice, data_type="page", **window)
    bob = browse(cast.bob)
    used, afresh = (text_of(bob.get(f"{NEW}preview/", sent(cast, **fresh))) for fresh in ({}, {"fresh": "on"}))
    assert ("answers this at once" in used, "a new export, beside" in used) == (True, False)
    assert ("answers this at once" in afresh, "a new export, beside" in afresh) == (False, True)
    assert ("begins some milliseconds earlier" in used, "begins some milliseconds earlier" in afresh) == (False, True)


@pytest.mark.django_db
def test_form_that_no_address_holds_leads_back_to_an_empty_one(cast: Cast) -> None:
    sign_in = Client().post(NEW, sent(cast, name="x" * 10_000))
    assert sign_in.headers["Location"].endswith(f"?next={NEW}")


@pytest.mark.django_db
@pytest.mark.usefixtures("engine")
def test_who_joins_or_uses_a_file_reads_that_name_and_note_are_not_kept(cast: Cast, browse: Browse) -> None:
    window = {"range_from": OCTOBER[0], "range_to": OCTOBER[1]}
    make_ready_export(cast.acme, cast.alice, data_type="page", **window)
    make_export(cast.acme, cast.alice, data_type="segment", **window)
    bob = browse(cast.bob)

    def said(**values: object) -> bool:
        return KEEPS_ITS_OWN in text_of(bob.get(f"{NEW}preview/", sent(cast, **values)))

    assert said(name="Mine")
    assert said(note="Mine")
    assert said(types=["segment"], name="Mine")
    assert said(types=["page", "event"], name="Mine")
    assert not said()
    assert not said(name="Mine", fresh="on")
    assert not said(types=["event"], name="Mine")


@pytest.mark.django_db
def test_link_to_what_somebody_else_asked_together_says_so(cast: Cast, browse: Browse) -> None:
    answer = browse(cast.alice).get("/exports/asked/", {"r": "somebody's"}, follow=True)
    assert "only for who asked" in text_of(answer)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_enter_in_the_name_of_a_preset_saves_the_preset(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    bobs.goto(f"{live_server.url}{NEW}?types=identity")
    bobs.get_by_text("Save as a preset").click()
    name = bobs.get_by_label("Name of the preset")
    name.fill("毎月")
    # Japanese input ends a choice of characters with Enter, too.
    name.dispatch_event("keydown", {"key": "Enter", "isComposing": True})
    name.press("Enter")
    expect(bobs.get_by_role("link", name="毎月")).to_be_visible()
    assert Preset.objects.get().name == "毎月"
    assert not Export.objects.exists()


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_form_that_one_goes_back_to_says_what_it_would_send_now(
    bobs: Page, people: Cast, live_server: LiveServer
) -> None:
    show_life()
    bobs.goto(f"{live_server.url}{NEW}")
    expect(bobs.locator("#preview h2")).not_to_have_text("2–3 Nov 2026")
    bobs.get_by_label("Pages").check()
    bobs.get_by_text("Choose days").click()
    bobs.fill("#id_first_day", "2026-11-02")
    bobs.fill("#id_last_day", "2026-11-03")
    bobs.dispatch_event("#id_last_day", "change")
    expect(bobs.locator("#preview h2")).to_have_text("2–3 Nov 2026")
    bobs.locator("#ask-label").click()
    bobs.wait_for_url("**/exports/*-*/*")
    bobs.go_back()
    expect(bobs.locator("#id_first_day")).to_have_value("2026-11-02")
    expect(bobs.locator("#preview h2")).to_have_text("2–3 Nov 2026")
    expect(bobs.locator("#ask-label")).to_have_text("Join the running export")


@pytest.mark.django_db(transaction=True)
@pytest.mark.browser
def test_field_that_is_mended_is_no_longer_marked(bobs: Page, people: Cast, live_server: LiveServer) -> None:
    bobs.goto(f"{live_server.url}{NEW}?types=page&range=days&first_day=2026-10-05&last_day=2026-10-01")
    bobs.locator("#ask-label").click()
    marked = bobs.locator("[name=last_day]")
    expect(bobs.locator("#id_range_error, #id_last_day_error").locator("visible=true")).to_have_count(1)
    refused = bobs.locator(".is-invalid")
    expect(refused).to_have_count(1)
    marked.fill("2026-10-09")
    expect(refused).to_have_count(0)
    expect(bobs.locator("[aria-invalid=true]")).to_have_count(0)
