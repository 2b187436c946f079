"""The form that asks: ten seconds, nothing lost, every refusal at its field."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from exports.models import Export, Requester, Status
from exports.services import pauses
from exports.services.limits import Allowed, set_limits
from tests.support.cast import OCTOBER as OCTOBER_UTC
from tests.support.cast import ApiCaller, Cast, make_export, make_ready_export, make_workspace
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of, ticked

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

NEW = "/exports/new/"
PREVIEW = "/exports/new/preview/"
OCTOBER = {"range": "days", "first_day": "2026-10-01", "last_day": "2026-10-31"}
NOW = datetime(2026, 11, 23, 15, 30, tzinfo=UTC)


@pytest.fixture
def bob(cast: Cast, browse: Browse) -> Client:
    return browse(cast.bob)


def form(cast: Cast, **values: object) -> dict[str, object]:
    return {"workspace": str(cast.acme.pk), "types": ["page"], **OCTOBER, **values}


def errors_of(answer: object, field: str) -> str:
    found = [one for one in read(answer) if one.attrs.get("id") == f"id_{field}_error"]
    return found[0].text.strip() if found else ""


def test_form_starts_with_the_last_workspace_and_last_month_but_no_type(cast: Cast, bob: Client) -> None:
    other = make_workspace("Zulu", token="z" * 40, member=cast.bob)
    make_export(other, cast.bob, Status.FAILED, data_type="segment")
    answer = bob.get(NEW)
    content = answer.content.decode()
    assert f'<option value="{other.pk}" selected>' in " ".join(content.split())
    assert 'name="types" checked' not in " ".join(content.split())
    assert 'value="segment" checked' not in content
    assert 'value="last-month" checked' in content
    assert "Sent to Analytics Cloud" in text_of(answer)  # the window, before anything is chosen
    check_page(answer)


def test_formats_are_asked_for_with_the_file_and_offered_again_the_next_time(cast: Cast, bob: Client) -> None:
    assert 'value="xlsx" checked' not in bob.get(NEW).content.decode()
    answer = bob.post(NEW, form(cast, formats=["xlsx", "parquet"]), follow=True)
    export = Export.objects.get()
    assert Requester.objects.get().formats == ["xlsx", "parquet"]
    assert "Made for you when it is ready: Excel, Parquet." in text_of(answer)
    assert "Made for you when ready Excel, Parquet" in text_of(answer)
    again, other = bob.get(NEW), bob.get(f"{NEW}?like={export.pk}&formats=csv")
    assert ticked(again, "formats") == ["xlsx", "parquet"]
    assert ticked(other, "formats") == ["csv"]
    assert ["as you chose last time" in text_of(page) for page in (again, other)] == [True, False]
    assert "as you chose last time" not in text_of(bob.post(NEW, form(cast, formats=["csv"], check="1")))


def test_formats_are_remembered_from_the_form_alone_whatever_answers_it(cast: Cast, bob: Client) -> None:
    def remembered() -> list[str]:
        return ticked(bob.get(NEW), "formats")

    make_ready_export(cast.acme, cast.alice, range_from=OCTOBER_UTC[0], range_to=OCTOBER_UTC[1])
    answer = bob.post(NEW, form(cast, formats=["json"]), follow=True)
    assert "A file that is ready answers this already. Made for you now: JSON." in text_of(answer)
    assert remembered() == ["json"]
    ApiCaller(cast.bob).post(
        "exports",
        {"workspace": str(cast.acme.pk), "type": "event", "from": "2026-10-01T00:00Z", "to": "2026-10-02T00:00Z"},
    )
    assert remembered() == ["json"]
    assert bob.post(NEW, form(cast, types=["segment"])).status_code == 302
    assert remembered() == []


def test_bundle_offers_the_formats_that_were_chosen(cast: Cast, bob: Client) -> None:
    make_ready_export(cast.acme, cast.alice, range_from=OCTOBER_UTC[0], range_to=OCTOBER_UTC[1])
    answer = bob.post(NEW, form(cast, types=["page", "segment"], formats=["csv", "parquet"]), follow=True)
    assert "Made when ready: CSV, Parquet" in text_of(answer)
    ways = [one.attrs["href"] for one in read(answer) if "/download/" in one.attrs.get("href", "")]
    assert [way.partition("/download/")[2] for way in ways] == ["", "?format=csv", "?format=parquet"]
    check_page(answer)


def test_days_that_are_refused_are_not_asked_for_again_by_the_preview(cast: Cast, bob: Client) -> None:
    wrong = {"workspace": str(cast.acme.pk), "range": "days", "first_day": "2026-11-02", "last_day": "2026-11-01"}
    assert "the reason stands beside them" in text_of(bob.get(PREVIEW, wrong))
    assert "Choose workspace and days" in text_of(bob.get(PREVIEW, wrong | {"first_day": "", "last_day": ""}))


def test_format_that_is_not_made_is_refused_beside_its_field(cast: Cast, bob: Client) -> None:
    answer = bob.post(NEW, form(cast, formats=["xls"]))
    assert answer.status_code == 422
    assert errors_of(answer, "formats") == "Choose one of the formats offered."
    check_page(answer)
    assert not Export.objects.exists()


def test_form_starts_with_a_workspace_that_is_still_the_person_s(cast: Cast, bob: Client) -> None:
    left = make_workspace("Aardvark", token="z" * 40, member=cast.bob)
    make_export(left, cast.bob, Status.FAILED)
    left.memberships.all().delete()
    answer = bob.get(NEW)
    assert f'<option value="{cast.acme.pk}" selected>' in " ".join(answer.content.decode().split())
    assert "Sent to Analytics Cloud" in text_of(answer)


def test_days_are_sent_as_the_workspace_s_whole_days(cast: Cast, browse: Browse) -> None:
    tokyo = make_workspace("Tokyo", token="t" * 40, time_zone="Asia/Tokyo", member=cast.bob)
    answer = browse(cast.bob).post(NEW, form(cast, workspace=str(tokyo.pk), name=" October ", note="for the board"))
    export = Export.objects.get()
    assert answer.headers["Location"] == f"/exports/{export.pk}/"
    assert export.range_from == datetime(2026, 9, 30, 15, tzinfo=UTC)
    assert export.range_to == datetime(2026, 10, 31, 14, 59, 59, 999000, tzinfo=UTC)
    assert (export.name, export.note, export.requested_by) == ("October", "for the board", cast.bob)


def test_several_types_are_several_exports_asked_together(cast: Cast, bob: Client) -> None:
    answer = bob.post(NEW, form(cast, types=["page", "event", "segment"]), follow=True)
    assert set(Export.objects.values_list("data_type", flat=True)) == {"page", "event", "segment"}
    assert text_of(answer).count("A new export.") == 3
    check_page(answer)
    again = bob.post(NEW, form(cast, types=["page", "event", "individual"]), follow=True)
    assert text_of(again).count("you have joined it") == 2
    assert text_of(again).count("A new export.") == 1
    assert Export.objects.count() == 4


def test_exact_times_mean_the_workspace_s_zone_or_utc(cast: Cast, browse: Browse) -> None:
    tokyo = make_workspace("Tokyo", token="t" * 40, time_zone="Asia/Tokyo", member=cast.bob)
    values = {
        "workspace": str(tokyo.pk),
        "range": "exact",
        "exact_from": "2026-10-01T09:00",
        "exact_to": "2026-10-01T10:30:15.250",
    }
    client = browse(cast.bob)
    client.post(NEW, form(cast, **values, exact_zone="workspace"))
    client.post(NEW, form(cast, **values, exact_zone="utc"))
    begins = set(Export.objects.values_list("range_from", "range_to"))
    assert begins == {
        (datetime(2026, 10, 1, 0, tzinfo=UTC), datetime(2026, 10, 1, 1, 30, 15, 250000, tzinfo=UTC)),
        (datetime(2026, 10, 1, 9, tzinfo=UTC), datetime(2026, 10, 1, 10, 30, 15, 250000, tzinfo=UTC)),
    }


@time_machine.travel(NOW, tick=False)
def test_preset_is_resolved_when_it_is_sent(cast: Cast, bob: Client) -> None:
    bob.force_login(cast.bob, backend="allauth.account.auth_backends.AuthenticationBackend")
    bob.post(NEW, form(cast, range="yesterday"))
    assert Export.objects.get().range_from == datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"types": []}, "types", "Choose at least one type of data."),
        ({"types": ["odd"]}, "types", "Choose one of the data types."),
        ({"range": ""}, "range", "Choose which days you need."),
        ({"range": "odd"}, "range", "Select a valid choice"),
        ({"first_day": ""}, "first_day", "Choose the first day."),
        ({"last_day": ""}, "last_day", "Choose the last day."),
        ({"last_day": "31.10.2026"}, "last_day", "Enter a valid date."),
        ({"last_day": "2026-09-30"}, "last_day", "The last day is before the first."),
        ({"range": "exact"}, "exact_from", "Say when it begins."),
        ({"range": "exact", "exact_from": "noon", "exact_to": "2026-10-01T09:00"}, "exact_from", "Write the time like"),
        (
            {"range": "exact", "exact_from": "2026-10-02T09:00", "exact_to": "2026-10-01T09:00"},
            "exact_to",
            "The end is before the beginning.",
        ),
        ({"name": "x" * 121}, "name", "at most 120 characters"),
        ({"workspace": ""}, "workspace", "Choose a workspace."),
        ({"workspace": "odd"}, "workspace", "You can’t ask for exports here"),
    ],
)
def test_refused_input_keeps_what_was_typed_and_says_why_at_its_field(
    changes: dict[str, object], field: str, sentence: str, cast: Cast, bob: Client
) -> None:
    answer = bob.post(NEW, form(cast, note="keep me", **changes))
    assert answer.status_code == 422
    assert sentence in errors_of(answer, field)
    assert "keep me" in answer.content.decode()
    assert not Export.objects.exists()
    check_page(answer)


@pytest.mark.parametrize("person", ["vera", "charlie"])
def test_viewer_and_stranger_are_refused_at_the_workspace(person: str, cast: Cast, browse: Browse) -> None:
    client = browse(getattr(cast, person))
    answer = client.post(NEW, form(cast))
    assert not Export.objects.exists()
    assert answer.status_code == 422
    if person == "vera":
        assert "needs the role “Member”" in text_of(answer)
    else:
        assert "You can’t ask for exports here" in errors_of(answer, "workspace")


def test_range_outside_the_retention_is_refused_unless_insisted(cast: Cast, bob: Client) -> None:
    long_ago = {"first_day": "2020-01-01", "last_day": "2020-01-31"}
    refused = bob.post(NEW, form(cast, **long_ago))
    assert "begins more than 13 months ago" in errors_of(refused, "range")
    assert 'name="anyway"' in refused.content.decode()
    assert not Export.objects.exists()
    bob.post(NEW, form(cast, **long_ago, anyway="on"))
    assert Export.objects.count() == 1


@pytest.mark.parametrize(
    "window",
    [
        {"range": "exact", "exact_from": "2026-10-01T00:00", "exact_to": "9999-12-31T23:59", "exact_zone": "utc"},
        {"range": "exact", "exact_from": "0001-01-01T00:00", "exact_to": "2026-10-01T00:00", "exact_zone": "utc"},
        {"first_day": "2026-10-01", "last_day": "2200-01-31"},
        {"first_day": "1969-10-01", "last_day": "2026-10-01"},
    ],
)
@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_range_beyond_what_every_zone_can_show_is_refused(
    window: dict[str, str], zone: str, cast: Cast, bob: Client
) -> None:
    """Each page that names such a range would break, for everybody who sees the workspace."""
    cast.acme.time_zone = zone
    cast.acme.save(update_fields=["time_zone"])
    for more in ({}, {"anyway": "on"}, {"check": "1"}):
        answer = bob.post(NEW, form(cast, **window, **more))
        assert answer.status_code == 422
        assert "too far away" in text_of(answer)
    assert bob.get(f"{NEW}preview/", form(cast, **window)).status_code == 200
    assert not Export.objects.exists()


def test_period_that_has_not_begun_is_refused_unless_insisted(cast: Cast, bob: Client) -> None:
    ahead = {"first_day": "2126-01-01", "last_day": "2126-01-31"}
    assert "hasn’t begun yet" in text_of(bob.get(f"{NEW}preview/", form(cast, **ahead)))
    assert "hasn’t begun yet" in errors_of(bob.post(NEW, form(cast, **ahead)), "range")
    assert not Export.objects.exists()
    bob.post(NEW, form(cast, **ahead, anyway="on"))
    assert Export.objects.count() == 1


def test_paused_workspace_is_refused_unless_queued_anyway(cast: Cast, bob: Client) -> None:
    pauses.pause_by_manager(actor=cast.alice, workspace=cast.acme)
    refused = bob.post(NEW, form(cast))
    assert "is paused" in errors_of(refused, "workspace")
    assert 'name="anyway"' in refused.content.decode()
    assert not Export.objects.exists()
    bob.post(NEW, form(cast, anyway="on"))
    assert Export.objects.count() == 1


def test_equal_running_export_is_announced_and_joined(cast: Cast, browse: Browse, bob: Client) -> None:
    browse(cast.alice).post(NEW, form(cast))
    assert "an equal export is running. You will join it." in " ".join(
        bob.get(PREVIEW, form(cast)).content.decode().split()
    ).replace('<a href="' + Export.objects.get().get_absolute_url() + '">', "").replace("</a>", "")
    answer = bob.post(NEW, form(cast), follow=True)
    assert "you have joined it" in answer.content.decode()
    assert Export.objects.count() == 1


def test_equal_file_answers_at_once_or_is_asked_afresh(cast: Cast, bob: Client) -> None:
    window = {
        "range_from": datetime(2026, 10, 1, tzinfo=UTC),
        "range_to": datetime(2026, 10, 31, 23, 59, 59, 999000, tzinfo=UTC),
    }
    ready = make_ready_export(cast.acme, cast.alice, **window)
    Export.objects.filter(pk=ready.pk).update(ready_at=timezone.now() - timedelta(hours=3))
    preview = bob.get(PREVIEW, form(cast)).content.decode()
    assert "3 h ago" in preview
    assert 'name="fresh"' in preview
    answer = bob.post(NEW, form(cast))
    assert answer.headers["Location"] == f"/exports/{ready.pk}/"
    bob.post(NEW, form(cast, fresh="on"))
    assert Export.objects.filter(fresh=True).count() == 1


def test_check_button_shows_the_window_and_sends_nothing(cast: Cast, bob: Client) -> None:
    answer = bob.post(NEW, form(cast, check="1"))
    assert answer.status_code == 200
    assert "2026-10-01T00:00:00.000Z" in text_of(answer)
    assert "2026-10-31T23:59:59.999Z" in text_of(answer)
    assert not Export.objects.exists()


def test_preview_shows_both_zones_length_and_clock_change(cast: Cast, bob: Client) -> None:
    berlin = make_workspace("Berlin", token="b" * 40, time_zone="Europe/Berlin", member=cast.bob)
    answer = bob.get(PREVIEW, form(cast, workspace=str(berlin.pk)))
    content = " ".join(answer.content.decode().split())
    for part in (
        "1 Oct 2026 00:00:00.000 CEST",
        "31 Oct 2026 23:59:59.999 CET",
        "2026-09-30T22:00:00.000Z",
        "2026-10-31T22:59:59.999Z",
        "31 days 1 h",
        "that day has 25 hours",
        "a new export, no. 1 in the queue",
        "in minutes to a few hours",
    ):
        assert part in content
    assert "<html" not in content


def test_preview_says_the_usual_duration_and_what_is_under_way(cast: Cast, bob: Client) -> None:
    now = timezone.now()
    for number in range(5):
        start = datetime(2026, 9, 1 + number, tzinfo=UTC)
        make_ready_export(
            cast.acme,
            cast.alice,
            submitted_at=now - timedelta(minutes=10 + 2 * number),
            ready_at=now,
            range_from=start,
            range_to=start + timedelta(days=31),
        )
    make_export(cast.acme, cast.alice, Status.QUEUED)
    content = " ".join(bob.get(PREVIEW, form(cast)).content.decode().split())
    assert "no. 2 in the queue" in content
    assert "usually 11–17 min for 31 days of pages here." in content
    assert "1 export of this workspace is under way already." in content


def test_preview_of_a_range_ahead_warns(cast: Cast, bob: Client) -> None:
    content = bob.get(PREVIEW, form(cast, first_day="2026-10-01", last_day="2090-01-01")).content.decode()
    assert "This ends in the future" in content


@pytest.mark.parametrize(
    "values", [{}, {"range": "days"}, {"range": "odd", "workspace": "odd"}, {"types": ["odd"]}, {"first_day": "x"}]
)
def test_preview_of_anything_at_all_answers(values: dict[str, object], cast: Cast, bob: Client) -> None:
    assert bob.get(PREVIEW, values).status_code == 200
    assert bob.get(PREVIEW, form(cast, **values)).status_code == 200
    assert bob.get(NEW, values).status_code == 200


def test_preview_of_all_types_takes_few_queries(
    cast: Cast, bob: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    every = ["event", "identity", "individual", "membership", "page", "segment"]
    with django_assert_max_num_queries(15):
        bob.get(PREVIEW, form(cast, types=every))


def test_refused_form_begins_at_what_was_refused(cast: Cast, bob: Client) -> None:
    fresh = bob.get(NEW).content.decode()
    refused = bob.post(NEW, form(cast, types=[])).content.decode()
    assert [field.count("autofocus") for field in (fresh, refused)] == [1, 1]
    assert re.search(r'id="id_workspace" autofocus', fresh)
    assert re.search(r'name="types"\s+value="page" aria-invalid="true" autofocus', refused)


def test_address_prefills_the_form_but_never_insists(cast: Cast, bob: Client) -> None:
    content = bob.get(NEW, {"workspace": str(cast.acme.pk), "types": ["event"], **OCTOBER, "anyway": "on"}).content
    assert b'value="event" checked' in content
    assert b'name="anyway" checked' not in content


def test_bundle_page_follows_each_answer_and_stops_when_all_have_ended(cast: Cast, bob: Client) -> None:
    ready = make_ready_export(cast.acme, cast.alice, range_from=OCTOBER_UTC[0], range_to=OCTOBER_UTC[1])
    bob.post(NEW, form(cast, types=["event"]))
    answer = bob.post(NEW, form(cast, types=["page", "event", "segment"]))
    address = answer.headers["Location"]
    page = bob.get(address)
    said = text_of(page)
    assert "A file that is ready answers this." in said
    assert "you have joined it" in said
    assert "A new export." in said
    assert f"/exports/{ready.pk}/download/" in page.content.decode()
    check_page(page)
    asked = next(one for one in read(page) if one.attrs.get("id") == "asked")
    same = bob.get(asked.attrs["hx-get"], headers={"HX-Request": "true"})
    assert same.status_code == 204
    Export.objects.filter(due_at__isnull=False).update(
        status="failed", due_at=None, ended_at=timezone.now(), error_code="upstream_failed"
    )
    changed = bob.get(asked.attrs["hx-get"], headers={"HX-Request": "true"})
    assert b"<html" not in changed.content
    assert "hx-get" not in next(one for one in read(changed) if one.attrs.get("id") == "asked").attrs


def test_bundle_page_is_its_person_s_alone_and_nothing_without_a_signature(cast: Cast, browse: Browse) -> None:
    address = browse(cast.bob).post(NEW, form(cast, types=["page", "event"])).headers["Location"]
    assert browse(cast.alice).get(address).headers["Location"] == "/"
    for text in ("", "odd", address.partition("r=")[2][:-1]):
        assert browse(cast.bob).get("/exports/asked/", {"r": text}).headers["Location"] == "/"


def test_bundle_page_takes_few_queries(
    cast: Cast, bob: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    every = ["event", "identity", "individual", "membership", "page", "segment"]
    address = bob.post(NEW, form(cast, types=every)).headers["Location"]
    with django_assert_max_num_queries(6):
        assert text_of(bob.get(address)).count("A new export") == 6


def test_all_types_refused_for_one_reason_say_it_once_at_the_field(cast: Cast, bob: Client) -> None:
    answer = bob.post(NEW, form(cast, types=["page", "event"], name="a\u202eb"))
    assert answer.status_code == 422
    assert errors_of(answer, "name").count("Only printable characters") == 1
    assert not Export.objects.exists()


def test_preview_says_what_is_refused_next_to_its_field(cast: Cast, bob: Client) -> None:
    set_limits(actor=cast.alice, workspace=cast.acme, together=Allowed(range_days=7, types=("page",)), each=Allowed())
    answer = bob.get(PREVIEW, form(cast, types=["event"]))
    assert errors_of(answer, "types")
    assert errors_of(bob.get(PREVIEW, form(cast)), "range")
    late = bob.get(PREVIEW, form(cast, last_day="2026-09-30"))
    assert errors_of(late, "last_day") == "The last day is before the first."
    swapped = [one for one in read(late) if one.attrs.get("hx-swap-oob") == "true"]
    assert {"id_workspace_error", "id_types_error", "id_range_error", "id_name_error"} <= {
        one.attrs["id"] for one in swapped
    }


def test_preview_does_not_complain_about_what_is_still_to_be_filled(cast: Cast, bob: Client) -> None:
    answer = bob.get(PREVIEW, {"workspace": str(cast.acme.pk), "range": "days", "first_day": "2026-10-01"})
    assert not [one for one in read(answer) if "field-errors" in one.attrs.get("class", "") and one.text.strip()]


def label(answer: Any) -> str:
    """Return what the button says."""
    (said,) = [one for one in read(answer) if one.attrs.get("id") == "ask-label"]
    return said.text.strip()


def test_button_says_what_sending_does_and_to_how_many(cast: Cast, bob: Client) -> None:
    window = {"range_from": OCTOBER_UTC[0], "range_to": OCTOBER_UTC[1]}
    both, other = {"types": ["page", "event"]}, {"types": ["individual", "segment"]}
    assert label(bob.get(PREVIEW, form(cast))) == "Queue the export"
    assert label(bob.get(PREVIEW, form(cast, **both))) == "Queue 2 exports"
    make_ready_export(cast.acme, cast.alice, data_type="page", **window)
    assert label(bob.get(PREVIEW, form(cast))) == "Use this file"
    assert label(bob.get(PREVIEW, form(cast, fresh="on"))) == "Queue the export"
    assert label(bob.get(PREVIEW, form(cast, **both))) == "Ask for 2 exports"
    assert label(bob.get(PREVIEW, form(cast, **both, fresh="on"))) == "Queue 2 exports"
    make_ready_export(cast.acme, cast.alice, data_type="event", **window)
    assert label(bob.get(PREVIEW, form(cast, **both))) == "Use these 2 files"
    make_export(cast.acme, cast.alice, data_type="individual", **window)
    assert label(bob.get(PREVIEW, form(cast, types=["individual"]))) == "Join the running export"
    assert label(bob.get(PREVIEW, form(cast, types=["individual"], fresh="on"))) == "Join the running export"
    make_export(cast.acme, cast.alice, data_type="segment", **window)
    assert label(bob.get(PREVIEW, form(cast, **other))) == "Join 2 running exports"
    assert label(bob.get(PREVIEW, form(cast, types=["page", "individual"]))) == "Ask for 2 exports"
    page = bob.post(NEW, form(cast, check="1"))
    assert label(page) == "Use this file"


def test_places_are_those_the_fair_order_gives(cast: Cast, browse: Browse) -> None:
    for _number in range(3):
        make_export(cast.acme, cast.alice, Status.QUEUED)
    content = " ".join(browse(cast.bob).get(PREVIEW, form(cast, types=["page", "event"])).content.decode().split())
    assert "no. 2 in the queue" in content  # after Alice's first
    assert "no. 4 in the queue" in content
