"""How long a sign-in lasts, and ending those elsewhere."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.test import Client

from tests.support.cast import Cast
from tests.web.conftest import Browse
from tests.web.markup import check_page, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]
MONDAY = datetime(2026, 11, 9, 9, tzinfo=UTC)
IDLE = settings.SESSION_IDLE_LIMIT
LONGEST = timedelta(seconds=settings.SESSION_COOKIE_AGE)
MINUTE = timedelta(minutes=1)


def is_in(client: Client, **headers: str) -> bool:
    return client.get("/workspaces/", headers=headers).status_code == 200


def by_password(cast: Cast) -> Client:
    if not cast.bob.has_usable_password():
        cast.bob.set_password("correct horse battery")
        cast.bob.save(update_fields=["password"])
    client = Client()
    client.post("/accounts/login/", {"login": "bob@example.com", "password": "correct horse battery"})
    return client


def test_person_who_left_is_signed_out(cast: Cast, browse: Browse) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        client = browse(cast.bob)
        clock.shift(IDLE - MINUTE)
        assert is_in(client)
        clock.shift(IDLE - MINUTE)
        assert is_in(client)  # it counts from the last look
        clock.shift(IDLE + 6 * MINUTE)
        assert not is_in(client)


def test_page_that_refreshes_itself_is_nobody_at_work(cast: Cast, browse: Browse) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        client = browse(cast.bob)
        for _hour in range(int(IDLE / timedelta(hours=1)) - 1):
            clock.shift(timedelta(hours=1))
            assert is_in(client, **{"HX-Request": "true"})
        clock.shift(timedelta(hours=1) + MINUTE)
        assert not is_in(client)


def test_everybody_signs_in_anew_some_day(cast: Cast, browse: Browse) -> None:
    with time_machine.travel(MONDAY, tick=False) as clock:
        client = browse(cast.bob)
        while clock.shift(timedelta(hours=6)) or datetime.now(UTC) < MONDAY + LONGEST:
            assert is_in(client)
            client.post("/language/", {"language": "en"})
        clock.shift(MINUTE)
        assert not is_in(client)


def test_session_from_before_the_limits_is_no_way_around_them(cast: Cast, browse: Browse) -> None:
    client = browse(cast.bob)
    session = client.session
    del session["began_at"]
    session.save()
    assert not is_in(client)


def test_sign_ins_elsewhere_are_seen_and_ended(cast: Cast, browse: Browse) -> None:
    another = browse(cast.alice)
    here, there = by_password(cast), by_password(cast)
    page = here.get("/accounts/sessions/")
    check_page(page)
    assert text_of(page).count("127.0.0.1") == 2
    here.post("/accounts/sessions/")
    assert (is_in(here), is_in(there), is_in(another)) == (True, False, True)


def test_new_password_ends_the_sign_ins_elsewhere(cast: Cast, browse: Browse) -> None:
    here, there = by_password(cast), by_password(cast)
    new = {"password1": "another horse battery", "password2": "another horse battery"}
    here.post("/accounts/password/change/", {"oldpassword": "correct horse battery", **new})
    assert (is_in(here), is_in(there)) == (True, False)


def test_one_sign_in_is_ended_and_the_others_go_on(cast: Cast) -> None:
    lost, kept, here = by_password(cast), by_password(cast), by_password(cast)
    session = UserSession.objects.get(session_key=lost.session.session_key)
    page = here.get("/accounts/sessions/")
    check_page(page)
    assert page.content.decode().count("/end/") == 2  # not this one
    check_page(here.post(f"/account/sessions/{session.pk}/end/", follow=True))
    assert [is_in(client) for client in (lost, kept, here)] == [False, True, True]
