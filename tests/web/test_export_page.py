"""One export's page: what it says in each state, and its buttons."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from exports.models import DerivedFile, Export, Heartbeat, Requester, Status
from exports.services import cancel, events, formats
from tests.support.cast import ApiCaller, Cast, content_of, make_export, make_ready_export
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

LIVE = {"headers": {"HX-Request": "true"}}


@pytest.fixture
def alice(cast: Cast, browse: Browse) -> Client:
    return browse(cast.alice)


@pytest.mark.parametrize("status", [one for one in Status if one != Status.READY])
def test_each_state_has_its_page(status: Status, cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, status)
    answer = alice.get(f"/exports/{export.pk}/")
    assert str(status.label) in text_of(answer)
    check_page(answer)


def test_active_export_says_what_it_waits_for_since_and_until(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.QUEUED)
    words = text_of(alice.get(f"/exports/{export.pk}/"))
    assert "Waits for: Its place in the queue" in words
    assert "No. 1 in the queue" in words
    assert "Since" in words
    assert "Until unknown yet" in words


def test_story_of_an_active_export_ends_with_whose_turn_it_is_and_what_comes_next(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.PREPARING, waiting_code="upstream_running")
    said = text_of(alice.get(f"/exports/{export.pk}/"))
    assert "Whose turn Analytics Cloud’s turn" in said
    assert "The file is fetched as soon as it is there, then checked and stored. Next · Analytics Cloud’s turn" in said
    held = make_export(cast.acme, cast.bob, Status.QUEUED, hold="approval", waiting_code="approval")
    assert "Whose turn A manager’s turn" in text_of(alice.get(f"/exports/{held.pk}/"))
    ended = make_export(cast.acme, cast.bob, Status.FAILED)
    assert "Next ·" not in text_of(alice.get(f"/exports/{ended.pk}/"))


def test_receipt_is_copied_whole(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob, name="October")
    copies = [one.attrs["data-copy"] for one in read(alice.get(f"/exports/{export.pk}/")) if "data-copy" in one.attrs]
    (receipt,) = [text for text in copies if "October, Acme, Pages" in text]
    assert f"SHA-256: {export.sha256}" in receipt
    assert "Rows: 3" in receipt


def test_title_of_the_tab_begins_with_the_state(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.QUEUED, name="October")
    answer = alice.get(f"/exports/{export.pk}/")
    title = next(one.text for one in read(answer) if one.tag == "title")
    assert " ".join(title.split()) == "Queued · October · LAC Portal"
    live = next(one for one in read(answer) if one.attrs.get("id") == "export")
    assert live.attrs["data-title"] == "Queued · October · LAC Portal"


def test_ready_export_shows_its_receipt_and_all_formats(cast: Cast, alice: Client) -> None:
    now = timezone.now()
    export = make_ready_export(
        cast.acme,
        cast.bob,
        first_date=now,
        last_date=now,
        running_since=now,
        upstream_wait_seconds=214,
        upstream_work_seconds=731,
        unpacked_bytes=5_000_000,
    )
    answer = alice.get(f"/exports/{export.pk}/")
    words = text_of(answer)
    for part in (export.sha256, "3 min 34 s", "12 min 11 s", "5.0 MB unpacked", "Keep longer", "Delete the file"):
        assert part in words
    content = answer.content.decode()
    assert f'data-copy="{export.sha256}"' in content
    for name in ("jsonl", "json", "csv", "xlsx", "parquet"):
        assert f"/exports/{export.pk}/download/?format={name}" in content
    check_page(answer)


def test_empty_result_is_called_an_answer(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob, rows=0)
    assert "no rows for this range" in text_of(alice.get(f"/exports/{export.pk}/"))


def test_unproved_and_suspiciously_small_files_are_said_to_be_so(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob, proved=False, few_rows=True)
    words = text_of(alice.get(f"/exports/{export.pk}/"))
    assert "Can’t be proved" in words
    assert "Far fewer rows" in words


def test_failed_export_says_what_whose_turn_and_what_next(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.FAILED, error_code="file_not_an_object", error_line=17)
    words = text_of(alice.get(f"/exports/{export.pk}/"))
    for part in ("not a record", "(row 17)", "Whose turn", "Analytics Cloud’s turn", "What next", "Run it again"):
        assert part in words


def test_timeline_tells_the_story_with_people(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.WAITING)
    now = timezone.now()
    events.record_event(export, events.QUEUED, at=now, actor=cast.bob)
    events.record_event(export, events.PROBLEM, at=now, problem="way_timeout")
    words = text_of(alice.get(f"/exports/{export.pk}/"))
    assert "Queued" in words
    assert "Bob" in words
    assert "did not answer in time" in words


def test_running_export_tells_nothing_that_its_state_does_not_know_yet(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.QUEUED)
    soon = timezone.now() + timedelta(seconds=30)
    events.record_event(export, events.PROBLEM, at=soon, problem="way_timeout")
    assert "did not answer in time" not in text_of(alice.get(f"/exports/{export.pk}/"))
    Export.objects.filter(pk=export.pk).update(status=Status.CANCELLED, due_at=None, ended_at=soon)
    # Nobody looks at what has ended again by themselves: all of it is told, whatever the clocks say.
    assert "did not answer in time" in text_of(alice.get(f"/exports/{export.pk}/"))


def test_shifted_window_stands_in_the_technical_details(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.WAITING)
    Export.objects.filter(pk=export.pk).update(
        asked_from=export.range_from - timedelta(milliseconds=1), asked_to=export.range_to
    )
    assert "59.999Z" in text_of(alice.get(f"/exports/{export.pk}/"))


def test_live_part_answers_204_until_something_changes_and_stops_at_the_end(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.WAITING)
    part = next(one for one in read(alice.get(f"/exports/{export.pk}/")) if one.attrs.get("id") == "export")
    poll = part.attrs["hx-get"]
    assert alice.get(poll, **LIVE).status_code == 204
    Export.objects.filter(pk=export.pk).update(status=Status.CANCELLED, due_at=None, ended_at=timezone.now())
    changed = alice.get(poll, **LIVE)
    part = next(one for one in read(changed) if one.attrs.get("id") == "export")
    assert part.attrs["data-state"] == "cancelled"
    assert "hx-get" not in part.attrs
    assert b"<html" not in changed.content


def test_page_stays_live_while_a_format_is_made(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    DerivedFile.objects.create(export=export, format="csv", variant="csv")
    answer = alice.get(f"/exports/{export.pk}/")
    assert "being made" in text_of(answer)
    assert 'hx-trigger="every 3s"' in answer.content.decode()


def test_page_takes_few_queries_with_a_long_story(
    cast: Cast, alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    for _number in range(40):
        events.record_event(export, events.JOINED, at=timezone.now(), actor=cast.alice)
    Requester.objects.create(export=export, user=cast.alice)
    with django_assert_max_num_queries(12):
        alice.get(f"/exports/{export.pk}/")


def test_buttons_are_those_the_role_may_press(cast: Cast, browse: Browse) -> None:
    active = make_export(cast.acme, cast.bob, Status.QUEUED)
    ready = make_ready_export(cast.acme, cast.bob, extended=1)
    pinned = make_ready_export(cast.acme, cast.bob, pinned_at=timezone.now())

    def buttons(person: str, export: Export) -> set[str]:
        page = browse(getattr(cast, person)).get(f"/exports/{export.pk}/").content.decode()
        return {name for name in ("cancel", "run-again", "extend", "pin", "unpin", "delete") if f"/{name}/" in page}

    assert buttons("alice", active) == {"cancel"}
    assert buttons("bob", active) == {"cancel"}
    assert buttons("vera", active) == set()
    assert buttons("alice", ready) == {"run-again", "extend", "pin", "delete"}
    assert buttons("alice", pinned) == {"run-again", "unpin", "delete"}
    assert buttons("bob", pinned) == {"run-again", "delete"}
    assert buttons("bob", ready) == {"run-again", "delete"}
    assert buttons("vera", ready) == set()


def test_cancel_of_a_shared_export_steps_back_and_says_so(cast: Cast, browse: Browse) -> None:
    export = make_export(cast.acme, cast.bob, Status.QUEUED)
    Requester.objects.create(export=export, user=cast.alice)
    client = browse(cast.bob)
    assert "Step back" in text_of(client.get(f"/exports/{export.pk}/"))
    answer = client.post(f"/exports/{export.pk}/cancel/", follow=True)
    assert "You have stepped back" in answer.content.decode()
    export.refresh_from_db()
    assert export.status == Status.QUEUED


def test_cancel_ends_the_export_and_a_second_one_says_that_it_has_ended(cast: Cast, alice: Client) -> None:
    export = make_export(cast.acme, cast.alice, Status.QUEUED)
    assert "The export is cancelled." in alice.post(f"/exports/{export.pk}/cancel/", follow=True).content.decode()
    assert "has ended already" in alice.post(f"/exports/{export.pk}/cancel/", follow=True).content.decode()


def test_next_in_a_form_leads_only_to_addresses_of_ours(cast: Cast, alice: Client) -> None:
    for wanted, led in (
        ("/?status=active", "/?status=active"),
        ("//evil.example/", None),
        ("https://evil.example", None),
    ):
        export = make_export(cast.acme, cast.alice, Status.QUEUED)
        answer = alice.post(f"/exports/{export.pk}/cancel/", {"next": wanted})
        assert answer.headers["Location"] == (led or f"/exports/{export.pk}/")


def test_run_again_leads_to_the_new_export_and_joins_an_equal_one(cast: Cast, browse: Browse) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    client = browse(cast.bob)
    answer = client.post(f"/exports/{export.pk}/run-again/")
    new = Export.objects.get(run_again_of=export)
    assert answer.headers["Location"] == f"/exports/{new.pk}/"
    joined = client.post(f"/exports/{export.pk}/run-again/", follow=True)
    assert joined.redirect_chain[-1][0] == f"/exports/{new.pk}/"
    assert "you have joined it" in joined.content.decode()
    assert "an earlier export" in text_of(joined)


def test_extend_and_delete_say_what_they_did(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    assert "kept longer" in alice.post(f"/exports/{export.pk}/extend/", follow=True).content.decode()
    deleted = text_of(alice.post(f"/exports/{export.pk}/delete/", follow=True))
    assert "The file is deleted" in deleted
    assert f"Deleted {cast.alice} deleted the file on" in deleted
    assert alice.get(f"/exports/{export.pk}/download/").status_code == 410


def test_download_hands_out_the_file_with_range(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob, b"0123456789")
    whole = alice.get(f"/exports/{export.pk}/download/")
    assert content_of(whole) == b"0123456789"
    assert whole.headers["Content-Disposition"].startswith("attachment; filename=")
    assert whole.headers["Cache-Control"] == "private, no-store"
    part = alice.get(f"/exports/{export.pk}/download/", headers={"Range": "bytes=2-4"})
    assert (part.status_code, content_of(part)) == (206, b"234")


def test_format_not_made_yet_shows_its_making_and_asks_again_by_itself(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    answer = alice.get(f"/exports/{export.pk}/download/?format=csv")
    assert answer.status_code == 202
    assert answer.headers["Refresh"] == f"2; url=/exports/{export.pk}/download/?format=csv&then=1"
    assert "Making CSV" in text_of(answer)
    check_page(answer)
    DerivedFile.objects.update(done_rows=2)
    assert "2 of 3 rows" in text_of(alice.get(f"/exports/{export.pk}/download/?format=csv"))


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("storage_full", "The portal’s storage is full."),
        ("storage_unreachable", "The portal’s storage of files does not answer."),
    ],
)
def test_format_that_waits_for_the_store_says_so(cast: Cast, alice: Client, code: str, sentence: str) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    address = f"/exports/{export.pk}/download/?format=csv"
    alice.get(address)
    DerivedFile.objects.update(error_code=code)
    answer = alice.get(address)
    assert f"{sentence} It goes on by itself as soon as that is over." in text_of(answer)
    check_page(answer)
    DerivedFile.objects.create(export=export, format="jsonl", variant="jsonl", error_code=code)
    detail = text_of(alice.get(f"/exports/{export.pk}/"))
    assert (detail.count("(waiting)"), detail.count(f"{sentence} It goes on by itself")) == (2, 1)
    told = json.loads(ApiCaller(cast.alice).get(f"exports/{export.pk}/file?format=csv").content)
    assert (told["state"], told["waiting_for"]) == ("being_made", code)


def test_format_that_nobody_makes_says_so(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    Heartbeat.objects.filter(queues__contains="convert").update(queues="poll,transfer")
    answer = alice.get(f"/exports/{export.pk}/download/?format=csv")
    assert "No worker makes other formats right now" in text_of(answer)
    check_page(answer)


def test_page_of_a_format_in_the_making_ends_as_one_that_starts_the_download(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    address = f"/exports/{export.pk}/download/?format=csv"
    assert alice.get(f"{address}&then=1").status_code == 202
    assert formats.make_format(DerivedFile.objects.get().pk)
    answer = alice.get(f"{address}&then=1")
    assert (answer.status_code, answer.headers["Refresh"]) == (200, f"0; url={address}")
    assert "CSV is ready" in text_of(answer)
    assert "Making" not in text_of(answer)
    check_page(answer)


def test_format_made_meanwhile_is_handed_out_and_stands_on_the_page(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    alice.get(f"/exports/{export.pk}/download/?format=csv")
    assert formats.make_format(DerivedFile.objects.get().pk)
    answer = alice.get(f"/exports/{export.pk}/download/?format=csv")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"].endswith('.csv"')
    assert content_of(answer).count(b"https://www.example.com/home") == 3
    assert "being made" not in text_of(alice.get(f"/exports/{export.pk}/"))


def test_format_chosen_while_asking_leads_as_soon_as_it_is_there(cast: Cast, alice: Client, browse: Browse) -> None:
    export = make_ready_export(cast.acme, cast.alice)
    Requester.objects.filter(export=export, user=cast.alice).delete()
    Requester.objects.create(export=export, user=cast.alice, formats=["csv"])
    row = DerivedFile.objects.create(export=export, format="csv", variant="csv")

    def leading(client: Client) -> list[str]:
        links = [
            one for one in read(client.get(f"/exports/{export.pk}/")) if "btn-primary" in one.attrs.get("class", "")
        ]
        return [
            one.attrs["href"].partition("download/")[2] for one in links if "download/" in one.attrs.get("href", "")
        ]

    assert leading(alice) == [""]
    assert formats.make_format(row.pk)
    assert leading(alice) == ["?format=csv"]
    assert "Download CSV" in text_of(alice.get(f"/exports/{export.pk}/"))
    assert leading(browse(cast.bob)) == [""]  # somebody else chose nothing


def test_unknown_format_is_refused_with_a_page(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    answer = alice.get(f"/exports/{export.pk}/download/?format=exe")
    assert answer.status_code == 400
    assert "There is no such file to choose Choose one of the formats offered." in text_of(answer)
    check_page(answer)
    gone = make_export(cast.acme, cast.bob, Status.EXPIRED, ended_at=timezone.now())
    assert alice.get(f"/exports/{gone.pk}/download/?format=exe").status_code == 410


def test_page_without_scripts_says_that_it_stands_still_while_something_moves(cast: Cast, alice: Client) -> None:
    def told(export: Export) -> str:
        content = alice.get(f"/exports/{export.pk}/").content.decode()
        return content.partition("<noscript>")[2].partition("</noscript>")[0]

    assert "load it anew" in told(make_export(cast.acme, cast.bob))
    assert not told(make_ready_export(cast.acme, cast.bob))


def test_page_says_what_is_made_for_its_reader_until_the_export_has_ended(
    cast: Cast, alice: Client, browse: Browse
) -> None:
    export = make_export(cast.acme, cast.bob)
    Requester.objects.update_or_create(export=export, user=cast.bob, defaults={"formats": ["csv"]})
    bob = browse(cast.bob)
    assert "Made for you when ready CSV" in text_of(bob.get(f"/exports/{export.pk}/"))
    assert "Made for you" not in text_of(alice.get(f"/exports/{export.pk}/"))
    cancel.cancel_export(user=cast.bob, export=export)
    assert "Made for you" not in text_of(bob.get(f"/exports/{export.pk}/"))


def test_gone_file_says_until_when_it_was_kept(cast: Cast, alice: Client) -> None:
    ended_at = datetime(2026, 11, 27, 23, 48, tzinfo=UTC)
    export = make_export(cast.acme, cast.bob, Status.EXPIRED, ended_at=ended_at)
    alice.cookies["time_zone"] = "Asia/Tokyo"
    answer = alice.get(f"/exports/{export.pk}/download/")
    assert "removed on 28 Nov 2026, 08:48 JST" in text_of(answer)
    assert "Run it again" in text_of(answer)
    check_page(answer)


def test_viewer_is_told_who_can_run_it_again(cast: Cast, browse: Browse) -> None:
    vera = browse(cast.vera)
    gone = make_export(cast.acme, cast.bob, Status.EXPIRED)
    failed = make_export(cast.acme, cast.bob, Status.FAILED)
    for address in (f"/exports/{gone.pk}/", f"/exports/{gone.pk}/download/"):
        assert "Ask a member of this workspace to run it again" in text_of(vera.get(address))
    assert "ask one of this workspace" in text_of(vera.get(f"/exports/{failed.pk}/"))


@pytest.mark.parametrize(("date", "zone"), [((1, 1, 1), "America/New_York"), ((9999, 12, 31, 23, 59), "Asia/Tokyo")])
def test_date_of_a_row_at_the_end_of_the_calendar_breaks_no_page(
    date: tuple[int, ...], zone: str, cast: Cast, alice: Client
) -> None:
    cast.acme.time_zone = zone
    cast.acme.save(update_fields=["time_zone"])
    alice.cookies["time_zone"] = zone
    at = datetime(*date, tzinfo=UTC)  # type: ignore[misc]
    export = make_ready_export(cast.acme, cast.bob, first_date=at, last_date=at)
    for language in ("en", "ja"):
        answer = alice.get(f"/exports/{export.pk}/", headers={"Accept-Language": language})
        assert answer.status_code == 200
        assert " UTC" in text_of(answer)


def test_file_asked_for_before_its_period_was_over_says_so(cast: Cast, alice: Client) -> None:
    now = timezone.now()
    early = make_ready_export(
        cast.acme, cast.bob, range_from=now - timedelta(days=1), range_to=now, submitted_at=now - timedelta(hours=1)
    )
    assert "Asked for before its period was over" in text_of(alice.get(f"/exports/{early.pk}/"))
    whole = make_ready_export(cast.acme, cast.bob)
    assert "before its period was over" not in text_of(alice.get(f"/exports/{whole.pk}/"))


@pytest.mark.parametrize("address", ["/exports/00000000-0000-4000-8000-000000000000/", "/exports/nonsense/"])
def test_unknown_export_is_not_found(address: str, alice: Client) -> None:
    assert alice.get(address).status_code == 404


def test_pin_and_unpin_say_what_they_did_and_until_when(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    words = text_of(alice.post(f"/exports/{export.pk}/pin/", follow=True))
    assert "The file is pinned" in words
    assert "pinned" in text_of(alice.get("/"))
    assert "Pinned: kept until" in words
    assert "Unpinned, it is kept for 1 day from then on." in words
    words = text_of(alice.post(f"/exports/{export.pk}/unpin/", follow=True))
    assert "The file is unpinned" in words
    assert "pinned" not in text_of(alice.get("/"))
    assert "Pinned: kept until" not in words
    assert "left, until" in words


def test_manager_at_the_limit_learns_why_nothing_can_be_extended(cast: Cast, alice: Client) -> None:
    type(cast.acme).objects.filter(pk=cast.acme.pk).update(longest_hours=24)
    export = make_ready_export(cast.acme, cast.bob)
    answer = alice.get(f"/exports/{export.pk}/")
    assert "kept as long as this workspace allows already" in text_of(answer)
    assert f"/exports/{export.pk}/extend/" not in answer.content.decode()


def test_last_two_hours_are_warned_about_in_colour_and_words_by_themselves(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob, expires_at=timezone.now() + timedelta(hours=2, seconds=30))
    first = alice.get(f"/exports/{export.pk}/")
    assert "Expires soon" not in text_of(first)
    part = next(one for one in read(first) if one.attrs.get("id") == "export")
    assert part.attrs["hx-trigger"] == "every 60s"
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        later = alice.get(part.attrs["hx-get"], **LIVE)
    assert "countdown-soon" in later.content.decode()
    assert "Expires soon:" in later.content.decode()


def test_downloads_are_listed_with_who_when_format_and_bytes(cast: Cast, alice: Client, browse: Browse) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    assert "Nobody has downloaded it yet." in text_of(alice.get(f"/exports/{export.pk}/"))
    content_of(browse(cast.vera).get(f"/exports/{export.pk}/download/"))
    answer = alice.get(f"/exports/{export.pk}/")
    cells = [one.text.strip() for one in read(answer) if one.tag == "td"]
    assert cells[1:] == ["Vera", "Original", f"{export.bytes} B"]
    check_page(answer)
    Export.objects.filter(pk=export.pk).update(status=Status.EXPIRED, ended_at=timezone.now(), stored_name="")
    assert "Vera" in text_of(alice.get(f"/exports/{export.pk}/"))


def test_workbook_of_several_sheets_is_said_beforehand(cast: Cast, alice: Client) -> None:
    small = make_ready_export(cast.acme, cast.bob, rows=1_048_575)
    large = make_ready_export(cast.acme, cast.bob, rows=1_048_576)
    assert "Excel holds" not in text_of(alice.get(f"/exports/{small.pk}/"))
    assert "the 1,048,576 rows on 2 sheets" in text_of(alice.get(f"/exports/{large.pk}/"))
    assert "on 2 sheets" in text_of(alice.get(f"/exports/{large.pk}/download/?format=xlsx"))


def test_variant_is_asked_for_by_a_form_and_shown_with_its_choices(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    page = f"/exports/{export.pk}/"
    names = {one.attrs.get("name") for one in read(alice.get(page)) if one.tag in ("select", "input")}
    assert {"format", "delimiter", "bom", "guard"} <= names
    answer = alice.get(f"{page}download/", {"format": "csv", "delimiter": "tab", "bom": "off", "guard": "on"})
    assert answer.status_code == 202
    assert "Making CSV (tab, no byte order mark)" in text_of(answer)
    formats.make_format(DerivedFile.objects.get().pk)
    shown = alice.get(page)
    assert "CSV tab, no byte order mark" in text_of(shown)
    link = next(one for one in read(shown) if "tab, no byte" in one.text and one.tag == "a").attrs["href"]
    assert link == f"{page}download/?format=csv&delimiter=tab&bom=off"
    assert content_of(alice.get(link)).startswith(b"title\tcanonicalUrl\r\n")
    assert alice.get(f"{page}download/?format=csv&gzip=on").status_code == 400


def test_format_being_made_says_how_far_and_how_long(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob, rows=1_000_000)
    now = timezone.now()
    DerivedFile.objects.create(
        export=export,
        format="csv",
        variant="csv",
        done_rows=250_000,
        started_at=now - timedelta(seconds=10),
        leased_until=now + timedelta(minutes=1),
    )
    with time_machine.travel(now, tick=False):
        making = text_of(alice.get(f"/exports/{export.pk}/download/?format=csv"))
        shown = text_of(alice.get(f"/exports/{export.pk}/"))
    assert "250,000 of 1,000,000 rows · about 30 s left" in making
    assert "being made, 25%, about 30 s left" in shown
