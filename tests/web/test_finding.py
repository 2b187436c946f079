"""The palette's search, which is a page too: what it finds, for whom, at what cost."""

from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from exports.models import Status
from tests.support.cast import Cast, make_export, make_ready_export
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

LIVE = {"headers": {"HX-Request": "true"}}
EVIL = '"><script>alert(1)</script>'


@pytest.fixture
def alice(cast: Cast, browse: Browse) -> Client:
    return browse(cast.alice)


def found(answer: Any) -> list[str]:
    """Return the addresses found, in order."""
    return [one.attrs["href"] for one in read(answer) if "found-link" in one.attrs.get("class", "").split()]


def test_page_without_a_text_offers_what_is_at_hand(cast: Cast, alice: Client) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    answer = alice.get("/find/")
    check_page(answer)
    assert found(answer)[0] == "/exports/new/"
    assert {
        "/",
        "/workspaces/",
        "/account/",
        "/week/",
        f"/exports/{export.pk}/",
        f"/workspaces/{cast.acme.pk}/",
    } <= set(found(answer))


def test_export_is_found_by_name_type_workspace_status_and_person(cast: Cast, alice: Client) -> None:
    named = make_export(cast.acme, cast.bob, Status.QUEUED, name="Quarterly review", data_type="event")
    make_export(cast.acme, cast.alice, Status.FAILED, data_type="segment")
    for text in ("quarterly", "REVIEW quart", "event", "acme events", "queued", "bob@example.com", str(named.pk)):
        assert found(alice.get("/find/", {"q": text}, **LIVE))[0] == f"/exports/{named.pk}/", text


def test_every_word_has_to_match(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.QUEUED, name="Quarterly review")
    assert found(alice.get("/find/", {"q": "quarterly globex"}, **LIVE)) == ["/?q=quarterly+globex"]


def test_search_ends_with_the_list_of_all_matches(cast: Cast, alice: Client) -> None:
    answer = alice.get("/find/", {"q": "a&b c"}, **LIVE)
    assert found(answer) == ["/?q=a%26b+c"]
    assert "All exports with “a&b c”" in text_of(answer)


def test_workspaces_and_pages_are_found_by_name(cast: Cast, alice: Client) -> None:
    assert f"/workspaces/{cast.acme.pk}/" in found(alice.get("/find/", {"q": "acm"}))
    assert "/account/" in found(alice.get("/find/", {"q": "your acc"}))
    assert "/exports/new/" in found(alice.get("/find/", {"q": "new exp"}))


def test_page_comes_before_exports_that_match_as_it_is_opened_by_enter(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.QUEUED, name="New visitors")
    first, second, *others = found(alice.get("/find/", {"q": "new"}, **LIVE))
    assert first == "/exports/new/"
    assert second.startswith("/exports/")
    assert others == ["/?q=new"]
    for text, page in (("settings", "/account/"), ("time zone", "/account/"), ("week", "/week/")):
        assert found(alice.get("/find/", {"q": text}, **LIVE))[0] == page


def test_nobody_finds_what_is_not_theirs_to_see(cast: Cast, browse: Browse) -> None:
    secret = make_export(cast.globex, cast.charlie, Status.QUEUED, name="Secret plan")
    for person in (cast.alice, cast.bob, cast.vera):
        everything = browse(person).get("/find/").content + browse(person).get("/find/", {"q": "secret"}).content
        assert b"Secret plan" not in everything
        assert b"Globex" not in everything
    assert f"/exports/{secret.pk}/" in found(browse(cast.ada).get("/find/", {"q": "secret"}))


def test_pages_are_those_the_person_may_open(cast: Cast, browse: Browse) -> None:
    for name, missing in {
        "vera": {"/exports/new/", "/approvals/", "/audit/", "/admin/"},
        "bob": {"/approvals/", "/audit/", "/admin/"},
        "alice": {"/audit/", "/admin/"},
        "ada": set(),
    }.items():
        client = browse(getattr(cast, name))
        addresses = found(client.get("/find/"))
        assert not missing & set(addresses), name
        assert all(client.get(one).status_code in (200, 302) for one in addresses if one != "/admin/"), name


def test_part_for_the_palette_is_only_what_was_found(cast: Cast, alice: Client) -> None:
    answer = alice.get("/find/", {"q": "acme"}, **LIVE)
    assert b"<html" not in answer.content
    assert next(one for one in read(answer) if "data-found" in one.attrs).attrs["data-found"] == "2 things found"


def test_texts_from_people_are_escaped(cast: Cast, alice: Client) -> None:
    make_export(cast.acme, cast.bob, Status.QUEUED, name=EVIL)
    for answer in (alice.get("/find/", {"q": EVIL}), alice.get("/find/", {"q": "alert"})):
        assert "<script>alert" not in answer.content.decode()
        check_page(answer)


def test_each_page_has_the_palette_and_a_link_that_works_without_scripts(cast: Cast, alice: Client) -> None:
    elements = read(alice.get("/"))
    dialog = next(one for one in elements if one.tag == "dialog")
    assert dialog.attrs["aria-label"] == "Find"
    opener = next(one for one in elements if "data-palette-open" in one.attrs)
    assert (opener.tag, opener.attrs["href"], opener.attrs["aria-keyshortcuts"]) == ("a", "/find/", "Control+K Meta+K")


def test_search_takes_few_queries_however_many_exports(
    cast: Cast, alice: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(30):
        make_export(cast.acme, cast.bob, Status.FAILED)
    with django_assert_max_num_queries(8):
        alice.get("/find/", {"q": "page"}, **LIVE)
