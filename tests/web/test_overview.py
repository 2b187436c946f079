"""Above the list: what failed and what to do about it, the first steps, this week."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from exports.models import Download, Export, Limits, Status, Workspace
from exports.web.strip import overview
from tests.support.cast import Cast, make_export, make_person, make_ready_export, make_workspace
from tests.web.conftest import Browse
from tests.web.markup import Element, check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

LIVE = {"headers": {"HX-Request": "true"}}


@pytest.fixture
def alice(cast: Cast, browse: Browse) -> Client:
    return browse(cast.alice)


def failures(answer: Any) -> str:
    """Return the words of the part about failures; nothing when it isn't there."""
    part = next((one for one in read(answer) if "failures" in one.attrs.get("class", "").split()), None)
    return " ".join(part.text.split()) if part else ""


def test_failed_export_says_what_to_do_and_whose_turn_it_is(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.FAILED, error_code="rejected_outside_retention", name="Two years")
    answer = alice.get("/")
    words = failures(answer)
    for part in ("Two years", "Acme", "13 months", "Ask again with a later beginning.", "Your turn"):
        assert part in words
    check_page(answer)


def test_failure_that_was_run_again_asks_for_nothing_more(cast: Cast, alice: Client) -> None:
    failed = make_export(cast.acme, cast.bob, Status.FAILED)
    assert failures(alice.get("/"))
    make_export(cast.acme, cast.bob, Status.QUEUED, run_again_of=failed)
    answer = alice.get("/")
    assert failures(answer) == ""
    assert "1 failed within 7 days" in text_of(answer)


def test_old_and_foreign_failures_are_not_told_of(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.FAILED, created_at=timezone.now() - timedelta(days=8))
    make_export(cast.globex, cast.charlie, Status.FAILED)
    answer = alice.get("/")
    assert failures(answer) == ""
    assert "0 failed within 7 days" in text_of(answer)


def test_three_failures_are_told_of_and_all_are_counted(cast: Cast, alice: Client) -> None:
    for number in range(25):
        make_export(cast.acme, cast.bob, Status.FAILED, name=f"Report {number:02}")
    answer = alice.get("/")
    words = failures(answer)
    assert [name in words for name in ("Report 24", "Report 22", "Report 21")] == [True, True, False]
    assert "25 failed within 7 days" in text_of(answer)


def test_who_sees_many_workspaces_is_told_of_their_failures_alone(cast: Cast) -> None:
    for number in range(3):
        make_export(cast.globex, cast.charlie, Status.FAILED, name=f"Foreign {number}")
    make_export(cast.acme, cast.bob, Status.FAILED, name="Ours")
    make_export(cast.acme, cast.bob, Status.CANCELLED, error_code="declined")
    make_export(cast.acme, cast.bob, Status.FAILED, created_at=timezone.now() - timedelta(days=8))
    few, many = overview(cast.vera), overview(cast.vera, is_spread=True)
    assert few == many
    assert ([failure.title for failure in many.failures], many.failed) == (["Ours"], 1)
    assert overview(cast.ada, is_spread=True).failed == 4


# First steps -----------------------------------------------------------------------------------------------------


def steps(answer: Any) -> list[tuple[str, bool]]:
    """Return the steps and which of them is next."""
    elements = read(answer)
    place = next((number for number, one in enumerate(elements) if one.attrs.get("id") == "first-steps"), None)
    if place is None:
        return []
    return [
        (" ".join(one.text.split()), one.attrs.get("aria-current") == "step")
        for one in elements[place:]
        if one.tag == "li" and one.text.strip()
    ][:4]


def next_step(answer: Any) -> str:
    return next(text for text, is_next in steps(answer) if is_next)


def hrefs(elements: list[Element]) -> list[str]:
    return [one.attrs.get("href", "") for one in elements if one.tag == "a"]


def test_administrator_is_led_from_nothing_to_the_first_file(db: None, browse: Browse) -> None:
    root = browse(make_person("Root", is_superuser=True, is_staff=True))
    empty = root.get("/")
    assert "A workspace" in next_step(empty)
    assert "/workspaces/new/" in hrefs(check_page(empty))


def test_manager_is_led_from_token_to_file(cast: Cast, alice: Client) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=timezone.now(), pause_code="token_missing")
    answer = alice.get("/")
    assert "Its access token" in next_step(answer)
    assert f"/workspaces/{cast.acme.pk}/#token" in hrefs(check_page(answer))
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=None, pause_code="")
    answer = alice.get("/")
    assert "The first export" in next_step(answer)
    assert "Queue the first export" in text_of(answer)
    assert "No exports yet" not in text_of(answer)
    make_export(cast.acme, cast.alice, Status.QUEUED)
    assert "Comes by itself." in next_step(alice.get("/"))
    Export.objects.all().delete()
    export = make_ready_export(cast.acme, cast.alice)
    answer = alice.get("/")
    assert "The first file" in next_step(answer)
    assert any(
        one.text.strip() == "To the file" and str(export.pk) in one.attrs["href"]
        for one in read(answer)
        if one.tag == "a"
    )
    Download.objects.create(export=export, user=cast.alice, format="csv")
    assert steps(alice.get("/")) == []


