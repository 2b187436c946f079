"""Guessing passwords: slowed down however it is spread, and the owner goes in and out meanwhile."""

from collections.abc import Iterator
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.test import Client

from exports.models import User
from exports.web import throttle
from tests.support.cast import make_person
from tests.web.markup import text_of

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
PASSWORD = "correct horse battery"


@pytest.fixture
def dana(db: None) -> User:
    return make_person("Dana", password=PASSWORD)


@pytest.fixture(autouse=True)
def _lower_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(throttle, "MOST_FROM_ONE_ADDRESS", 12)
    monkeypatch.setattr(throttle, "MOST_AT_ONE_PERSON", 12)
    return


def guess(client: Client, email: str = "dana@example.com", password: str = "wrong") -> Any:
    return client.post(LOGIN, {"login": email, "password": password})


def test_one_address_at_one_person_is_stopped_whatever_the_spelling(dana: User) -> None:
    spellings = ("dana@example.com", "DANA@example.com", " Dana@Example.com ", "dana@EXAMPLE.COM")
    statuses = [guess(Client(), spellings[n % 4]).status_code for n in range(settings.AXES_FAILURE_LIMIT)]
    assert statuses == [200] * (settings.AXES_FAILURE_LIMIT - 1) + [429]
    assert guess(Client(), password=PASSWORD).status_code == 429


def test_guesses_at_one_person_stop_nobody_else_at_that_address(dana: User) -> None:
    make_person("Eve", password=PASSWORD)
    for _n in range(settings.AXES_FAILURE_LIMIT):
        guess(Client())
    assert guess(Client(), "eve@example.com", PASSWORD).status_code == 302


def test_one_address_at_many_people_is_stopped(dana: User) -> None:
    for n in range(12):
        last = guess(Client(), f"person{n}@example.com")
    assert last.status_code == 429
    assert guess(Client(), password=PASSWORD).status_code == 429
    assert guess(Client(REMOTE_ADDR="192.0.2.7"), password=PASSWORD).status_code == 302


def test_many_addresses_at_one_person_are_stopped_and_the_owner_is_not(dana: User) -> None:
    own = Client(REMOTE_ADDR="198.51.100.9")
    assert guess(own, password=PASSWORD).status_code == 302
    own.post("/accounts/logout/")
    for n in range(12):
        guess(Client(REMOTE_ADDR=f"192.0.2.{n}"))
    assert guess(Client(REMOTE_ADDR="203.0.113.1"), password=PASSWORD).status_code == 429
    assert guess(own, password=PASSWORD).status_code == 302


def test_cookie_of_another_person_s_browser_spares_nobody(dana: User) -> None:
    make_person("Eve", password=PASSWORD)
    eves = Client()
    guess(eves, "eve@example.com", PASSWORD)
    eves.post("/accounts/logout/")
    for n in range(12):
        guess(Client(REMOTE_ADDR=f"192.0.2.{n}"))
    assert guess(eves, password=PASSWORD).status_code == 429
    forged = Client()
    forged.cookies["device"] = "dana@example.com:x:y"
    assert guess(forged, password=PASSWORD).status_code == 429


def test_what_is_kept_of_a_wrong_try_holds_no_password(dana: User) -> None:
    guess(Client(), "my-secret-password", "another-secret")
    guess(Client(), "dana@example.com", "another-secret")
    kept = str(list(AccessAttempt.objects.values()))
    assert "secret" not in kept
    assert set(AccessAttempt.objects.values_list("username", flat=True)) == {"dana@example.com"}


def test_known_and_unknown_addresses_meet_the_same_words(dana: User) -> None:
    make_person("Off", password=PASSWORD, is_active=False)
    pages = [guess(Client(), email) for email in ("dana@example.com", "nobody@example.com", "off@example.com")]
    assert {page.status_code for page in pages} == {200}
    assert len({text_of(page) for page in pages}) == 1


def test_known_and_unknown_addresses_take_the_same_work(dana: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash is nearly all of the time that a sign-in takes: it is made once, whoever is tried."""
    made: list[str] = []
    encode, verify = Argon2PasswordHasher.encode, Argon2PasswordHasher.verify
    monkeypatch.setattr(Argon2PasswordHasher, "encode", lambda *a: made.append("hash") or encode(*a))
    monkeypatch.setattr(Argon2PasswordHasher, "verify", lambda *a: made.append("hash") or verify(*a))
    work = []
    for email in ("dana@example.com", "nobody@example.com"):
        made.clear()
        guess(Client(), email)
        work.append(len(made))
    assert work == [1, 1]


@pytest.mark.parametrize("password", ["password123", "1234567890", "short", "dana@example.com", "qwertyuiop"])
def test_common_short_and_telling_passwords_are_refused(password: str, dana: User) -> None:
    client = Client()
    guess(client, password=PASSWORD)
    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, "password1": password, "password2": password})
    dana.refresh_from_db()
    assert dana.check_password(PASSWORD)
    assert dana.password.startswith("argon2")
