"""Who may do what: a row for each address and method of the URL configuration; an address without rows fails."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from exports.api import urls
from exports.models import Export, Scope, Status, User, Workspace
from tests.support.cast import ApiCaller, Cast, content_of, make_export, make_ready_export

pytestmark = pytest.mark.django_db

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
PEOPLE = ("nobody", "charlie", "vera", "bob", "alice", "ada")
QUESTION = {"type": "page", "from": "2026-10-01T00:00:00Z", "to": "2026-10-02T00:00:00Z"}

# (name of the address, method) -> body, then the status for: nobody, a stranger, a viewer, a member, a manager, a
# site administrator. Acme's things throughout.
MATRIX: dict[tuple[str, str], tuple[Any, tuple[int, ...]]] = {
    ("api-openapi", "GET"): (None, (200, 200, 200, 200, 200, 200)),
    ("api-openapi", "HEAD"): (None, (200, 200, 200, 200, 200, 200)),
    ("api-workspaces", "GET"): (None, (401, 200, 200, 200, 200, 200)),
    ("api-workspaces", "POST"): (
        {"name": "Initech", "base_url": "https://analytics.liferay.com"},
        (401, 403, 403, 403, 403, 201),
    ),
    ("api-workspace", "GET"): (None, (401, 404, 200, 200, 200, 200)),
    ("api-workspace-token", "PUT"): ({"token": "another-token-0123456789"}, (401, 404, 403, 403, 204, 204)),
    ("api-exports", "GET"): (None, (401, 200, 200, 200, 200, 200)),
    ("api-exports", "POST"): (QUESTION, (401, 404, 403, 201, 201, 201)),
    ("api-export", "GET"): (None, (401, 404, 200, 200, 200, 200)),
    ("api-export-events", "GET"): (None, (401, 404, 200, 200, 200, 200)),
    ("api-export-cancel", "POST"): (None, (401, 404, 403, 403, 200, 200)),  # Alice's: no requester is Bob
    ("api-export-run-again", "POST"): (None, (401, 404, 403, 200, 200, 200)),  # still running: joined
    ("api-export-file", "GET"): (None, (401, 404, 200, 200, 200, 200)),
    ("api-export-file", "HEAD"): (None, (401, 404, 200, 200, 200, 200)),
}
NAMES = sorted({pattern.name or str(pattern.pattern) for pattern in urls.urlpatterns})
WITHOUT_ID = ("api-openapi", "api-workspaces", "api-exports")
SCOPE_OF = {
    "api-workspaces": {"GET": Scope.READ, "POST": Scope.MANAGE},
    "api-workspace": {"GET": Scope.READ},
    "api-workspace-token": {"PUT": Scope.MANAGE},
    "api-exports": {"GET": Scope.READ, "POST": Scope.QUEUE},
    "api-export": {"GET": Scope.READ},
    "api-export-events": {"GET": Scope.READ},
    "api-export-cancel": {"POST": Scope.QUEUE},
    "api-export-run-again": {"POST": Scope.QUEUE},
    "api-export-file": {"GET": Scope.DOWNLOAD, "HEAD": Scope.DOWNLOAD},
}


def path_of(name: str, workspace: Workspace | uuid.UUID, export: Export | uuid.UUID) -> str:
    keys = {"workspace_id": str(getattr(workspace, "pk", workspace)), "export_id": str(getattr(export, "pk", export))}
    routes = {pattern.name: str(pattern.pattern) for pattern in urls.urlpatterns}
    route = routes[name] or "nowhere"
    for parameter, key in keys.items():
        for written in (f"<{parameter}>", f"<uuid:{parameter}>"):
            route = route.replace(written, key)
    return route


def person(cast: Cast, name: str) -> User | None:
    return None if name == "nobody" else getattr(cast, name)


def things(cast: Cast, name: str) -> tuple[Workspace, Export]:
    make: Callable[..., Export] = make_ready_export if name == "api-export-file" else make_export
    return cast.acme, make(cast.acme, cast.alice)


def body_of(name: str, method: str, workspace: object) -> Any:
    body = MATRIX[name, method][0]
    return body | {"workspace": str(workspace)} if (name, method) == ("api-exports", "POST") else body


def test_every_address_has_a_row() -> None:
    with_rows = {name for name, _method in MATRIX} | {"api-nothing"}
    assert set(NAMES) == with_rows


@pytest.mark.parametrize("who", PEOPLE)
@pytest.mark.parametrize(("name", "method"), MATRIX, ids=lambda value: str(value))
def test_role_gets_what_its_row_says(cast: Cast, name: str, method: str, who: str) -> None:
    workspace, export = things(cast, name)
    caller = ApiCaller(person(cast, who))
    answer = caller.send(method, path_of(name, workspace, export), body_of(name, method, workspace.pk))
    assert answer.status_code == MATRIX[name, method][1][PEOPLE.index(who)], content_of(answer)
    content_of(answer)
    if answer.status_code >= 400:
        assert answer["Content-Type"] == "application/problem+json"
    if answer.status_code == 401:
        assert answer["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("name", "method"), [(name, method) for name in NAMES for method in METHODS if (name, method) not in MATRIX]
)
def test_method_without_a_row_is_not_allowed(cast: Cast, name: str, method: str) -> None:
    workspace, export = things(cast, name)
    answer = ApiCaller(cast.ada).send(method, path_of(name, workspace, export))
    assert answer.status_code == (404 if name == "api-nothing" else 405)
    assert answer["Content-Type"] == "application/problem+json"
    if answer.status_code == 405:
        assert set(answer["Allow"].split(", ")) == {known for row, known in MATRIX if row == name}


@pytest.mark.parametrize(
    ("name", "method"), [row for row in MATRIX if row[0] not in WITHOUT_ID], ids=lambda value: str(value)
)
def test_unknown_id_reads_like_a_foreign_one(cast: Cast, name: str, method: str) -> None:
    workspace, export = things(cast, name)
    stranger = ApiCaller(cast.charlie)
    foreign = stranger.send(method, path_of(name, workspace, export), body_of(name, method, workspace.pk))
    unknown = stranger.send(method, path_of(name, uuid.uuid4(), uuid.uuid4()), body_of(name, method, uuid.uuid4()))
    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content) == (404, foreign.content)


@pytest.mark.parametrize(
    ("name", "method"), [row for row in MATRIX if row[0] in SCOPE_OF], ids=lambda value: str(value)
)
def test_token_without_the_scope_is_forbidden(cast: Cast, name: str, method: str) -> None:
    workspace, export = things(cast, name)
    needed = SCOPE_OF[name][method]
    lacking = ApiCaller(cast.ada, [scope for scope in Scope if scope != needed])
    answer = lacking.send(method, path_of(name, workspace, export), body_of(name, method, workspace.pk))
    assert answer.status_code == 403
    enough = ApiCaller(cast.ada, [needed])
    answer = enough.send(method, path_of(name, workspace, export), body_of(name, method, workspace.pk))
    content_of(answer)
    assert answer.status_code < 300


def test_foreign_workspace_in_a_question_reads_like_an_unknown_one(cast: Cast) -> None:
    stranger = ApiCaller(cast.charlie)
    for method, path in (("POST", "exports"), ("GET", "exports?workspace={}")):
        answers = [
            stranger.send(method, path.format(key), QUESTION | {"workspace": str(key)} if method == "POST" else None)
            for key in (cast.acme.pk, uuid.uuid4())
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
        assert answers[0].content == answers[1].content


def test_lists_hold_nothing_of_other_workspaces(cast: Cast) -> None:
    make_export(cast.acme, cast.alice)
    own = make_export(cast.globex, cast.charlie)
    stranger = ApiCaller(cast.charlie)
    assert [item["id"] for item in stranger.get("exports").json()["items"]] == [str(own.pk)]
    assert [item["name"] for item in stranger.get("workspaces").json()["items"]] == ["Globex"]


def test_removal_counts_at_the_next_request(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, Status.QUEUED)
    caller = ApiCaller(cast.bob)
    assert caller.get(f"exports/{export.pk}").status_code == 200
    cast.bob.memberships.all().delete()
    assert caller.get(f"exports/{export.pk}").status_code == 404
    assert caller.post(f"exports/{export.pk}/cancel").status_code == 404


def test_person_who_may_not_sign_in_any_more_is_unknown(cast: Cast) -> None:
    caller = ApiCaller(cast.ada)
    cast.ada.is_active = False
    cast.ada.save(update_fields=["is_active"])
    assert caller.get("workspaces").status_code == 401


def test_session_lets_nobody_in(cast: Cast) -> None:
    caller = ApiCaller(None)
    caller.client.force_login(cast.ada)
    assert caller.get("exports").status_code == 401


def test_answer_is_never_kept_by_caches(cast: Cast) -> None:
    assert ApiCaller(cast.bob).get("exports")["Cache-Control"] == "no-store"


def test_trailing_slash_is_another_address_and_never_a_redirect(cast: Cast) -> None:
    assert ApiCaller(cast.bob).get("exports/").status_code == 404
