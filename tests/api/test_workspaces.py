"""`/api/v1/workspaces`."""

from datetime import timedelta

import pytest
from django.utils import timezone

from exports.models import ApiToken, AuditEntry, PauseCode, Workspace
from exports.services.api_tokens import make_api_token
from tests.support.cast import ACME_TOKEN, ApiCaller, Cast, make_export, make_workspace

pytestmark = pytest.mark.django_db


def test_workspace_shows_every_field_of_the_contract_and_never_the_token(cast: Cast) -> None:
    answer = ApiCaller(cast.vera).get(f"workspaces/{cast.acme.pk}")
    assert answer.json() == {
        "id": str(cast.acme.pk),
        "name": "Acme",
        "base_url": "https://analytics.liferay.com",
        "time_zone": "UTC",
        "role": "viewer",
        "paused": None,
        "token": {"set": True, "last4": "qrst", "expires_at": None},
    }
    assert ACME_TOKEN not in answer.content.decode()


def test_workspace_without_token_says_that_it_is_paused_since_when(cast: Cast) -> None:
    made = make_workspace("Initech")
    document = ApiCaller(cast.ada).get(f"workspaces/{made.pk}").json()
    assert document["paused"]["code"] == "token_missing"
    assert document["paused"]["since"].endswith("Z")
    assert document["token"] == {"set": False, "last4": None, "expires_at": None}
    assert document["role"] == "manager"


def test_list_costs_the_same_for_many(cast: Cast, django_assert_max_num_queries: object) -> None:
    for number in range(12):
        make_workspace(f"Workspace {number}", viewer=cast.vera)
    caller = ApiCaller(cast.vera)
    caller.get("workspaces")
    with django_assert_max_num_queries(4):  # type: ignore[operator]
        document = caller.get("workspaces").json()
    assert len(document["items"]) == 13
    first = caller.get("workspaces?limit=12").json()
    rest = caller.get(f"workspaces?limit=12&cursor={first['next_cursor']}").json()
    assert [*first["items"], *rest["items"]] == document["items"]


def test_site_administrator_makes_a_workspace(cast: Cast) -> None:
    answer = ApiCaller(cast.ada).post(
        "workspaces",
        {
            "name": " Initech ",
            "base_url": "https://Analytics.Liferay.com/",
            "time_zone": "Asia/Tokyo",
            "token": "t" * 20,
        },
    )
    assert answer.status_code == 201
    document = answer.json()
    assert (document["name"], document["base_url"]) == ("Initech", "https://analytics.liferay.com")
    assert (document["time_zone"], document["paused"]) == ("Asia/Tokyo", None)
    assert AuditEntry.objects.filter(action="workspace.created", as_site_administrator=True).exists()


def test_token_for_some_workspaces_makes_no_other(cast: Cast) -> None:
    caller = ApiCaller(cast.ada)
    ApiToken.objects.update(all_workspaces=False)
    ApiToken.objects.get().workspaces.add(cast.acme)
    answer = caller.post("workspaces", {"name": "Initech", "base_url": "https://analytics.liferay.com"})
    assert (answer.status_code, answer.json()["code"]) == (403, "token_limited")
    assert not Workspace.objects.filter(name="Initech").exists()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "acme"}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "3f2b6d0a-1111-4222-8333-123456789abc"}, "name"),
        ({"base_url": "https://evil.example.com"}, "base_url"),
        ({"base_url": "https://analytics.liferay.com/path"}, "base_url"),
        ({"base_url": "http://analytics.liferay.com"}, "base_url"),
        ({"base_url": "https://user@analytics.liferay.com"}, "base_url"),
        ({"base_url": "http://127.1:1"}, "base_url"),
        ({"base_url": ""}, "base_url"),
        ({"time_zone": "Mars/Phobos"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": "localtime"}, "time_zone"),
        ({"token": "two words"}, "token"),
    ],
)
def test_workspace_that_cant_be_is_refused_and_names_the_field(cast: Cast, change: dict[str, str], field: str) -> None:
    body = {"name": "Initech", "base_url": "https://analytics.liferay.com"} | change
    answer = ApiCaller(cast.ada).post("workspaces", body)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert Workspace.objects.count() == 2


