"""Single sign-on against a real provider on a socket: whom it lets in, as whom, and what it never does."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.conf import LazySettings
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone

from exports.models import AuditEntry, Membership, Role, User
from exports.services.invitations import invite
from lacportal import environment
from tests.support.cast import Cast
from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

LOGIN = "/accounts/oidc/company/login/"
DANA = {"sub": "dana-1", "email": "Dana@Example.com", "email_verified": True, "name": "Dana"}


@pytest.fixture
def provider(settings: LazySettings) -> Iterator[IdentityProvider]:
    with IdentityProvider() as provider:
        settings.OIDC_SERVER_URL, settings.OIDC_NAME, settings.OIDC_DOMAINS = provider.url, "Acme ID", {}
        app = {
            "provider_id": "company",
            "name": "Acme ID",
            "client_id": CLIENT_ID,
            "secret": CLIENT_SECRET,
            "settings": {"server_url": provider.url},
        }
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}}
        provider.claims = dict(DANA)
        yield provider


def to_provider(client: Client, query: str = "") -> str:
    """Press the button; return the address of the provider that the page leads to."""
    page = client.post(LOGIN + query)
    assert page.status_code == 200
    check_page(page)
    (refresh,) = [one for one in read(page) if one.attrs.get("http-equiv") == "refresh"]
    return str(refresh.attrs["content"]).removeprefix("0;url=")


def back_from(place: str) -> str:
    """Sign in there; return the path that it sends the browser back to."""
    back = requests.get(place, allow_redirects=False, timeout=5).headers["Location"]
    parts = urlsplit(back)
    assert parts.path == f"{LOGIN}callback/"
    return f"{parts.path}?{parts.query}"


def sign_in(client: Client, query: str = "") -> Any:
    return client.get(back_from(to_provider(client, query)))


def is_in(client: Client) -> bool:
    return client.get("/account/").status_code == 200


def test_person_who_is_here_is_linked_once_and_signed_in(provider: IdentityProvider, cast: Cast) -> None:
    provider.claims |= {"sub": "bob-1", "email": "BOB@example.com"}
    client = Client()
    assert sign_in(client).status_code == 302
    assert client.get("/account/").context["user"] == cast.bob
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.actor, entry.data) == (
        "person.signed_in",
        cast.bob,
        {"method": "Acme ID", "linked": True},
    )
    provider.claims["email"] = "somebody-else@example.com"  # the link counts from now on, not the address
    assert sign_in(again := Client()).status_code == 302
    assert again.get("/account/").context["user"] == cast.bob
    assert SocialAccount.objects.count() == 1


@pytest.mark.parametrize("verified", [False, None, "true", 1])
def test_address_that_is_not_plainly_verified_opens_nothing(
    verified: Any, provider: IdentityProvider, cast: Cast
) -> None:
    provider.claims |= {"email": "bob@example.com", "email_verified": verified}
    client = Client()
    answer = client.get(sign_in(client).headers["Location"])
    assert "doesn’t say that your e-mail address is verified" in text_of(answer)
    assert not is_in(client)
    assert not SocialAccount.objects.exists()


def test_site_administrator_is_not_linked_by_address_alone(
    provider: IdentityProvider, cast: Cast, browse: Browse
) -> None:
    provider.claims |= {"sub": "ada-1", "email": "ada@example.com"}
    client = Client()
    answer = client.get(sign_in(client).headers["Location"])
    assert "Site administrators sign in with their password first" in text_of(answer)
    assert not is_in(client)
    inside = browse(cast.ada)
    check_page(inside.get("/accounts/3rdparty/"))
    sign_in(inside, "?process=connect")
    assert AuditEntry.objects.latest("pk").action == "person.sign_in_linked"
    assert sign_in(client).status_code == 302
    assert client.get("/account/").context["user"] == cast.ada


def test_link_is_undone_on_the_own_page(provider: IdentityProvider, cast: Cast) -> None:
    cast.bob.set_password("correct horse battery staple")
    cast.bob.save()
    provider.claims |= {"email": "bob@example.com"}
    client = Client()
    sign_in(client)
    account = SocialAccount.objects.get()
    check_page(client.get("/accounts/3rdparty/"))
    before = AuditEntry.objects.count()
    client.post("/accounts/3rdparty/", {"account": account.pk})
    assert not SocialAccount.objects.exists()
    assert AuditEntry.objects.count() == before + 1
    assert AuditEntry.objects.latest("pk").action == "person.sign_in_unlinked"


def test_stranger_is_not_let_in(provider: IdentityProvider, cast: Cast) -> None:
    client = Client()
    answer = sign_in(client)
    assert "Not invited yet" in text_of(answer)
    check_page(answer)
    assert not is_in(client)
    assert not User.objects.filter(email="dana@example.com").exists()


def test_newcomer_of_a_listed_domain_comes_in_and_becomes_a_member_this_once(
    provider: IdentityProvider, cast: Cast, settings: LazySettings
) -> None:
    settings.OIDC_DOMAINS = {"example.com": (str(cast.acme.pk), "viewer")}
    client = Client()
    sign_in(client)
    dana = User.objects.get(email="dana@example.com")
    assert (dana.name, dana.has_usable_password()) == ("Dana", False)
    assert cast.acme.role_of(dana) is Role.VIEWER
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.workspace, entry.data) == (
        "person.signed_in",
        cast.acme,
        {"method": "Acme ID", "is_new": True, "role": "viewer"},
    )
    Membership.objects.filter(user=dana).delete()
    sign_in(again := Client())
    assert is_in(again)
    assert cast.acme.role_of(dana) is None


@pytest.mark.parametrize("email", ["dana@example.com.evil.test", "dana@sub.example.com", "example.com@evil.test"])
def test_domain_is_compared_whole(email: str, provider: IdentityProvider, cast: Cast, settings: LazySettings) -> None:
    settings.OIDC_DOMAINS = {"example.com": ("", "")}
    provider.claims["email"] = email
    sign_in(client := Client())
    assert not is_in(client)


def test_invited_newcomer_comes_in_and_back_to_the_invitation(provider: IdentityProvider, cast: Cast) -> None:
    invitation = invite(actor=cast.alice, workspace=cast.acme, email="dana@example.com", role="member")
    place = f"/invitations/{invitation.secret()}/"
    client = Client()
    page = client.get(place)
    assert "Sign in with Acme ID" in text_of(page)
    answer = sign_in(client, f"?next={place}")
    assert answer.headers["Location"] == place
    client.post(place)
    assert cast.acme.role_of(User.objects.get(email="dana@example.com")) is Role.MEMBER


def test_person_switched_off_stays_out(provider: IdentityProvider, cast: Cast, settings: LazySettings) -> None:
    settings.OIDC_DOMAINS = {"example.com": ("", "")}
    cast.bob.is_active = False
    cast.bob.save()
    provider.claims["email"] = "bob@example.com"
    sign_in(client := Client())
    assert not is_in(client)


def test_second_factor_is_asked_for_all_the_same(provider: IdentityProvider, cast: Cast) -> None:
    Authenticator.objects.create(user=cast.bob, type="totp", data={"secret": "A" * 32}, last_used_at=timezone.now())
    provider.claims["email"] = "bob@example.com"
    answer = sign_in(client := Client())
    assert answer.headers["Location"].startswith("/accounts/2fa/authenticate/")
    assert not is_in(client)


def test_answers_that_name_two_people_are_refused(provider: IdentityProvider, cast: Cast) -> None:
    provider.claims |= {"email": "bob@example.com"}
    provider.userinfo = {"sub": "somebody-else"}
    sign_in(client := Client())
    assert not is_in(client)


@pytest.mark.parametrize(
    "claims", [{"aud": "another-client"}, {"iss": "https://evil.test"}, {"exp": 1}, {"sub": "x", "aud": ["a", "b"]}]
)
def test_token_meant_for_others_or_too_old_is_refused(
    claims: dict[str, Any], provider: IdentityProvider, cast: Cast
) -> None:
    provider.claims |= {"email": "bob@example.com", **claims}
    answer = sign_in(client := Client())
    assert answer.status_code == 401
    check_page(answer)
    assert not is_in(client)


def test_answer_to_another_browser_is_refused(provider: IdentityProvider, cast: Cast) -> None:
    provider.claims["email"] = "bob@example.com"
    place = back_from(to_provider(Client()))
    victim = Client()
    assert victim.get(place).status_code == 401
    assert not is_in(victim)


def test_provider_that_is_away_is_told_of(provider: IdentityProvider, cast: Cast) -> None:
    provider.__exit__()
    client = Client()
    answer = client.post(LOGIN, follow=True)
    assert "Acme ID can’t be reached right now." in text_of(answer)
    assert client.get(LOGIN).status_code == 405


def test_sign_in_page_offers_it_only_where_it_is_set_up(db: None, client: Client, provider: IdentityProvider) -> None:
    assert "Sign in with Acme ID" in text_of(client.get("/accounts/login/"))


def test_sign_in_page_without_it_says_nothing_of_it(db: None, client: Client) -> None:
    assert LOGIN not in client.get("/accounts/login/").content.decode()
    assert client.post(LOGIN).status_code == 404


@pytest.mark.parametrize(
    ("variables", "fault"),
    [
        ({"OIDC_SERVER_URL": "https://id.example.com"}, "needs OIDC_CLIENT_ID"),
        (
            {"OIDC_SERVER_URL": "http://id.example.com", "OIDC_CLIENT_ID": "a", "OIDC_CLIENT_SECRET": "b"},
            "must begin with https://",
        ),
    ],
)
def test_settings_that_can_not_work_are_refused(
    variables: dict[str, str], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=fault):
        environment.identity_provider()


KEY = "11111111-2222-3333-4444-555555555555"


@pytest.mark.parametrize("text", ["nonsense", "a@example.com", "example.com:x:viewer", f"example.com:{KEY}:manager"])
def test_domains_that_mean_nothing_are_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_DOMAINS", text)
    with pytest.raises(ImproperlyConfigured):
        environment.domains("OIDC_DOMAINS")


def test_domains_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_DOMAINS", f"Example.com:{KEY}:viewer, example.org")
    assert environment.domains("OIDC_DOMAINS") == {"example.com": (KEY, "viewer"), "example.org": ("", "")}
