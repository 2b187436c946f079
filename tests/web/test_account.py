"""A person's own page."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from exports.models import ApiToken
from exports.models.access import digest
from exports.services.api_tokens import make_api_token
from exports.services.members import add_member
from tests.support.cast import Cast
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = pytest.mark.django_db

SETTINGS = {"name": "Alice K", "language": "en", "time_zone": "Asia/Tokyo", "theme": "dark"}


@pytest.fixture
def alice(cast: Cast, browse: Browse) -> Client:
    return browse(cast.alice)


def test_settings_are_saved_and_nothing_else(cast: Cast, alice: Client) -> None:
    answer = alice.post("/account/", {**SETTINGS, "is_superuser": "on", "email": "evil@example.com"}, follow=True)
    assert "Saved." in text_of(answer)
    cast.alice.refresh_from_db()
    person = cast.alice
    assert (person.name, person.language, person.time_zone, person.theme) == ("Alice K", "en", "Asia/Tokyo", "dark")
    assert (person.email, person.is_superuser) == ("alice@example.com", False)
    check_page(answer)


@pytest.mark.parametrize(
    "changes", [{"language": "tlh"}, {"time_zone": "Nowhere"}, {"theme": "pink"}, {"name": "x" * 151}]
)
def test_setting_that_can_not_be_is_refused_at_its_field(changes: dict[str, str], cast: Cast, alice: Client) -> None:
    answer = alice.post("/account/", {**SETTINGS, **changes})
    assert answer.status_code == 422
    assert "field-errors" in answer.content.decode()
    assert changes.get("name", "Alice K") not in [
        one.text for one in read(answer) if one.attrs.get("class") == "menu-name"
    ]
    cast.alice.refresh_from_db()
    assert cast.alice.name == "Alice"


def test_api_token_is_made_and_its_text_shown_this_once(cast: Cast, alice: Client) -> None:
    answer = alice.post("/account/tokens/", {"name": "nightly", "scopes": ["read", "queue"], "lifetime": "90"})
    token = ApiToken.objects.get()
    shown = next(one.attrs["data-copy"] for one in read(answer) if "data-copy" in one.attrs)
    assert digest(shown) == token.digest
    assert answer.headers["Cache-Control"] == "no-store"
    assert token.scopes == ["read", "queue"]
    assert token.expires_at is not None
    assert timedelta(days=89) < token.expires_at - timezone.now() <= timedelta(days=90)
    check_page(answer)
    again = alice.get("/account/")
    assert shown not in again.content.decode()
    assert "nightly" in text_of(again)
    assert "never used" in text_of(again)


def test_answer_with_an_api_token_that_is_loaded_anew_makes_no_second_one(cast: Cast, alice: Client) -> None:
    def once() -> str:
        page = read(alice.get("/account/"))
        return next(one.attrs["value"] for one in page if one.attrs.get("name") == "once")

    form = {"name": "nightly", "scopes": ["read"], "lifetime": "90", "once": once()}
    alice.post("/account/tokens/", form)
    again = alice.post("/account/tokens/", form, follow=True)
    assert "The token was made already" in text_of(again)
    assert ApiToken.objects.count() == 1
    alice.post("/account/tokens/", form | {"once": once()})
    assert ApiToken.objects.count() == 2


def test_api_token_for_ever_has_no_end(cast: Cast, alice: Client) -> None:
    alice.post("/account/tokens/", {"name": "for ever", "scopes": ["read"], "lifetime": ""})
    assert ApiToken.objects.get().expires_at is None


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": "", "scopes": ["read"]}, "Give it a name"),
        ({"name": "x"}, "Choose at least one thing"),
        ({"name": "x", "scopes": ["everything"]}, "Select a valid choice"),
        ({"name": "two\tparts\u0007", "scopes": ["read"]}, "Only printable characters"),
    ],
)
def test_api_token_that_can_not_be_is_refused_at_its_field(
    values: dict[str, object], sentence: str, alice: Client
) -> None:
    answer = alice.post("/account/tokens/", values)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert not ApiToken.objects.exists()
    check_page(answer)


def test_api_token_for_some_workspaces_reaches_those_alone(cast: Cast, browse: Browse) -> None:
    add_member(actor=None, workspace=cast.globex, user=cast.alice, role="viewer")
    alice = browse(cast.alice)
    page = alice.get("/account/")
    assert {"Acme", "Globex"} <= {one.text.strip() for one in read(page) if one.tag == "label"}
    answer = alice.post(
        "/account/tokens/",
        {"name": "narrow", "scopes": ["read"], "lifetime": "90", "workspaces": [str(cast.globex.pk)]},
    )
    token = ApiToken.objects.get()
    assert (token.all_workspaces, list(token.workspaces.all())) == (False, [cast.globex])
    check_page(answer)
    listed = text_of(alice.get("/account/"))
    assert "read lists and records · Globex" in listed
    cast.globex.memberships.all().delete()
    shown = next(one.attrs["data-copy"] for one in read(answer) if "data-copy" in one.attrs)
    reached = Client().get("/api/v1/workspaces", headers={"Authorization": f"Bearer {shown}"}).json()["items"]
    assert reached == []


@pytest.mark.parametrize("key", ["00000000-0000-4000-8000-000000000000", "x", "foreign"])
def test_api_token_for_a_workspace_that_is_not_yours_is_refused(key: str, cast: Cast, alice: Client) -> None:
    key = str(cast.globex.pk) if key == "foreign" else key
    answer = alice.post("/account/tokens/", {"name": "x", "scopes": ["read"], "workspaces": [key]})
    assert answer.status_code == 422
    assert not ApiToken.objects.exists()


def test_revoked_api_token_is_gone_from_the_page(cast: Cast, alice: Client) -> None:
    token, _text = make_api_token(user=cast.alice, name="nightly")
    answer = alice.post(f"/account/tokens/{token.pk}/revoke/", follow=True)
    assert "The token is revoked." in text_of(answer)
    assert "nightly" not in text_of(answer)
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_somebody_else_s_api_token_is_not_found(cast: Cast, browse: Browse) -> None:
    token, _text = make_api_token(user=cast.alice, name="nightly")
    assert browse(cast.ada).post(f"/account/tokens/{token.pk}/revoke/").status_code == 404


def test_last_use_of_an_api_token_is_shown(cast: Cast, alice: Client) -> None:
    token, _text = make_api_token(user=cast.alice, name="nightly")
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now() - timedelta(hours=2, minutes=1))
    assert "last used 2 h ago" in text_of(alice.get("/account/"))


def test_token_scopes_stand_in_words(cast: Cast, alice: Client) -> None:
    make_api_token(user=cast.alice, name="nightly", scopes=["read", "download"])
    assert "read lists and records, download files" in text_of(alice.get("/account/"))
