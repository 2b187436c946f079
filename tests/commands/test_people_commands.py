"""Setting up from the command line: what goes to standard output is meant for scripts."""

import io
import uuid
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from exports.models import ApiToken, Membership, PauseCode, Role, Scope, User, Workspace
from exports.services.api_tokens import authenticate, workspaces_of
from tests.support.cast import ACME_TOKEN, BASE_URL, Cast

pytestmark = pytest.mark.django_db


def run(command: str, /, **options: Any) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command(command, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def create(token: str | bytes | io.StringIO, **options: Any) -> tuple[str, str]:
    if isinstance(token, bytes):
        source: Any = io.TextIOWrapper(io.BytesIO(token), encoding="utf-8")
    else:
        source = io.StringIO(token) if isinstance(token, str) else token
    values = {"name": "Initech", "base_url": BASE_URL, "stdin": source}
    return run("create_workspace", **(values | options))


def test_workspace_is_made_with_the_token_piped_in_and_prints_only_its_id(db: None) -> None:
    out, err = create(b" piped-token-0123456789 \n", time_zone="Asia/Tokyo")
    made = Workspace.objects.get()
    assert (out, err) == (f"{made.pk}\n", "")
    assert (made.read_token().reveal(), made.is_paused, made.time_zone) == (
        "piped-token-0123456789",
        False,
        "Asia/Tokyo",
    )


@pytest.mark.parametrize("source", ["", " \n", Terminal("not read")])
def test_workspace_without_token_is_paused_and_says_so_aside(db: None, source: Any) -> None:
    out, err = create(source)
    made = Workspace.objects.get()
    assert out == f"{made.pk}\n"
    assert "token_missing" in err
    assert (made.pause_code, made.time_zone) == (PauseCode.TOKEN_MISSING, "UTC")


@pytest.mark.parametrize(
    ("token", "options", "said"),
    [
        (b"\xff\xfe", {}, "printable ASCII"),
        ("two\ntokens", {}, "printable ASCII"),
        ("x" * 5000, {}, "512"),
        (ACME_TOKEN, {}, "Another workspace"),
        ("good-token", {"name": "acme"}, "exists already"),
        ("good-token", {"base_url": "https://evil.example.com"}, "ANALYTICS_CLOUD_ORIGINS"),
        ("good-token", {"time_zone": "Nowhere"}, "time zone"),
    ],
)
def test_workspace_that_cant_be_is_refused_in_one_sentence(
    cast: Cast, token: str | bytes, options: dict[str, str], said: str
) -> None:
    with pytest.raises(CommandError, match=said) as refused:
        create(token, **options)
    assert "\n" not in str(refused.value)
    assert ACME_TOKEN not in str(refused.value)
    assert Workspace.objects.count() == 2


def test_member_is_added_by_the_workspaces_name_or_id(cast: Cast) -> None:
    assert run("add_member", workspace="acme", email="Charlie@example.com", role="viewer") == ("", "")
    assert run("add_member", workspace=str(cast.globex.pk), email="bob@example.com", role="Manager") == ("", "")
    assert cast.acme.role_of(cast.charlie) == Role.VIEWER
    assert cast.globex.role_of(cast.bob) == Role.MANAGER


def test_member_who_is_one_already_gets_the_role_and_it_is_said_aside(cast: Cast) -> None:
    out, err = run("add_member", workspace="Acme", email="alice@example.com", role="viewer")
    assert out == ""
    assert "manager" in err
    assert cast.acme.role_of(cast.alice) == Role.VIEWER


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"email": "nobody@example.com"}, "Nobody"),
        ({"workspace": "Initech"}, "no workspace"),
        ({"workspace": str(uuid.uuid4())}, "no workspace"),
        ({"role": "owner"}, "viewer, member, manager"),
    ],
)
def test_unknown_person_workspace_or_role_is_refused(cast: Cast, change: dict[str, str], said: str) -> None:
    options = {"workspace": "Acme", "email": "charlie@example.com", "role": "member"} | change
    with pytest.raises(CommandError, match=said):
        run("add_member", **options)
    assert Membership.objects.filter(workspace=cast.acme).count() == 3


def test_personal_token_is_one_line_that_works_everywhere_for_ever(cast: Cast) -> None:
    out, err = run("create_api_token", email="bob@example.com", name="CI")
    assert out.count("\n") == 1
    token = authenticate(out.strip())
    assert token is not None
    assert (token.user, token.expires_at, token.all_workspaces) == (cast.bob, None, True)
    assert token.scopes == [scope.value for scope in Scope]
    assert out.strip() not in err


def test_personal_token_may_be_given_less(cast: Cast) -> None:
    out, _err = run(
        "create_api_token",
        email="ada@example.com",
        name="CI",
        scope=["read", "download"],
        workspace=["Acme"],
        expires_in_days=30,
    )
    token = authenticate(out.strip())
    assert token is not None
    assert token.scopes == ["read", "download"]
    assert token.expires_at is not None
    assert 29 <= (token.expires_at - timezone.now()).days <= 30
    assert list(workspaces_of(token)) == [cast.acme]


@pytest.mark.parametrize(
    "options",
    [
        {"email": "nobody@example.com", "name": "CI"},
        {"email": "bob@example.com", "name": ""},
        {"email": "bob@example.com", "name": "CI", "workspace": ["Initech"]},
        {"email": "bob@example.com", "name": "CI", "expires_in_days": 0},
        {"email": "bob@example.com", "name": "CI", "expires_in_days": 10**12},
    ],
)
def test_personal_token_that_cant_be_is_refused(cast: Cast, options: dict[str, Any]) -> None:
    with pytest.raises(CommandError):
        run("create_api_token", **options)
    assert not ApiToken.objects.exists()


def test_first_administrator_comes_from_the_environment(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "correct horse battery staple")
    run("createsuperuser", email="Ada@Example.com", interactive=False)
    ada = User.objects.get()
    assert (ada.email, ada.is_superuser, ada.is_staff) == ("ada@example.com", True, True)
    assert ada.check_password("correct horse battery staple")
