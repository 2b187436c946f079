"""Signing in: with the e-mail address, throttled, closed to strangers, with a second factor for who wants one."""

import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time
from django.conf import settings
from django.core import mail
from django.test import Client

from exports.models import User
from tests.support.cast import Cast, make_person
from tests.web.conftest import Browse
from tests.web.markup import check_page, text_of

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
PASSWORD = "correct horse battery"


@pytest.fixture
def dana(db: None) -> User:
    return make_person("Dana", password=PASSWORD)


def sign_in(client: Client, **more: Any) -> Any:
    return client.post(LOGIN, {"login": "DANA@example.com", "password": PASSWORD, **more})


def test_e_mail_in_any_case_and_password_sign_in_and_lead_back(dana: User, client: Client) -> None:
    assert client.get("/account/").headers["Location"] == f"{LOGIN}?next=/account/"
    answer = sign_in(client, next="/account/")
    assert answer.headers["Location"] == "/account/"
    assert client.get("/account/").status_code == 200


def test_sign_in_never_leads_to_another_host(dana: User, client: Client) -> None:
    assert sign_in(client, next="https://evil.example/").headers["Location"] == "/"


def test_sign_in_page_is_complete_and_offers_both_languages(db: None, client: Client) -> None:
    answer = client.get(LOGIN)
    check_page(answer)
    assert "日本語" in text_of(answer)
    assert "signup" not in answer.content.decode()


def test_wrong_password_says_so_and_keeps_the_address(dana: User, client: Client) -> None:
    answer = client.post(LOGIN, {"login": "dana@example.com", "password": "wrong"})
    assert 'role="alert"' in answer.content.decode()
    assert 'value="dana@example.com"' in answer.content.decode()
    assert "wrong" not in text_of(answer)
    (begins,) = re.findall(r'name="(\w+)"[^>]*autofocus', answer.content.decode())
    assert begins == "password"  # what is to be typed again
    check_page(answer)


def test_guessing_is_stopped_for_a_while_from_there_only(dana: User, client: Client) -> None:
    for _attempt in range(settings.AXES_FAILURE_LIMIT):
        answer = client.post(LOGIN, {"login": "dana@example.com", "password": "wrong"})
    assert answer.status_code == 429
    assert "Too many attempts" in text_of(answer)
    check_page(answer)
    assert sign_in(client).status_code == 429
    assert sign_in(Client(REMOTE_ADDR="192.0.2.7")).status_code == 302


def test_too_many_tries_in_a_minute_meet_a_page_of_ours(db: None, client: Client) -> None:
    for number in range(31):
        answer = client.post(LOGIN, {"login": f"nobody{number}@example.com", "password": "wrong"})
    assert answer.status_code == 429
    assert "Wait a minute" in text_of(answer)
    check_page(answer)


def test_strangers_can_not_sign_up(db: None, client: Client) -> None:
    answer = client.post(
        "/accounts/signup/", {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD}
    )
    assert not User.objects.exists()
    assert answer.status_code == 200
    check_page(client.get("/accounts/signup/"))


def test_person_switched_off_is_not_let_in(dana: User, client: Client) -> None:
    User.objects.update(is_active=False)
    sign_in(client)
    assert client.get("/").status_code == 302


def test_sign_out_is_a_button_not_a_link(dana: User, client: Client) -> None:
    sign_in(client)
    check_page(client.get("/accounts/logout/"))
    assert client.get("/").status_code == 200
    client.post("/accounts/logout/")
    assert client.get("/").status_code == 302


def test_forgotten_password_is_set_anew_by_mail(dana: User, client: Client) -> None:
    check_page(client.get("/accounts/password/reset/"))
    answer = client.post("/accounts/password/reset/", {"email": "dana@example.com"}, follow=True)
    check_page(answer)
    link = re.search(r"http://\S+(/accounts/password/reset/key/\S+)", str(mail.outbox[0].body))
    assert link is not None
    page = client.get(link[1], follow=True)
    check_page(page)
    address = page.redirect_chain[-1][0]
    done = client.post(address, {"password1": "another long one 7", "password2": "another long one 7"}, follow=True)
    check_page(done)
    assert Client().post(LOGIN, {"login": "dana@example.com", "password": "another long one 7"}).status_code == 302


