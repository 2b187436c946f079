"""Archiving and deleting on pages."""

import pytest
from django.test import Client

from exports.models import Status, Workspace
from tests.support.cast import Cast, make_export, make_ready_export
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


@pytest.fixture
def alice(cast: Cast, browse: Browse) -> Client:
    return browse(cast.alice)


def at(cast: Cast, rest: str = "") -> str:
    return f"/workspaces/{cast.acme.pk}/{rest}"


def test_manager_archives_and_takes_it_out_again(cast: Cast, alice: Client) -> None:
    answer = alice.post(at(cast, "archive/"), follow=True)
    assert "The workspace is archived." in text_of(answer)
    assert "It takes no new exports." in text_of(answer)
    assert f"/exports/new/?workspace={cast.acme.pk}" not in answer.content.decode()
    check_page(answer)
    listed = alice.get("/workspaces/")
    assert "1 archived workspace" in text_of(listed)
    check_page(listed)
    assert str(cast.acme.pk) not in alice.get("/exports/new/").content.decode()
    back = alice.post(at(cast, "unarchive/"), follow=True)
    assert "The workspace takes exports again." in text_of(back)
    assert "archived workspace" not in text_of(alice.get("/workspaces/"))


def test_archived_one_tells_of_its_pause_while_something_runs(cast: Cast, alice: Client) -> None:
    running = make_export(cast.acme, cast.bob, Status.WAITING)
    alice.post(at(cast, "pause/"))
    alice.post(at(cast, "archive/"))
    assert "Paused since" in text_of(alice.get(at(cast)))
    alice.post(f"/exports/{running.pk}/cancel/")
    page = text_of(alice.get(at(cast)))
    assert ("Archived on" in page, "Paused since" in page) == (True, False)


def test_archived_twice_says_so(cast: Cast, alice: Client) -> None:
    alice.post(at(cast, "archive/"))
    assert "archived already" in text_of(alice.post(at(cast, "archive/"), follow=True))


def test_members_see_that_it_is_archived_and_no_button(cast: Cast, alice: Client, browse: Browse) -> None:
    alice.post(at(cast, "archive/"))
    page = browse(cast.bob).get(at(cast))
    assert "Archived on" in text_of(page)
    assert at(cast, "unarchive/") not in page.content.decode()
    check_page(page)


def test_site_administrator_deletes_once_the_name_is_typed(cast: Cast, browse: Browse) -> None:
    make_ready_export(cast.acme, cast.bob)
    make_export(cast.acme, cast.bob, Status.WAITING)
    ada = browse(cast.ada)
    assert at(cast, "delete/") in [one.attrs.get("href") for one in read(ada.get(at(cast)))]
    page = ada.get(at(cast, "delete/"))
    assert "2 exports (1 is running and will be cancelled)" in text_of(page)
    assert "1 stored file" in text_of(page)
    check_page(page)
    wrong = ada.post(at(cast, "delete/"), {"name": "acme"})
    assert wrong.status_code == 422
    assert "Type the name exactly as it is: Acme." in text_of(wrong)
    check_page(wrong)
    done = ada.post(at(cast, "delete/"), {"name": "Acme"}, follow=True)
    assert "“Acme” is deleted. Its record stays." in text_of(done)
    assert not Workspace.objects.filter(name="Acme").exists()
    record = text_of(ada.get("/audit/"))
    assert "Deleted the workspace: Acme" in record
    check_page(ada.get("/audit/"))


@pytest.mark.parametrize("who", ["alice", "bob", "vera"])
def test_others_do_not_delete_nor_see_the_button(who: str, cast: Cast, browse: Browse) -> None:
    client = browse(getattr(cast, who))
    assert client.get(at(cast, "delete/")).status_code == 403
    assert client.post(at(cast, "delete/"), {"name": "Acme"}).status_code == 403
    assert at(cast, "delete/") not in client.get(at(cast)).content.decode()
    assert Workspace.objects.filter(name="Acme").exists()
