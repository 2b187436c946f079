"""Workspaces, their tokens and people, on pages."""

import re
import socket
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import DjangoAssertNumQueries

from exports.models import Membership, PauseCode, Role, Workspace
from tests.support.cast import ACME_TOKEN, BASE_URL, GLOBEX_TOKEN, Cast, make_person, make_workspace
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

NEW_TOKEN = "brand-new-token-0123456789abcdefghijklmnopqrstuvwxyz99"


@pytest.fixture
def alice(cast: Cast, browse: Browse) -> Client:
    return browse(cast.alice)


def at(cast: Cast, rest: str = "") -> str:
    return f"/workspaces/{cast.acme.pk}/{rest}"


def test_list_shows_what_the_person_belongs_to(cast: Cast, browse: Browse) -> None:
    assert "Globex" not in text_of(browse(cast.alice).get("/workspaces/"))
    assert "Globex" in text_of(browse(cast.ada).get("/workspaces/"))
    nobody = browse(make_person("Dana")).get("/workspaces/")
    assert "A manager of a workspace can add you" in text_of(nobody)
    check_page(nobody)


def test_list_takes_the_same_few_queries_however_long(
    cast: Cast, browse: Browse, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        make_workspace(f"Number {number}", token=f"token-{number:040}", viewer=cast.vera)
    client = browse(cast.vera)
    with django_assert_max_num_queries(8):
        client.get("/workspaces/")


def test_long_list_comes_in_pages_and_can_be_narrowed(
    cast: Cast, browse: Browse, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(130):
        make_workspace(f"Number {number:03}", token=f"token-{number:040}", viewer=cast.vera)
    client = browse(cast.vera)
    with django_assert_max_num_queries(8):
        first = client.get("/workspaces/")
    check_page(first)
    assert "1–60 of 131" in text_of(first)
    assert "Number 058" in text_of(first)
    assert "Number 059" not in text_of(first)
    last = client.get("/workspaces/?page=3")
    assert "Number 129" in text_of(last)
    found = client.get("/workspaces/", {"q": "ber 07"})
    assert "Number 071" in text_of(found)
    assert "Number 081" not in text_of(found)
    assert "No workspace of that name" in text_of(client.get("/workspaces/", {"q": "Globex"}))
    assert "1–60 of 131" in text_of(client.get("/workspaces/?page=none"))


def test_site_administrator_makes_a_workspace_with_its_token(cast: Cast, browse: Browse) -> None:
    client = browse(cast.ada)
    answer = client.post(
        "/workspaces/new/",
        {"name": "Initech", "base_url": BASE_URL, "time_zone": "Asia/Tokyo", "token": NEW_TOKEN},
    )
    made = Workspace.objects.get(name="Initech")
    assert answer.headers["Location"] == f"/workspaces/{made.pk}/"
    assert (made.time_zone, made.is_paused, made.token_last4) == ("Asia/Tokyo", False, NEW_TOKEN[-4:])


@pytest.mark.parametrize(
    ("changes", "field", "sentence"),
    [
        ({"name": "acme"}, "name", "exists already"),
        ({"name": ""}, "name", "required"),
        ({"base_url": "https://evil.example"}, "base_url", "ANALYTICS_CLOUD_ORIGINS"),
        ({"base_url": "nonsense"}, "base_url", "without a path"),
        ({"time_zone": "Nowhere/Land"}, "time_zone", "No time zone of this name"),
        ({"token": GLOBEX_TOKEN}, "token", "Another workspace uses this token"),
    ],
)
def test_workspace_that_can_not_be_is_refused_at_its_field(
    changes: dict[str, str], field: str, sentence: str, cast: Cast, browse: Browse
) -> None:
    values = {"name": "Initech", "base_url": BASE_URL, "time_zone": "UTC", "token": NEW_TOKEN, **changes}
    answer = browse(cast.ada).post("/workspaces/new/", values)
    assert answer.status_code == 422
    errors = next(one for one in read(answer) if one.attrs.get("id") == f"id_{field}_error")
    assert sentence in errors.text
    assert values["token"] not in answer.content.decode()
    check_page(answer)


@pytest.mark.parametrize(("cookie", "zone"), [("Asia/Tokyo", "Asia/Tokyo"), ("Japan", "UTC"), ("Nowhere/Land", "UTC")])
def test_new_workspace_begins_with_the_zone_of_its_maker(cookie: str, zone: str, cast: Cast, browse: Browse) -> None:
    ada = browse(cast.ada)
    ada.cookies["time_zone"] = cookie
    chosen = re.findall(r'<option value="([^"]+)" selected>', ada.get("/workspaces/new/").content.decode())
    assert chosen == [zone]


def test_token_is_never_in_any_page(cast: Cast, alice: Client) -> None:
    answer = alice.get(at(cast))
    assert ACME_TOKEN not in answer.content.decode()
    assert ACME_TOKEN[:-4] not in answer.content.decode()
    assert ACME_TOKEN[-4:] in text_of(answer)


def test_saved_token_resumes_the_workspace(cast: Cast, alice: Client) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=timezone.now(), pause_code=PauseCode.TOKEN_REJECTED)
    assert "Save a token below" in text_of(alice.get(at(cast)))
    answer = alice.post(
        at(cast, "token/"), {"token": f"  {NEW_TOKEN} ", "expires_on": "2090-01-31", "anyway": "on"}, follow=True
    )
    assert "The token is saved" in text_of(answer)
    cast.acme.refresh_from_db()
    assert not cast.acme.is_paused
    assert cast.acme.read_token().reveal() == NEW_TOKEN
    assert cast.acme.token_expires_at == datetime(2090, 1, 31, 23, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"token": ""}, "Paste the access token here."),
        ({"token": f"Bearer {NEW_TOKEN}"}, "without the word “Bearer”"),
        ({"token": "two words of it"}, "no blanks"),
        ({"token": "x" * 600}, "at most 512 characters"),
        ({"token": GLOBEX_TOKEN}, "Another workspace uses this token"),
        ({"token": NEW_TOKEN, "expires_on": "2020-01-01"}, "has passed already"),
        ({"token": NEW_TOKEN, "expires_on": "soon"}, "Enter a valid date."),
    ],
)
def test_token_that_can_not_be_is_refused_and_not_put_back(
    values: dict[str, str], sentence: str, cast: Cast, alice: Client
) -> None:
    answer = alice.post(at(cast, "token/"), values)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert not values["token"] or values["token"] not in answer.content.decode()
    check_page(answer)
    cast.acme.refresh_from_db()
    assert cast.acme.read_token().reveal() == ACME_TOKEN