def test_reset_link_that_is_wrong_says_so(dana: User, client: Client) -> None:
    answer = client.get("/accounts/password/reset/key/1-nonsense/")
    check_page(answer)


def test_reset_for_an_unknown_address_answers_the_same(dana: User, client: Client) -> None:
    known = client.post("/accounts/password/reset/", {"email": "dana@example.com"}, follow=True)
    unknown = client.post("/accounts/password/reset/", {"email": "nobody@example.com"}, follow=True)
    assert text_of(known) == text_of(unknown)


def test_password_is_changed_after_signing_in(dana: User, client: Client) -> None:
    sign_in(client)
    check_page(client.get("/accounts/password/change/"))
    client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": "another long one 7", "password2": "another long one 7"},
    )
    dana.refresh_from_db()
    assert dana.check_password("another long one 7")


def test_address_is_an_administrator_s_to_change(dana: User, client: Client) -> None:
    sign_in(client)
    assert client.get("/accounts/email/").headers["Location"] == "/account/"


def test_old_session_confirms_its_password_before_what_matters(dana: User, browse: Browse) -> None:
    client = browse(dana)
    session = client.session
    session["shown_at"] -= 901
    session.save()
    answer = client.get("/accounts/2fa/totp/activate/")
    assert answer.headers["Location"].startswith("/accounts/reauthenticate/")


def test_second_factor_is_set_up_used_and_taken_away(dana: User, client: Client) -> None:
    sign_in(client)
    check_page(client.get("/accounts/2fa/"))
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    check_page(page)
    assert "data:image/svg+xml" in page.content.decode()
    secret = page.context["form"].secret

    def code() -> str:
        return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))

    check_page(client.post("/accounts/2fa/totp/activate/", {"code": "000000"}))
    client.post("/accounts/2fa/totp/activate/", {"code": code()})
    assert Authenticator.objects.filter(user=dana, type="totp").exists()
    for address in ("", "recovery-codes/", "recovery-codes/generate/", "totp/deactivate/"):
        check_page(client.get(f"/accounts/2fa/{address}"))
    codes = client.get("/accounts/2fa/recovery-codes/download/").content.decode().split()
    other = Client()
    answer = sign_in(other)
    assert answer.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert other.get("/").status_code == 302
    check_page(other.get("/accounts/2fa/authenticate/"))
    other.post("/accounts/2fa/authenticate/", {"code": codes[-1]})
    assert other.get("/").status_code == 200
    client.post("/accounts/2fa/totp/deactivate/")
    assert not Authenticator.objects.filter(user=dana, type="totp").exists()


def test_reauthentication_page_is_complete(dana: User, client: Client) -> None:
    sign_in(client)
    check_page(client.get("/accounts/reauthenticate/"))


def test_administration_has_no_door_of_its_own(cast: Cast, browse: Browse) -> None:
    assert Client().get("/admin/login/").headers["Location"].startswith(LOGIN)
    assert Client().post("/admin/login/", {"username": "ada@example.com", "password": "x"}).status_code == 302
    assert browse(cast.ada).get("/admin/").status_code == 200


def test_inactive_person_s_page_is_complete(db: None, client: Client) -> None:
    check_page(client.get("/accounts/inactive/"))


def test_fresh_portal_says_how_to_begin_and_nothing_else(db: None, client: Client) -> None:
    page = client.get(LOGIN)
    check_page(page)
    assert "createsuperuser --email you@example.com" in text_of(page)
    assert "OIDC" not in page.content.decode()
    User.objects.create_superuser("ada@example.com", "correct horse battery staple")
    assert "createsuperuser" not in client.get(LOGIN).content.decode()


def test_person_switched_off_does_not_make_it_fresh(dana: User, client: Client) -> None:
    User.objects.update(is_active=False)
    assert "createsuperuser" not in client.get(LOGIN).content.decode()