@pytest.mark.parametrize(
    "token",
    [
        "", "   ", "two words", "x" * 513, "tökén", "a\x00b", "a\nb", "Bearer abcdefghijkl", "bearer: abcdefgh",
        "\x7f\x7f", "ａｂｃ", None, 7, ["a"],
    ],
)  # fmt: skip
def test_token_that_cant_be_one_is_refused_and_never_echoed(cast: Cast, token: object) -> None:
    answer = ApiCaller(cast.alice).put(f"workspaces/{cast.acme.pk}/token", {"token": token})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["token"]
    if isinstance(token, str) and len(token) > 3:
        assert token not in answer.content.decode()
    cast.acme.refresh_from_db()
    assert cast.acme.read_token().reveal() == ACME_TOKEN


@pytest.mark.parametrize("token", ["x", "!~", "y" * 512, "  surrounded-by-blanks\r\n", "bearers-of-news"])
def test_token_is_saved_without_white_space_around_it(cast: Cast, token: str) -> None:
    answer = ApiCaller(cast.alice).put(f"workspaces/{cast.acme.pk}/token", {"token": token})
    assert (answer.status_code, answer.content) == (204, b"")
    cast.acme.refresh_from_db()
    assert cast.acme.read_token().reveal() == token.strip()


def test_token_of_another_workspace_is_refused_without_naming_it(cast: Cast) -> None:
    answer = ApiCaller(cast.charlie).put(f"workspaces/{cast.globex.pk}/token", {"token": ACME_TOKEN})
    assert answer.status_code == 422
    assert answer.json()["code"] == "token_used_elsewhere"
    assert "Acme" not in answer.content.decode()


def test_expiry_of_a_token_is_kept_and_may_be_left_out(cast: Cast) -> None:
    caller = ApiCaller(cast.alice)
    until = (timezone.now() + timedelta(days=30)).replace(microsecond=0)
    body = {"token": ACME_TOKEN, "expires_at": until.isoformat()}
    assert caller.put(f"workspaces/{cast.acme.pk}/token", body).status_code == 204
    shown = caller.get(f"workspaces/{cast.acme.pk}").json()["token"]["expires_at"]
    assert shown == until.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    assert caller.put(f"workspaces/{cast.acme.pk}/token", {"token": ACME_TOKEN}).status_code == 204
    assert caller.get(f"workspaces/{cast.acme.pk}").json()["token"]["expires_at"] is None


@pytest.mark.parametrize("expires_at", ["2020-01-01T00:00:00Z", "soon", 5, "2027-01-01"])
def test_expiry_that_cant_be_is_refused(cast: Cast, expires_at: object) -> None:
    body = {"token": "a-new-token-0123456789", "expires_at": expires_at}
    answer = ApiCaller(cast.alice).put(f"workspaces/{cast.acme.pk}/token", body)
    assert answer.status_code == 422


def test_saving_the_same_token_resumes_a_rejected_workspace(cast: Cast) -> None:
    now = timezone.now()
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=now, pause_code=PauseCode.TOKEN_REJECTED)
    export = make_export(cast.acme, cast.bob)
    answer = ApiCaller(cast.alice).put(f"workspaces/{cast.acme.pk}/token", {"token": ACME_TOKEN})
    assert answer.status_code == 204
    assert ApiCaller(cast.alice).get(f"workspaces/{cast.acme.pk}").json()["paused"] is None
    export.refresh_from_db()
    assert export.due_at is not None
    assert export.due_at <= timezone.now()


def test_personal_token_for_one_workspace_reaches_only_that(cast: Cast) -> None:
    caller = ApiCaller(None)
    caller.text = make_api_token(user=cast.ada, name="narrow", workspaces=[cast.globex])[1]
    foreign = make_export(cast.acme, cast.alice)
    own = make_export(cast.globex, cast.charlie)
    assert [item["name"] for item in caller.get("workspaces").json()["items"]] == ["Globex"]
    assert [item["id"] for item in caller.get("exports").json()["items"]] == [str(own.pk)]
    assert caller.get(f"exports/{foreign.pk}").status_code == 404
    assert caller.get(f"workspaces/{cast.acme.pk}").status_code == 404