def test_token_test_says_what_the_way_answers(
    cast: Cast, alice: Client, settings: LazySettings, unused_port: int
) -> None:
    origin = f"http://127.0.0.1:{unused_port}"
    settings.ANALYTICS_CLOUD_ORIGINS = [BASE_URL, origin]
    alice.post(at(cast, "settings/"), {"name": "Acme", "base_url": origin, "time_zone": "UTC"})
    alice.post(at(cast, "token/"), {"token": NEW_TOKEN, "anyway": "on"})
    answer = alice.post(at(cast, "token/test/"), follow=True)
    assert "can’t be reached right now" in text_of(answer)


def test_token_test_without_token_says_why_not(cast: Cast, alice: Client) -> None:
    alice.post(at(cast, "token/forget/"))
    answer = alice.post(at(cast, "token/test/"), follow=True)
    assert "no access token yet" in text_of(answer)
    check_page(answer)


def test_token_test_is_for_managers(cast: Cast, browse: Browse) -> None:
    assert browse(cast.bob).post(at(cast, "token/test/")).status_code == 403


def test_forgotten_token_pauses_with_a_clear_banner(cast: Cast, alice: Client) -> None:
    answer = alice.post(at(cast, "token/forget/"), follow=True)
    assert "It has no access token yet." in text_of(answer)
    check_page(answer)


def test_settings_are_saved_and_another_address_deletes_the_token(
    cast: Cast, alice: Client, settings: LazySettings
) -> None:
    settings.ANALYTICS_CLOUD_ORIGINS = [BASE_URL, "https://other.example"]
    values = {"name": "Acme 2", "base_url": BASE_URL, "time_zone": "Europe/Berlin", "retention_hours": "12.5"}
    assert "The settings are saved." in text_of(alice.post(at(cast, "settings/"), values, follow=True))
    cast.acme.refresh_from_db()
    assert (cast.acme.name, cast.acme.time_zone, cast.acme.kept_hours) == ("Acme 2", "Europe/Berlin", 12.5)
    assert 'value="12.5"' in alice.get(at(cast)).content.decode()
    alice.post(at(cast, "settings/"), {**values, "base_url": "https://other.example", "retention_hours": ""})
    cast.acme.refresh_from_db()
    assert (cast.acme.has_token, cast.acme.pause_code, cast.acme.retention_hours) == (False, "token_missing", None)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "GLOBEX"}, "exists already"),
        ({"base_url": "https://evil.example"}, "ANALYTICS_CLOUD_ORIGINS"),
        ({"time_zone": "Nowhere"}, "No time zone"),
        ({"retention_hours": "0"}, "hours above 0"),
        ({"retention_hours": "ten"}, "Enter a number."),
    ],
)
def test_settings_that_can_not_be_are_refused_at_their_field(
    changes: dict[str, str], sentence: str, cast: Cast, alice: Client
) -> None:
    values = {"name": "Acme", "base_url": BASE_URL, "time_zone": "UTC", "retention_hours": "", **changes}
    answer = alice.post(at(cast, "settings/"), values)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    check_page(answer)


