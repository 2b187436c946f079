"""Presets on the form, views above the list: made, used, deleted."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.test import Client

from exports.models import Export, Preset, SavedView
from tests.support.cast import Cast, make_workspace
from tests.web.conftest import BACKEND, Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

NEW = "/exports/new/"
SAVE = "/exports/presets/"


@pytest.fixture
def bob(cast: Cast, browse: Browse) -> Client:
    return browse(cast.bob)


def filled(cast: Cast, **values: object) -> dict[str, object]:
    return {
        "workspace": str(cast.acme.pk),
        "types": ["page", "event"],
        "range": "last-month",
        "formats": ["xlsx"],
        "name": "Board",
        "note": "every month",
        "preset_name": "Monthly",
        **values,
    }


def test_form_is_kept_under_a_name_and_comes_back_filled(cast: Cast, bob: Client) -> None:
    answer = bob.post(SAVE, filled(cast), follow=True)
    preset = Preset.objects.get()
    assert answer.redirect_chain == [(f"{NEW}?preset={preset.pk}", 302)]
    assert (preset.name, preset.user, preset.is_shared) == ("Monthly", cast.bob, False)
    content = answer.content.decode()
    assert 'value="page" checked' in " ".join(content.split())
    assert 'value="event" checked' in " ".join(content.split())
    assert 'value="last-month" checked' in " ".join(content.split())
    assert 'value="xlsx" checked' in " ".join(content.split())
    assert 'value="Board"' in content
    assert "every month" in content
    assert "The preset is saved" in text_of(answer)
    check_page(answer)
    assert not Export.objects.exists()


def test_preset_means_last_month_when_it_is_used_not_when_it_was_kept(cast: Cast) -> None:
    bob = Client()
    with time_machine.travel(datetime(2026, 10, 5, tzinfo=UTC), tick=False):
        bob.force_login(cast.bob, backend=BACKEND)
        bob.post(SAVE, filled(cast))
    with time_machine.travel(datetime(2026, 11, 5, tzinfo=UTC), tick=False):
        bob.force_login(cast.bob, backend=BACKEND)
        assert "1–31 Oct 2026" in text_of(bob.get(f"{NEW}?preset={Preset.objects.get().pk}"))


def test_workspace_of_a_preset_is_chosen_with_it(cast: Cast, bob: Client) -> None:
    zulu = make_workspace("Zulu", token="z" * 40, member=cast.bob)
    bob.post(SAVE, filled(cast, workspace=str(zulu.pk)))
    content = " ".join(bob.get(f"{NEW}?preset={Preset.objects.get().pk}").content.decode().split())
    assert f'<option value="{zulu.pk}" selected>' in content


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"preset_name": ""}, "preset_name", "Give the preset a name."),
        ({"preset_name": "a\x00b"}, "preset_name", "Null characters are not allowed"),
        ({"types": []}, "types", "Choose at least one type of data."),
        ({"range": "days"}, "first_day", "Choose the first day."),
        ({"workspace": "odd"}, "workspace", "You can’t ask for exports here"),
    ],
)
def test_preset_that_can_not_be_kept_says_why_at_its_field(
    changes: dict[str, object], field: str, sentence: str, cast: Cast, bob: Client
) -> None:
    answer = bob.post(SAVE, filled(cast, **changes))
    assert answer.status_code == 422
    (beside,) = [one for one in read(answer) if one.attrs.get("id") == f"id_{field}_error"]
    assert sentence in beside.text
    assert not Preset.objects.exists()
    check_page(answer)


def test_taken_name_is_refused_at_its_field(cast: Cast, bob: Client) -> None:
    bob.post(SAVE, filled(cast))
    answer = bob.post(SAVE, filled(cast, preset_name="monthly"))
    assert answer.status_code == 422
    assert "There is a preset of this name already" in text_of(answer)


def test_range_beyond_the_retention_may_be_kept_and_is_doubted_when_it_is_used(cast: Cast, bob: Client) -> None:
    days = {"range": "days", "first_day": "2020-01-01", "last_day": "2020-01-31"}
    answer = bob.post(SAVE, filled(cast, **days), follow=True)
    assert "begins more than 13 months ago" in text_of(answer)
    assert Preset.objects.count() == 1


def test_shared_preset_is_offered_to_others_who_may_ask_and_to_no_viewer(cast: Cast, browse: Browse) -> None:
    browse(cast.bob).post(SAVE, filled(cast, preset_shared="on"))
    page = browse(cast.alice).get(NEW)
    assert "Monthly" in text_of(page)
    assert "for the workspace, saved by Bob" in text_of(page)
    check_page(page)
    preset = Preset.objects.get()
    assert browse(cast.vera).get(f"{NEW}?preset={preset.pk}").status_code == 404
    assert browse(cast.charlie).get(f"{NEW}?preset={preset.pk}").status_code == 404


@pytest.mark.parametrize("wanted", ["odd", "00000000-0000-4000-8000-000000000000"])
def test_unknown_preset_is_not_found(wanted: str, bob: Client) -> None:
    assert bob.get(NEW, {"preset": wanted}).status_code == 404


def test_preset_is_deleted(cast: Cast, bob: Client) -> None:
    bob.post(SAVE, filled(cast))
    answer = bob.post(f"/exports/presets/{Preset.objects.get().pk}/delete/", follow=True)
    assert "The preset is deleted." in text_of(answer)
    assert not Preset.objects.exists()


def test_enter_in_the_form_queues_and_saves_no_preset(cast: Cast, bob: Client) -> None:
    """A browser presses the first submit button of the form."""
    bob.post(SAVE, filled(cast))
    content = bob.get(NEW).content.decode()
    form = content[content.index(f'<form method="post" action="{NEW}"') :]
    assert form.index("ask-label") < form.index("formaction")
    assert form.index('type="submit"') < form.index("ask-label")


def test_view_of_the_list_is_kept_used_and_deleted(cast: Cast, bob: Client) -> None:
    query = f"type=page&status=failed&person={cast.alice.pk}&order=oldest"
    page = bob.get(f"/?{query}&cursor=&v=x")
    (kept,) = [one for one in read(page) if one.attrs.get("name") == "query"]
    answer = bob.post("/views/", {"view_name": "Alice’s failed", "query": kept.attrs["value"]}, follow=True)
    view = SavedView.objects.get()
    assert (view.user, view.name, view.query) == (cast.bob, "Alice’s failed", query)
    assert answer.redirect_chain == [(f"/?{query}", 302)]
    (chip,) = [one for one in read(answer) if one.attrs.get("class") == "chip"]
    assert (chip.attrs["href"].replace("&amp;", "&"), chip.attrs["aria-current"]) == (f"/?{query}", "page")
    check_page(answer)
    answer = bob.post(f"/views/{view.pk}/delete/", follow=True)
    assert "The view is deleted." in text_of(answer)
    assert not SavedView.objects.exists()


def test_view_of_filters_that_no_list_has_is_refused(cast: Cast, bob: Client) -> None:
    answer = bob.post("/views/", {"view_name": "Odd", "query": "status=odd"}, follow=True)
    assert "There is no such status." in text_of(answer)
    assert not SavedView.objects.exists()


def test_view_keeps_filters_alone(cast: Cast, bob: Client) -> None:
    bob.post("/views/", {"view_name": "Ready", "query": "status=ready&next=https://evil.example&v=1"})
    assert SavedView.objects.get().query == "status=ready"


def test_view_of_another_is_not_found(cast: Cast, bob: Client) -> None:
    view = SavedView.objects.create(user=cast.alice, name="Mine", query="who=mine")
    assert bob.post(f"/views/{view.pk}/delete/").status_code == 404
    assert "Mine" not in [one.text.strip() for one in read(bob.get("/")) if one.attrs.get("class") == "chip"]