def test_member_without_a_token_learns_whose_turn_it_is(cast: Cast, browse: Browse) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=timezone.now(), pause_code="token_missing")
    answer = browse(cast.bob).get("/")
    assert "A manager does this." in next_step(answer)


def test_steps_are_for_beginners_who_may_ask(cast: Cast, browse: Browse, alice: Client) -> None:
    assert steps(browse(cast.vera).get("/")) == []
    assert steps(alice.get("/", {"status": "ready"})) == []
    make_export(cast.acme, cast.bob, Status.EXPIRED)
    assert steps(alice.get("/")) == []


def test_steps_lead_back_to_asking_when_all_has_failed(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.FAILED)
    assert "The first export" in next_step(alice.get("/"))


# The last seven days ---------------------------------------------------------------------------------------------


def test_list_fetches_the_week_after_itself_and_links_to_it(cast: Cast, alice: Client) -> None:
    make_ready_export(cast.acme, cast.bob)
    elements = read(alice.get("/"))
    place = next(one for one in elements if one.attrs.get("class") == "week-place")
    assert (place.attrs["hx-get"], place.attrs["hx-trigger"]) == ("/week/", "load, portal:again")
    assert "/week/" in hrefs(elements)
    part = alice.get("/week/", **LIVE)
    assert b"<html" not in part.content
    assert part.content.decode().count("<figure") == 4


def test_each_chart_says_itself_in_words_and_in_a_table(cast: Cast, alice: Client) -> None:
    now = timezone.now()
    make_ready_export(cast.acme, cast.bob, rows=1_234, bytes=500_000)
    make_export(
        *(cast.acme, cast.bob, Status.EXPIRED),
        created_at=now - timedelta(days=1),
        **{"rows": 10, "running_since": now, "upstream_wait_seconds": 60, "upstream_work_seconds": 540},
    )
    Limits.objects.create(workspace=cast.acme, whom="together", bytes_kept=400_000)
    answer = alice.get("/week/")
    elements = check_page(answer)
    said = [one.attrs["aria-label"] for one in elements if one.attrs.get("role") == "img"]
    assert said[0].startswith("Exports asked for in the last seven days: 2; the most, 1, on ")
    assert said[1].startswith("Rows in the last seven days: 1,244; the most, 1,234, on ")
    assert said[2].startswith("Average time at Analytics Cloud in the last seven days: 10 min; the most, 10 min, on ")
    tables = [one for one in elements if one.tag == "table"]
    assert len(tables) == 4
    assert [len([row for row in one.text.splitlines() if row.strip()]) for one in tables[:3]] == [16, 16, 16]
    assert "500 kB of 400 kB" in text_of(answer)
    assert "limit reached" in text_of(answer)


def test_bar_of_what_is_kept_is_drawn_where_it_says_how_full_or_how_much_more(cast: Cast, alice: Client) -> None:
    make_ready_export(cast.acme, cast.bob, bytes=500_000)
    assert '<svg class="bar' not in alice.get("/week/").content.decode()
    limit = Limits.objects.create(workspace=cast.acme, whom="together", bytes_kept=4_000_000)
    assert '<svg class="bar' in alice.get("/week/").content.decode()
    limit.delete()
    make_ready_export(make_workspace("Beta", viewer=cast.alice), cast.bob, bytes=250_000)
    assert alice.get("/week/").content.decode().count('<svg class="bar') == 2


def test_week_without_anything_says_none(cast: Cast, alice: Client) -> None:
    answer = alice.get("/week/")
    assert "No file is kept at the moment." in text_of(answer)
    said = [one.attrs["aria-label"] for one in check_page(answer) if one.attrs.get("role") == "img"]
    assert all(one.endswith("in the last seven days: none.") for one in said)


def test_days_are_those_of_the_persons_zone(cast: Cast, browse: Browse) -> None:
    type(cast.alice).objects.filter(pk=cast.alice.pk).update(time_zone="Asia/Tokyo")
    assert "(Asia/Tokyo)" in text_of(browse(cast.alice).get("/week/"))


def test_week_takes_few_queries(
    cast: Cast, alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(20):
        make_ready_export(cast.acme, cast.bob)
    with django_assert_max_num_queries(7):
        alice.get("/week/", **LIVE)


def test_list_with_failures_and_first_steps_takes_the_same_few_queries(
    cast: Cast, alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_export(cast.acme, cast.bob, Status.QUEUED)
    for _number in range(5):
        make_export(cast.acme, cast.bob, Status.FAILED)
    with django_assert_max_num_queries(12):
        alice.get("/")
