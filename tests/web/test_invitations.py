"""The page behind an invitation's link, and the list of those that wait."""

import pytest
from django.core.cache import cache
from django.test import Client

from exports.models import Invitation, Role, User
from exports.redaction import redact
from exports.services.invitations import invite, revoke
from tests.support.cast import Cast, make_person
from tests.web.conftest import Browse
from tests.web.markup import check_page, text_of

PASSWORD = "correct horse battery staple"


@pytest.fixture
def invited(cast: Cast) -> Invitation:
    cache.clear()
    return invite(actor=cast.alice, workspace=cast.acme, email="dana@example.com", role="member")


def place(invitation: Invitation) -> str:
    return f"/invitations/{invitation.secret()}/"


def test_stranger_with_the_link_becomes_a_person_and_is_in(invited: Invitation, cast: Cast) -> None:
    client = Client()
    page = client.get(place(invited))
    check_page(page)
    assert "Join “Acme”" in text_of(page)
    assert "no-store" in page.headers["Cache-Control"]
    answer = client.post(place(invited), {"name": "Dana", "password": PASSWORD}, follow=True)
    assert "Welcome to “Acme”." in text_of(answer)
    assert answer.context["user"] == User.objects.get(email="dana@example.com")
    over = Client().get(place(invited))
    assert over.status_code == 404
    check_page(over)


@pytest.mark.parametrize("password", ["", "short", "password123", "dana@example.com"])
def test_password_that_will_not_do_is_refused_at_the_field(password: str, invited: Invitation) -> None:
    answer = Client().post(place(invited), {"name": "Dana", "password": password})
    assert answer.status_code == 422
    assert 'id="id_password_error"' in answer.content.decode()
    assert not User.objects.filter(email="dana@example.com").exists()
    check_page(answer)


def test_links_that_do_not_work_answer_alike(invited: Invitation, cast: Cast) -> None:
    before = place(invited)
    revoke(actor=cast.alice, invitation=invited)
    revoked, unknown = Client().get(before), Client().get("/invitations/" + "x" * 43 + "/")
    assert revoked.status_code == unknown.status_code == 404
    assert text_of(revoked) == text_of(unknown)


def test_who_has_an_account_signs_in_and_joins(invited: Invitation, cast: Cast, browse: Browse) -> None:
    dana = make_person("Dana")
    page = Client().get(place(invited))
    assert "Sign in to accept" in text_of(page)
    assert f"/accounts/login/?next={place(invited)}" in page.content.decode()
    client = browse(dana)
    page = client.get(place(invited))
    check_page(page)
    client.post(place(invited))
    assert cast.acme.role_of(dana) is Role.MEMBER


def test_signed_in_as_somebody_else_can_not_take_it(invited: Invitation, cast: Cast, browse: Browse) -> None:
    charlie = browse(cast.charlie)
    page = charlie.get(place(invited))
    assert "the invitation is for another address" in text_of(page)
    check_page(page)
    charlie.post(place(invited))
    assert cast.acme.role_of(cast.charlie) is None


def test_manager_invites_sees_sends_again_and_revokes(cast: Cast, browse: Browse) -> None:
    alice, here = browse(cast.alice), f"/workspaces/{cast.acme.pk}/"
    said = alice.post(f"{here}members/", {"email": "dana@example.com", "role": "viewer"}, follow=True)
    assert "dana@example.com is new here: an invitation is on its way" in text_of(said)
    check_page(said)
    invitation = Invitation.objects.get()
    again = alice.post(f"{here}invitations/{invitation.pk}/resend/", follow=True)
    assert "is on its way again" in text_of(again)
    gone = alice.post(f"{here}invitations/{invitation.pk}/revoke/", follow=True)
    assert "is revoked" in text_of(gone)
    assert "dana@example.com" not in text_of(alice.get(here))


def test_members_do_not_see_who_is_invited(invited: Invitation, cast: Cast, browse: Browse) -> None:
    assert "dana@example.com" not in browse(cast.bob).get(f"/workspaces/{cast.acme.pk}/").content.decode()


def test_invitation_of_another_workspace_is_not_found(invited: Invitation, cast: Cast, browse: Browse) -> None:
    charlie = browse(cast.charlie)
    answer = charlie.post(f"/workspaces/{cast.globex.pk}/invitations/{invited.pk}/revoke/")
    assert answer.status_code == 404
    invited.refresh_from_db()
    assert invited.revoked_at is None


def test_link_stays_out_of_the_log(invited: Invitation) -> None:
    assert invited.secret() not in redact(f"page.failed path={place(invited)}")
