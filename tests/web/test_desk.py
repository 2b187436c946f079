"""The list: what it says of each export, its filters, its liveness, its cost."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from exports.models import PauseCode, Status, Workspace
from exports.services import health
from exports.web.strip import overview
from tests.support.cast import OCTOBER, Cast, make_export, make_person, make_ready_export, make_workspace
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

LIVE = {"headers": {"HX-Request": "true"}}


@pytest.fixture
def alice(cast: Cast, browse: Browse) -> Client:
    return browse(cast.alice)


def poll_of(answer: Any) -> str | None:
    """Return the address at which the list asks for news, if it does."""
    desk = next(one for one in read(answer) if one.attrs.get("id") == "desk")
    return desk.attrs.get("hx-get")


def test_running_export_says_its_place_and_the_list_asks_for_news(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.QUEUED)
    answer = alice.get("/")
    assert "No. 1 in the queue" in text_of(answer)
    assert poll_of(answer)
    check_page(answer)


def test_unchanged_list_answers_204_and_a_changed_one_its_rows(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.QUEUED)
    poll = poll_of(alice.get("/"))
    assert poll is not None
    same = alice.get(poll, **LIVE)
    assert (same.status_code, same.content) == (204, b"")
    type(export).objects.filter(pk=export.pk).update(status=Status.CANCELLED, due_at=None, ended_at=timezone.now())
    changed = alice.get(poll, **LIVE)
    assert changed.status_code == 200
    assert b"<html" not in changed.content
    assert 'data-state="cancelled"' in changed.content.decode()
    assert poll_of(changed) is None
    assert changed.headers["Vary"].count("HX-Request") == 1


def test_finished_list_asks_for_nothing(cast: Cast, alice: Client) -> None:
    make_ready_export(cast.acme, cast.bob)
    assert poll_of(alice.get("/")) is None


def test_poll_after_signing_out_loads_the_page_anew(cast: Cast) -> None:
    answer = Client().get("/?v=x", **LIVE)
    assert answer.status_code == 401
    assert answer.headers["HX-Refresh"] == "true"


def test_ready_export_shows_rows_size_end_and_download(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    answer = alice.get("/")
    assert "3 rows" in text_of(answer)
    assert re.search(r"(23 h 59 min|24 h 0 min) left", text_of(answer))
    assert f'href="/exports/{export.pk}/download/"' in answer.content.decode()
    assert f'href="/exports/{export.pk}/download/?format=xlsx"' in answer.content.decode()


def test_expired_by_the_clock_but_not_yet_removed_offers_no_download(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob, expires_at=timezone.now() - timedelta(seconds=1))
    assert f"/exports/{export.pk}/download/" not in alice.get("/").content.decode()


def test_export_that_ends_soon_is_warned_about_in_words(cast: Cast, alice: Client) -> None:
    make_ready_export(cast.acme, cast.bob, expires_at=timezone.now() + timedelta(minutes=30))
    answer = text_of(alice.get("/"))
    assert "1 expire soon" in answer
    assert "the first in 29 min" in answer


@pytest.mark.parametrize("status", list(Status))
def test_each_status_stands_as_a_word_with_an_icon(status: Status, cast: Cast, alice: Client) -> None:
    if status == Status.READY:
        make_ready_export(cast.acme, cast.bob)
    else:
        make_export(cast.acme, cast.bob, status)
    answer = alice.get("/")
    assert str(status.label) in text_of(answer)
    assert "pill tone-" in answer.content.decode()
    check_page(answer)


def test_names_from_people_are_escaped(cast: Cast, alice: Client) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    type(cast.bob).objects.filter(pk=cast.bob.pk).update(name=evil)
    Workspace.objects.filter(pk=cast.acme.pk).update(name=evil)
    make_export(cast.acme, cast.bob, Status.QUEUED, name=evil, note=evil)
    answer = alice.get("/", {"q": evil[:30]})
    assert "<script>alert" not in answer.content.decode()
    answer = alice.get("/")
    assert "&lt;script&gt;alert(1)" in answer.content.decode()
    check_page(answer)


def test_filters_narrow_by_workspace_type_status_person_and_text(cast: Cast, browse: Browse) -> None:
    client = browse(cast.ada)
    mine = make_export(cast.acme, cast.ada, Status.QUEUED, name="quarterly review")
    other = make_export(cast.globex, cast.charlie, Status.FAILED, data_type="event")

    def shown(**address: str) -> set[str]:
        content = client.get("/", address).content.decode()
        return {str(export.pk) for export in (mine, other) if f"row-{export.pk}" in content}

    both, one, two = {str(mine.pk), str(other.pk)}, {str(mine.pk)}, {str(other.pk)}
    assert shown() == both
    assert shown(workspace=str(cast.acme.pk)) == one
    assert shown(type="event") == two
    assert shown(status="active") == one
    assert shown(status="failed") == two
    assert shown(who="mine") == one
    assert shown(q="Quarterly") == one
    assert shown(q="globex") == two
    assert shown(q="nothing like this") == set()
    assert shown(person=str(cast.charlie.pk)) == two
    assert shown(person=str(cast.bob.pk)) == set()


def test_days_of_the_filter_are_the_person_s_own(cast: Cast, browse: Browse) -> None:
    type(cast.alice).objects.filter(pk=cast.alice.pk).update(time_zone="Asia/Tokyo")
    cast.alice.refresh_from_db()
    client = browse(cast.alice)
    late = make_export(cast.acme, cast.bob, Status.FAILED, created_at=datetime(2026, 10, 31, 14, 59, tzinfo=UTC))
    early = make_export(cast.acme, cast.bob, Status.FAILED, created_at=datetime(2026, 10, 31, 15, tzinfo=UTC))

    def shown(**address: str) -> list[bool]:
        content = client.get("/", address).content.decode()
        return [f"row-{export.pk}" in content for export in (late, early)]

    assert shown(since="2026-11-01") == [False, True]
    assert shown(until="2026-10-31") == [True, False]
    assert shown(since="2026-10-31", until="2026-11-01") == [True, True]
    assert shown(since="2026-11-02") == [False, False]


def test_list_is_put_in_the_order_of_its_address(cast: Cast, alice: Client) -> None:
    now = timezone.now()
    old = make_ready_export(cast.acme, cast.bob, created_at=now - timedelta(hours=5), name="old")
    new = make_ready_export(cast.acme, cast.bob, expires_at=now + timedelta(hours=1), name="new")
    failed = make_export(cast.acme, cast.bob, Status.FAILED, created_at=now - timedelta(hours=2), name="failed")
    titles = {str(old.pk): "old", str(new.pk): "new", str(failed.pk): "failed"}

    def order(**address: str) -> list[str]:
        rows = [one.attrs["id"] for one in read(alice.get("/", address)) if one.attrs.get("id", "").startswith("row-")]
        return [titles[row.removeprefix("row-")] for row in rows]

    assert order() == ["new", "failed", "old"]
    assert order(order="oldest") == ["old", "failed", "new"]
    assert order(order="ending") == ["new", "old"]


def test_rarer_filters_are_drawn_for_the_asking_or_when_one_is_set(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.FAILED)

    def drawn(address: str) -> bool:
        answer = alice.get(address)
        check_page(answer)
        return any(one.attrs.get("name") == "person" for one in read(answer))

    assert [drawn("/"), drawn("/?more=1"), drawn("/?order=oldest"), drawn("/?since=2026-10-01")] == [
        False,
        True,
        True,
        True,
    ]
    people = [one.text.strip() for one in read(alice.get("/?more=1")) if one.tag == "option"]
    assert {"Bob", "Vera"} <= set(people)
    assert "Charlie" not in people


def test_row_says_for_how_long_it_waits_and_what_is_usual(cast: Cast, alice: Client) -> None:
    make_export(
        cast.acme,
        cast.bob,
        Status.QUEUED,
        waiting_since=timezone.now() - timedelta(minutes=7),
        usual_least_seconds=720.0,
        usual_most_seconds=1080.0,
        range_from=OCTOBER[0],
        range_to=OCTOBER[1],
    )
    said = text_of(alice.get("/"))
    assert "No. 1 in the queue for 7 min" in said
    assert "usually 12–18 min for 31 days of pages here" in said


def test_chosen_filters_stand_in_the_form_and_can_be_cleared(cast: Cast, alice: Client) -> None:
    answer = alice.get("/", {"q": "a&b", "status": "ready", "who": "mine"})
    content = answer.content.decode()
    assert 'value="a&amp;b"' in content
    assert '<option value="ready" selected>' in content
    assert "Clear the filters" in content
    assert "No export matches" in content


def test_workspace_without_exports_says_so(cast: Cast, alice: Client) -> None:
    said = text_of(alice.get("/", {"workspace": str(cast.acme.pk)}))
    assert "This workspace has no exports yet" in said
    assert "No export matches" not in said
    assert "No export matches" in text_of(alice.get("/", {"workspace": str(cast.acme.pk), "status": "ready"}))


def test_days_the_wrong_way_round_are_said_to_be_so(cast: Cast, alice: Client) -> None:
    days = {"since": "2026-10-02", "until": "2026-10-01"}
    assert "is before “Requested from”" in text_of(alice.get("/", days))
    assert "is before “Requested from”" not in text_of(alice.get("/", days | {"until": "2026-10-02"}))


@pytest.mark.parametrize(
    "address",
    [
        "status=odd",
        "type=odd",
        "workspace=odd",
        "cursor=odd",
        "q=a%00b",
        "person=odd",
        "since=odd",
        "until=9999-12-31",
        "order=odd",
    ],
)
def test_unknown_filter_leads_back_to_the_whole_list_with_a_sentence(address: str, alice: Client) -> None:
    answer = alice.get(f"/?{address}", follow=True)
    assert answer.redirect_chain == [("/", 302)]
    assert 'class="notice notice-warning"' in answer.content.decode()


def test_older_page_keeps_the_filters_and_leads_back_to_the_newest(cast: Cast, alice: Client) -> None:
    for _number in range(31):
        make_export(cast.acme, cast.bob, Status.FAILED)
    first = alice.get("/", {"status": "failed"})
    older = next(one for one in read(first) if one.tag == "a" and one.text.strip() == "Next page").attrs["href"]
    second = alice.get(f"/{older}")
    rows = [one for one in read(second) if one.attrs.get("id", "").startswith("row-")]
    assert len(rows) == 1
    newest = next(one for one in read(second) if one.tag == "a" and one.text.strip() == "First page").attrs["href"]
    assert newest == "?status=failed"


@pytest.mark.parametrize("count", [1, 30])
def test_list_takes_the_same_few_queries_however_long(
    count: int, cast: Cast, alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(count):
        make_export(cast.acme, cast.bob, Status.QUEUED if number % 2 else Status.FAILED)
    with django_assert_max_num_queries(12):
        alice.get("/")


def test_person_without_workspace_learns_who_can_help(db: None, browse: Browse) -> None:
    answer = browse(make_person("Dana")).get("/")
    assert "dana@example.com" in text_of(answer)
    check_page(answer)


def test_administrator_of_an_empty_portal_is_led_to_the_first_workspace(db: None, browse: Browse) -> None:
    cast_free = make_person("Root", is_superuser=True, is_staff=True)
    answer = browse(cast_free).get("/")
    assert "/workspaces/new/" in answer.content.decode()


def test_viewer_of_an_empty_list_is_told_what_a_member_could_do(cast: Cast, browse: Browse) -> None:
    assert "A manager can make you a member" in text_of(browse(cast.vera).get("/"))
    assert "Queue the first export" in text_of(browse(cast.bob).get("/"))


@pytest.mark.parametrize("code", list(PauseCode))
def test_paused_workspace_stands_above_the_list_with_who_can_mend_it(
    code: PauseCode, cast: Cast, browse: Browse
) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=timezone.now(), pause_code=code)
    manager, viewer = text_of(browse(cast.alice).get("/")), text_of(browse(cast.vera).get("/"))
    assert "“Acme” is paused" in manager
    assert "“Acme” is paused" in viewer
    assert "A manager of the workspace can mend this." in viewer
    assert "A manager of the workspace can mend this." not in manager


def test_many_paused_workspaces_do_not_bury_the_list(cast: Cast, alice: Client) -> None:
    for number in range(5):
        make_workspace(f"Space {number}", manager=cast.alice)
    answer = alice.get("/")
    shown = text_of(answer)
    assert [f"“Space {number}” is paused" in shown for number in range(5)] == [True] * 3 + [False] * 2
    assert "2 more workspaces are paused" in shown
    assert "5 workspaces paused" in shown
    check_page(answer)


def test_many_ending_tokens_do_not_bury_the_list(cast: Cast, alice: Client) -> None:
    for number in range(4):
        space = make_workspace(f"Space {number}", token=f"token {number}".replace(" ", "-"), manager=cast.alice)
        Workspace.objects.filter(pk=space.pk).update(token_expires_at=timezone.now() + timedelta(days=1))
    shown = text_of(alice.get("/"))
    assert "The access token of “Space 2” expires" in shown
    assert "The access token of “Space 3” expires" not in shown
    assert "1 more access token expires soon" in shown


def test_dead_engine_stands_above_the_list(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.QUEUED)
    health.leave("worker")
    answer = text_of(alice.get("/"))
    assert "No worker is running" in answer
    assert "A worker: none is running for it" in answer


def test_strip_counts_only_what_the_person_may_see(cast: Cast) -> None:
    make_export(cast.acme, cast.bob, Status.QUEUED)
    make_export(cast.globex, cast.charlie, Status.FAILED)
    make_ready_export(cast.acme, cast.bob)
    assert (overview(cast.alice).active, overview(cast.alice).ready, overview(cast.alice).failed) == (1, 1, 0)
    assert (overview(cast.charlie).active, overview(cast.charlie).failed) == (0, 1)
    assert overview(cast.ada).failed == 1


def test_range_is_shown_in_the_workspace_s_days(cast: Cast, browse: Browse) -> None:
    tokyo = make_workspace("Tokyo", time_zone="Asia/Tokyo", viewer=cast.vera)
    shift = timedelta(hours=9)
    make_export(tokyo, cast.alice, Status.FAILED, range_from=OCTOBER[0] - shift, range_to=OCTOBER[1] - shift)
    assert "1–31 Oct 2026 JST" in text_of(browse(cast.vera).get("/"))


def test_download_while_working_shows_bytes_and_no_bar(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.DOWNLOADING, waiting_code="download", bytes_received=48_100_000, looks=3)
    answer = alice.get("/")
    assert "48.1 MB" in text_of(answer)
    assert "<progress" not in answer.content.decode()


def test_estimate_becomes_a_bar_that_never_claims_to_be_full(cast: Cast, alice: Client) -> None:
    now = timezone.now()
    make_export(
        cast.acme,
        cast.bob,
        Status.PREPARING,
        waiting_code="upstream_running",
        submitted_at=now - timedelta(minutes=30),
        upstream_started_at=now - timedelta(minutes=30),
        estimated_ready_at=now + timedelta(seconds=1),
        waiting_until=now + timedelta(seconds=1),
    )
    assert 'value="95"' in alice.get("/").content.decode()
