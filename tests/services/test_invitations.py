"""Invitations: a link that works once, for a while, for one address, and only while its sender may invite."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.conf import LazySettings
from django.core import mail
from django.db import connection
from django.utils import timezone

from exports.models import AuditEntry, Invitation, Mail, Role, User
from exports.services import invitations, mails
from exports.services.members import change_role, remove_member
from exports.services.refusals import Forbidden, Refusal, TooMany
from tests.support.cast import Cast

PASSWORD = "correct horse battery staple"
DANA = "dana@example.com"


@pytest.fixture
def invited(cast: Cast) -> Invitation:
    return invitations.invite(actor=cast.alice, workspace=cast.acme, email=" Dana@Example.com ", role="member")


def accept(secret: str, **values: str) -> User:
    return invitations.accept_as_newcomer(secret=secret, **({"name": "Dana", "password": PASSWORD} | values))


def refusal(call: Any, *args: Any, **values: Any) -> str:
    with pytest.raises(Refusal) as refused:
        call(*args, **values)
    return refused.value.code


def test_mail_carries_a_link_that_is_stored_nowhere(invited: Invitation, settings: LazySettings) -> None:
    mails.send_due()
    (sent,) = mail.outbox
    assert sent.to == [DANA]
    assert f"{settings.PUBLIC_URL}/invitations/{invited.secret()}/" in sent.body
    assert "Alice invites you to “Acme”" in sent.subject
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            assert invited.secret() not in repr(cursor.fetchall()), table


def test_newcomer_is_made_with_a_proved_address_and_let_in(invited: Invitation, cast: Cast) -> None:
    dana = accept(invited.secret())
    assert (dana.email, dana.name, dana.check_password(PASSWORD)) == (DANA, "Dana", True)
    assert cast.acme.role_of(dana) is Role.MEMBER
    assert EmailAddress.objects.get(user=dana).verified
    invited.refresh_from_db()
    assert invited.accepted_by == dana


def test_link_works_once(invited: Invitation) -> None:
    accept(invited.secret())
    assert refusal(accept, invited.secret()) == "invitation_over"
    assert User.objects.filter(email=DANA).count() == 1


def test_link_ends_after_a_week(invited: Invitation) -> None:
    with time_machine.travel(timezone.now() + timedelta(days=7, minutes=1)):
        assert invitations.invited(invited.secret()) is None
        assert refusal(accept, invited.secret()) == "invitation_over"


def test_weak_password_leaves_the_invitation_open(invited: Invitation) -> None:
    assert refusal(accept, invited.secret(), password="password123") == "password_weak"
    assert accept(invited.secret()).email == DANA


def test_sent_again_only_the_new_link_works(invited: Invitation, cast: Cast) -> None:
    before = invited.secret()
    again = invitations.resend(actor=cast.alice, invitation=invited)
    assert invitations.invited(before) is None
    assert invitations.invited(again.secret()) == invited
    mails.send_due()
    assert [again.secret() in sent.body for sent in mail.outbox] == [True]  # the first had not gone yet


def test_revoked_link_works_no_more_and_its_mail_is_not_sent(invited: Invitation, cast: Cast) -> None:
    invitations.revoke(actor=cast.alice, invitation=invited)
    assert invitations.invited(invited.secret()) is None
    assert refusal(invitations.revoke, actor=cast.alice, invitation=invited) == "not_open"
    assert refusal(invitations.resend, actor=cast.alice, invitation=invited) == "not_open"
    mails.send_due()
    assert mail.outbox == []
    assert Mail.objects.get().problem == "inactive"


def test_whoever_was_taken_out_leaves_no_door_behind(invited: Invitation, cast: Cast) -> None:
    change_role(actor=cast.alice, workspace=cast.acme, user=cast.bob, role="manager")
    remove_member(actor=cast.bob, workspace=cast.acme, user=cast.alice)
    assert invitations.invited(invited.secret()) is None
    assert not invitations.is_invited(DANA)
    assert refusal(accept, invited.secret()) == "invitation_over"
    again = invitations.resend(actor=cast.bob, invitation=invited)
    assert invitations.invited(again.secret()) == invited


def test_person_who_came_meanwhile_joins_with_the_account(invited: Invitation, cast: Cast) -> None:
    dana = User.objects.create_user(DANA, PASSWORD)
    assert refusal(accept, invited.secret()) == "person_known"
    assert invitations.accept(person=dana, secret=invited.secret()) == cast.acme
    assert cast.acme.role_of(dana) is Role.MEMBER


def test_somebody_else_can_not_take_it(invited: Invitation, cast: Cast) -> None:
    assert refusal(invitations.accept, person=cast.charlie, secret=invited.secret()) == "for_somebody_else"
    assert cast.acme.role_of(cast.charlie) is None
    assert invitations.invited(invited.secret()) == invited


def test_role_given_meanwhile_stays(invited: Invitation, cast: Cast) -> None:
    dana = User.objects.create_user(DANA)
    cast.acme.memberships.create(user=dana, role=Role.VIEWER)
    invitations.accept(person=dana, secret=invited.secret())
    assert cast.acme.role_of(dana) is Role.VIEWER


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"email": "bob@example.com"}, "person_known"),
        ({"email": "nonsense"}, "email_invalid"),
        ({"role": "owner"}, "role_unknown"),
        ({"email": DANA.upper()}, "invited_already"),
    ],
)
def test_what_can_not_be_is_refused(values: dict[str, str], code: str, invited: Invitation, cast: Cast) -> None:
    asked = {"email": "eve@example.com", "role": "viewer"} | values
    assert refusal(invitations.invite, actor=cast.alice, workspace=cast.acme, **asked) == code


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_invite(who: str, invited: Invitation, cast: Cast) -> None:
    actor = getattr(cast, who)
    for deed in (
        lambda: invitations.invite(actor=actor, workspace=cast.acme, email="eve@example.com", role="viewer"),
        lambda: invitations.resend(actor=actor, invitation=invited),
        lambda: invitations.revoke(actor=actor, invitation=invited),
    ):
        with pytest.raises(Forbidden):
            deed()


def test_nobody_s_mailbox_is_filled(invited: Invitation, cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MAILS_AN_HOUR", 2)
    invitations.resend(actor=cast.alice, invitation=invited)
    with pytest.raises(TooMany):
        invitations.resend(actor=cast.alice, invitation=invited)
    with pytest.raises(TooMany):
        invitations.invite(actor=cast.alice, workspace=cast.acme, email="eve@example.com", role="viewer")


def test_site_administrator_invites_anywhere_on_record(cast: Cast) -> None:
    invitations.invite(actor=cast.ada, workspace=cast.acme, email=DANA, role="manager")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.as_site_administrator) == ("invitation.sent", True)


def test_key_of_signatures_changed_before_the_mail_went_makes_a_link_that_works(
    invited: Invitation, settings: LazySettings
) -> None:
    settings.SECRET_KEY = "another-" + "k" * 50
    mails.send_due()
    invited.refresh_from_db()
    assert invited.secret() in mail.outbox[0].body
    assert invitations.invited(invited.secret()) == invited