def test_pause_and_resume_are_buttons_with_a_banner_between(cast: Cast, alice: Client) -> None:
    paused = alice.post(at(cast, "pause/"), follow=True)
    assert "It was paused by hand." in text_of(paused)
    check_page(paused)
    assert "paused already" in text_of(alice.post(at(cast, "pause/"), follow=True))
    assert "The workspace goes on." in text_of(alice.post(at(cast, "resume/"), follow=True))
    assert "not paused" in text_of(alice.post(at(cast, "resume/"), follow=True))
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=timezone.now(), pause_code="token_rejected")
    assert "was rejected last time" in text_of(alice.post(at(cast, "resume/"), follow=True))


@pytest.mark.parametrize("code", list(PauseCode))
@pytest.mark.parametrize("person", ["alice", "vera"])
def test_paused_workspace_s_page_says_who_does_what(code: str, person: str, cast: Cast, browse: Browse) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=timezone.now(), pause_code=code)
    answer = browse(getattr(cast, person)).get(at(cast))
    assert "Paused since" in text_of(answer)
    check_page(answer)


def test_person_is_added_by_address_with_a_role(cast: Cast, alice: Client) -> None:
    make_person("Dana")
    answer = alice.post(at(cast, "members/"), {"email": " DANA@example.com ", "role": "viewer"}, follow=True)
    assert "Dana is in." in text_of(answer)
    assert Membership.objects.get(workspace=cast.acme, user__email="dana@example.com").role == Role.VIEWER


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"email": "ed@example.com", "role": "member"}, "was switched off"),
        ({"email": "bob@example.com", "role": "member"}, "belongs to the workspace already"),
        ({"email": "nonsense", "role": "member"}, "valid email address"),
        ({"email": "charlie@example.com", "role": "owner"}, "Select a valid choice"),
    ],
)
def test_person_who_can_not_be_added_is_refused_at_the_field(
    values: dict[str, str], sentence: str, cast: Cast, alice: Client
) -> None:
    make_person("Ed", is_active=False)
    answer = alice.post(at(cast, "members/"), values)
    assert answer.status_code == 422
    assert sentence in text_of(answer)
    assert values["email"] in answer.content.decode()
    check_page(answer)


def test_member_can_not_learn_from_the_form_who_exists(cast: Cast, browse: Browse) -> None:
    client = browse(cast.bob)
    known = client.post(at(cast, "members/"), {"email": "charlie@example.com", "role": "member"})
    unknown = client.post(at(cast, "members/"), {"email": "nobody@example.com", "role": "member"})
    assert known.status_code == unknown.status_code == 403
    assert text_of(known) == text_of(unknown)


def test_role_is_changed_and_the_last_manager_stays(cast: Cast, alice: Client) -> None:
    changed = alice.post(at(cast, f"members/{cast.vera.pk}/"), {"role": "member"}, follow=True)
    assert "The role of Vera is changed." in text_of(changed)
    assert cast.acme.role_of(cast.vera) is Role.MEMBER
    refused = alice.post(at(cast, f"members/{cast.alice.pk}/"), {"role": "viewer"}, follow=True)
    assert "This is the last manager." in text_of(refused)
    assert "A role is one of" in text_of(alice.post(at(cast, f"members/{cast.vera.pk}/"), {"role": "x"}, follow=True))


def test_person_is_removed_and_may_leave(cast: Cast, alice: Client, browse: Browse) -> None:
    removed = alice.post(at(cast, f"members/{cast.bob.pk}/remove/"), follow=True)
    assert "Bob no longer belongs to “Acme”." in text_of(removed)
    left = browse(cast.vera).post(at(cast, f"members/{cast.vera.pk}/remove/"), follow=True)
    assert left.redirect_chain == [("/workspaces/", 302)]
    assert alice.post(at(cast, f"members/{cast.bob.pk}/remove/")).status_code == 404


def test_viewer_sees_people_but_no_buttons(cast: Cast, browse: Browse) -> None:
    answer = browse(cast.vera).get(at(cast))
    assert "You see the exports and download their files." in text_of(answer)
    content = answer.content.decode()
    assert f"members/{cast.bob.pk}/" not in content
    assert "token/" not in content
    assert f"members/{cast.vera.pk}/remove/" in content
    assert "You queue exports" in text_of(browse(cast.bob).get(at(cast)))


def test_token_s_state_stands_as_a_word(cast: Cast, alice: Client) -> None:
    rows = Workspace.objects.filter(pk=cast.acme.pk)
    assert "Not tried yet" in text_of(alice.get(at(cast)))
    rows.update(token_worked_at=timezone.now() - timedelta(minutes=5))
    assert "Works" in text_of(alice.get(at(cast)))
    rows.update(paused_at=timezone.now(), pause_code=PauseCode.TOKEN_REJECTED)
    assert "Rejected" in text_of(alice.get(at(cast)))


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
