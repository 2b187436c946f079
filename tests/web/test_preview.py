"""A look into a file: rows, columns, charts, and what stands there while they are made."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from exports.files.profile_document import Column, Profile
from exports.models import DerivedFile, Download, Export, Heartbeat, Workspace
from exports.services import formats, masking
from exports.web.charts import over_time, units_for
from exports.web.preview import charts_of
from tests.support.cast import Cast, make_ready_export, zip_of
from tests.web.conftest import Browse, show_life
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

LIVE = {"headers": {"HX-Request": "true"}}
EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


def rows() -> list[dict[str, Any]]:
    return [
        {
            "eventDate": f"2026-10-0{1 + number % 3} 16:00:00 UTC",
            "title": f"Page {number % 4}" if number else EVIL,
            "canonicalUrl": f"https://www.example.com/{number % 5}",
            EVIL: EVIL,
            "views": str(number % 7),
        }
        for number in range(60)
    ]


@pytest.fixture
def export(cast: Cast) -> Export:
    content = b"".join(msgspec.json.encode(row) + b"\n" for row in rows())
    return make_ready_export(cast.acme, cast.bob, zip_of(content), rows=60)


@pytest.fixture
def vera(cast: Cast, browse: Browse) -> Client:
    return browse(cast.vera)


@pytest.fixture
def address(export: Export, vera: Client) -> str:
    """The page of a profile that is there."""
    page = f"/exports/{export.pk}/preview/"
    vera.get(page)
    assert formats.make_format(DerivedFile.objects.get().pk)
    return page


def test_preview_for_each_role_is_shown_to_whom_may_download(export: Export, cast: Cast, browse: Browse) -> None:
    for name, wanted in {"alice": 200, "bob": 200, "vera": 200, "charlie": 404, "ada": 200}.items():
        assert browse(getattr(cast, name)).get(f"/exports/{export.pk}/preview/").status_code == wanted, name


def test_whose_columns_are_masked_is_not_led_to_the_original(export: Export, cast: Cast, browse: Browse) -> None:
    masking.set_masking(actor=cast.alice, workspace=cast.acme, columns=["title"], roles=["viewer"])
    download = f"/exports/{export.pk}/download/"
    for person, way in ((cast.vera, f"{download}?format=xlsx"), (cast.bob, download)):
        page = read(browse(person).get(f"/exports/{export.pk}/preview/"))
        assert [href for one in page if (href := one.attrs.get("href", "")).startswith(download)] == [way]


def test_preview_being_made_says_so_and_asks_again_until_it_is_there(export: Export, vera: Client) -> None:
    page = f"/exports/{export.pk}/preview/?tab=columns"
    answer = vera.get(page)
    assert "Reading the file" in text_of(answer)
    check_page(answer)
    waiting = next(one for one in read(answer) if one.attrs.get("id") == "preview")
    assert waiting.attrs["hx-get"] == page
    assert page in [one.attrs.get("href") for one in read(answer)]  # without scripts: a link
    assert vera.get(page, **LIVE).status_code == 204
    formats.make_format(DerivedFile.objects.get().pk)
    made = vera.get(page, **LIVE)
    assert b"<html" not in made.content
    assert b"hx-get" not in made.content
    assert "canonicalUrl" in made.content.decode()


def test_preview_that_waits_for_the_store_says_so_once(export: Export, vera: Client) -> None:
    page = f"/exports/{export.pk}/preview/?tab=columns"
    assert "It goes on by itself as soon as that is over" not in text_of(vera.get(page))
    DerivedFile.objects.update(error_code="storage_full")
    answer = vera.get(f"{page}&waits=", **LIVE)
    assert "The portal’s storage is full. It goes on by itself as soon as that is over." in text_of(answer)
    waiting = next(one for one in read(answer) if one.attrs.get("id") == "preview")
    assert (waiting.attrs["hx-get"], waiting.attrs["hx-vals"]) == (page, '{"waits": "storage_full"}')
    assert "about a second" not in text_of(answer)
    assert vera.get(f"{page}&waits=storage_full", **LIVE).status_code == 204
    DerivedFile.objects.update(error_code="")
    assert "It goes on" not in text_of(vera.get(f"{page}&waits=storage_full", **LIVE))
    check_page(vera.get(f"{page}&waits=storage_full"))


def test_preview_that_nobody_makes_says_so(export: Export, vera: Client) -> None:
    Heartbeat.objects.filter(queues__contains="convert").update(queues="poll,transfer")
    answer = vera.get(f"/exports/{export.pk}/preview/?waits=", **LIVE)
    assert "No worker makes other formats right now" in text_of(answer)
    waits = json.loads(next(one for one in read(answer) if one.attrs.get("id") == "preview").attrs["hx-vals"])
    assert vera.get(f"/exports/{export.pk}/preview/", waits, **LIVE).status_code == 204
    show_life()
    again = vera.get(f"/exports/{export.pk}/preview/", waits, **LIVE)
    assert (again.status_code, "No worker" in text_of(again)) == (200, False)
    check_page(vera.get(f"/exports/{export.pk}/preview/"))


def test_preview_that_failed_says_that_the_file_is_not_affected(export: Export, vera: Client) -> None:
    vera.get(f"/exports/{export.pk}/preview/")
    DerivedFile.objects.update(state=DerivedFile.State.FAILED, error_code="conversion_failed")
    answer = vera.get(f"/exports/{export.pk}/preview/")
    assert "The file itself is not affected" in text_of(answer)
    check_page(answer)
    assert f"/exports/{export.pk}/download/" in [one.attrs.get("href") for one in read(answer)]


@pytest.mark.parametrize("rest", ["", "?tab=rows&row=1", "?tab=columns", "?tab=charts", "?tab=odd", "?row=0", "?row=²"])
def test_every_view_is_clean_and_nothing_in_a_row_becomes_markup(rest: str, address: str, vera: Client) -> None:
    answer = vera.get(address + rest)
    assert answer.status_code == 200
    check_page(answer)
    assert "<script>alert" not in answer.content.decode()
    assert "<img src=x" not in answer.content.decode()


def test_rows_show_the_first_fifty_with_every_column(address: str, vera: Client) -> None:
    answer = vera.get(address)
    table = next(one for one in read(answer) if one.tag == "table")
    assert len([one for one in read(answer) if one.tag == "tr"]) == 51
    assert all(name in table.text for name in ("eventDate", "title", "canonicalUrl", "views", EVIL))
    region = next(one for one in read(answer) if one.attrs.get("role") == "region")
    assert (region.attrs["tabindex"], bool(region.attrs["aria-label"])) == ("0", True)
    assert "The first 50 rows of 60." in text_of(answer)


def test_column_found_by_part_of_its_name_narrows_rows_and_columns(address: str, vera: Client) -> None:
    for tab in ("rows", "columns"):
        shown = text_of(vera.get(address, {"tab": tab, "q": "VIEW"}))
        assert "views" in shown
        assert "canonicalUrl" not in shown
        assert "No column is called that" in text_of(vera.get(address, {"tab": tab, "q": "nothing"}))


def test_one_row_opens_as_a_list_and_leads_to_its_neighbours(address: str, vera: Client) -> None:
    answer = vera.get(address, {"row": "2", "q": "t"})
    terms = [one.text for one in read(answer) if one.tag == "dt"]
    assert terms == ["eventDate", "title", EVIL]
    links = [one.attrs.get("href", "") for one in read(answer) if one.tag == "a"]
    assert any("row=1" in link and "q=t" in link for link in links)
    assert any("row=3" in link for link in links)
    assert "Row 50" not in text_of(vera.get(address, {"row": "51"}))


def test_columns_say_filled_different_span_and_most_frequent(address: str, vera: Client) -> None:
    answer = vera.get(address, {"tab": "columns", "q": "views"})
    row = next(one for one in read(answer) if one.tag == "tr" and "views" in one.text)
    assert re.sub(r"\s+", " ", row.text).strip().startswith("views whole number 100% 7 0 – 6 0 9 1 9 2 9 the next 4")


def test_charts_have_a_table_each_and_days_of_the_workspace(address: str, cast: Cast, vera: Client) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(time_zone="Asia/Tokyo")
    answer = vera.get(address, {"tab": "charts"})
    text = text_of(answer)
    assert "Rows per hour" in text
    assert "Rows by hour of the day all days together, time zone Asia/Tokyo" in text
    assert "2 Oct 2026, 01:00" in text  # 16:00 UTC is the next day in Tokyo
    assert "Pages · www.example.com" in text
    charts = [one for one in read(answer) if one.tag == "figure"]
    assert len(charts) == len([one for one in read(answer) if one.tag == "table"]) == 4
    drawn = [one for one in read(answer) if one.tag == "svg" and one.attrs.get("role") == "img"]
    assert all("the most" in one.attrs["aria-label"] for one in drawn)


def test_preview_costs_few_queries_and_counts_as_no_download(
    address: str, vera: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(8):
        vera.get(address)
    assert not Download.objects.exists()


def test_profile_is_no_format_to_download(address: str, vera: Client) -> None:
    assert vera.get(address.replace("preview", "download"), {"format": "profile"}).status_code == 400


def test_export_links_to_its_preview_while_it_has_a_file(export: Export, vera: Client) -> None:
    assert f"/exports/{export.pk}/preview/" in vera.get(f"/exports/{export.pk}/").content.decode()
    Export.objects.filter(pk=export.pk).update(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert f"/exports/{export.pk}/preview/" not in vera.get(f"/exports/{export.pk}/").content.decode()
    answer = vera.get(f"/exports/{export.pk}/preview/")
    assert answer.status_code == 410
    check_page(answer)


@pytest.mark.parametrize(
    ("days", "title"),
    [(1, "Rows per hour"), (90, "Rows per day"), (1_000, "Rows per month"), (20_000, "Rows per year")],
)
def test_step_of_time_suits_the_span_and_gaps_stay_empty(days: int, title: str) -> None:
    start = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp())
    chart = over_time([(start, 5), (start + days * 86_400, 7)], ZoneInfo("UTC"))
    assert chart is not None
    assert (chart.title, chart.total, chart.peak.number) == (title, 12, 7)
    assert 20 < len(chart.bars) < 410
    assert sum(1 for bar in chart.bars if bar.number) == 2


@pytest.mark.parametrize(
    ("days", "units"),
    [
        (1, ["hour", "day"]),
        (20, ["day", "hour"]),
        (90, ["day"]),
        (1_000, ["month"]),
        (20_000, ["year"]),
    ],
)
def test_reader_chooses_among_the_units_that_can_be_drawn(days: int, units: list[str]) -> None:
    start = int(datetime(2026, 10, 1, tzinfo=UTC).timestamp())
    quarters = [(start, 5), (start + days * 86_400, 7)]
    assert units_for(quarters, ZoneInfo("UTC")) == units
    for unit in (*units, "week", ""):
        chart = over_time(quarters, ZoneInfo("UTC"), unit)
        assert chart is not None
        assert chart.unit == (unit if unit in units else units[0])
        assert (chart.total, len(chart.bars) <= 24 * 33) == (12, True)


def test_hours_of_the_day_are_those_of_the_workspace(address: str, cast: Cast, vera: Client) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(time_zone="Asia/Tokyo")
    answer = vera.get(address, {"tab": "charts", "per": "day"})
    assert "Rows per day" in text_of(answer)
    chosen = [one.text for one in check_page(answer) if one.attrs.get("aria-current") == "page"]
    assert "Per day" in chosen
    said = [one.attrs["aria-label"] for one in read(answer) if one.attrs.get("role") == "img"]
    assert said[1] == "Rows by hour of the day from 00:00 to 23:00; the most, 60, at 01:00."


def test_pages_of_several_sites_keep_their_addresses() -> None:
    top = [("https://a.example/x", 5), ("https://b.example/x", 3)]
    one = Column("canonicalUrl", "text", 8, 2, True, "", "", top, True)
    chart = charts_of(Profile(8, [], [], [], [one], None, [], 0), ZoneInfo("UTC"))[1][0]
    assert (chart.title, chart.bars[0].label) == ("Pages", "https://a.example/x")
