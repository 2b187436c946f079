"""What belongs to others reads like what doesn't exist, and shows up nowhere."""

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from exports.models import AuditEntry, Export, Membership, User, Workspace
from tests.security.addresses import Address, browser_of, every_address, keys_for
from tests.support.cast import BASE_URL, ApiCaller, Cast, content_of, make_export

pytestmark = pytest.mark.django_db

KEYED = [one for one in every_address() if one.keys and not one.is_api and not one.is_admin and "pk" in one.keys]
ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NOW = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(\+00:00|Z)")
FORM_TOKEN = re.compile(r'(name="csrfmiddlewaretoken" value=")[^"]*')


def plain(body: bytes) -> str:
    """Return a page without what differs from one look to the next."""
    return NOW.sub("NOW", FORM_TOKEN.sub(r"\1", ID.sub("ID", body.decode())))


def nobodys(address: Address, keys: dict[str, Any]) -> dict[str, Any]:
    """Return the keys with ids that nothing has."""
    unknown = 2_000_000_000 if "<int:pk>" in address.route else uuid.uuid4()
    return {**keys, "pk": unknown, "person": uuid.uuid4()}


@pytest.mark.parametrize("address", KEYED, ids=lambda one: one.name)
@pytest.mark.parametrize("method", ["get", "post"])
def test_foreign_id_reads_like_an_unknown_one(address: Address, method: str, cast: Cast) -> None:
    client = browser_of(cast.charlie)
    keys = keys_for(address, cast)
    foreign = getattr(client, method)(address.path(keys))
    others, none = address.path(keys), address.path(nobodys(address, keys))
    unknown = getattr(client, method)(none)
    assert foreign.status_code == unknown.status_code
    assert foreign.status_code in (404, 405)
    said = [
        plain(content_of(answer).replace(path.encode(), b"PATH"))
        for answer, path in ((foreign, others), (unknown, none))
    ]
    assert said[0] == said[1]
    assert {*foreign.headers} == {*unknown.headers}


@pytest.mark.parametrize("address", KEYED, ids=lambda one: one.name)
def test_foreign_id_takes_the_same_work_as_an_unknown_one(address: Address, cast: Cast) -> None:
    """Queries are nearly all of the time an answer takes: their number and kind tell an id that exists from none."""
    client = browser_of(cast.charlie)
    keys = keys_for(address, cast)
    made = []
    for sent in (keys, nobodys(address, keys)):
        with CaptureQueriesContext(connection) as queries:
            for method in ("get", "post"):
                content_of(getattr(client, method)(address.path(sent)))
        made.append([re.sub(r"'[^']*'|\b[0-9a-f]{32}\b|\d+", "?", query["sql"]) for query in queries])
    assert made[0] == made[1]


@pytest.mark.parametrize("path", ["exports/{}", "exports/{}/file", "exports/{}/events", "workspaces/{}"])
def test_foreign_id_takes_the_api_the_same_work_too(path: str, cast: Cast) -> None:
    caller = ApiCaller(cast.charlie)
    caller.get("exports")  # notes the token's first use
    key = cast.acme.pk if path.startswith("workspaces") else make_export(cast.acme, cast.bob).pk
    counts = []
    for sent in (key, uuid.uuid4()):
        with CaptureQueriesContext(connection) as queries:
            caller.get(path.format(sent))
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.fixture
def secret(cast: Cast) -> str:
    """A word that stands in everything of Acme's."""
    word = "Zanzibar"
    Workspace.objects.filter(pk=cast.acme.pk).update(name=word)
    User.objects.filter(pk=cast.bob.pk).update(name=word)
    make_export(cast.acme, cast.bob, name=word, note=word)
    AuditEntry.objects.create(action="workspace.changed", subject=word, workspace=cast.acme, workspace_name=word)
    return word


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?q=Zanzibar",
        "/?who=mine",
        "/?status=active",
        "/exports/new/",
        "/exports/new/preview/",
        "/workspaces/",
        "/account/",
        "/workspaces/{globex}/",
        "/workspaces/{globex}/audit/",
        "/workspaces/{globex}/audit/csv/",
        "/workspaces/{globex}/audit/?person=bob@example.com",
    ],
)
def test_nothing_of_another_workspace_is_on_a_page(path: str, secret: str, cast: Cast, engine: None) -> None:
    body = content_of(browser_of(cast.charlie).get(path.format(globex=cast.globex.pk))).decode()
    assert secret not in body.replace('value="Zanzibar"', "").replace("q=Zanzibar", "")
    assert str(cast.acme.pk) not in body
    assert "bob@example.com" not in body.replace('value="bob@example.com"', "").replace("person=bob", "")


def test_search_for_a_foreign_thing_answers_like_search_for_nothing(secret: str, cast: Cast, engine: None) -> None:
    client = browser_of(cast.charlie)
    found, nothing = (content_of(client.get("/", {"q": word})).decode() for word in (secret, "Xanadu"))
    assert plain(found.replace(secret, "WORD").encode()) == plain(nothing.replace("Xanadu", "WORD").encode())


def test_filter_by_a_foreign_workspace_answers_like_an_unknown_one(secret: str, cast: Cast, engine: None) -> None:
    client = browser_of(cast.charlie)
    answers = [client.get("/", {"workspace": str(key)}) for key in (cast.acme.pk, uuid.uuid4())]
    assert answers[0].status_code == answers[1].status_code
    assert plain(content_of(answers[0])) == plain(content_of(answers[1]))


def test_counts_are_of_one_s_own_workspaces(secret: str, cast: Cast, engine: None) -> None:
    before = plain(content_of(browser_of(cast.charlie).get("/")))
    for _number in range(7):
        make_export(cast.acme, cast.bob)
    assert plain(content_of(browser_of(cast.charlie).get("/"))) == before


def test_cursor_of_another_s_list_leads_nowhere_else(secret: str, cast: Cast) -> None:
    for _number in range(3):
        make_export(cast.acme, cast.bob)
    cursor = ApiCaller(cast.bob).get("exports?limit=1").json()["next_cursor"]
    answer = ApiCaller(cast.charlie).get(f"exports?limit=10&cursor={cursor}")
    assert secret not in answer.content.decode()
    assert answer.json().get("items", []) == []


def test_fields_that_a_form_has_not_change_nothing(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    extra = {
        **{"is_superuser": "on", "is_staff": "on", "is_active": "", "id": str(uuid.uuid4()), "email": "x@example.com"},
        **{"role": "manager", "workspace": str(cast.globex.pk), "requested_by": str(cast.ada.pk), "status": "ready"},
        **{"token_sealed": "x", "pause_code": "", "expires_at": "2030-01-01", "stored_name": "../../etc/passwd"},
        "bytes": "1",
    }
    client = browser_of(cast.bob)
    client.post("/account/", {**extra, "name": "Bob", "theme": "dark"})
    client.post(f"/exports/{export.pk}/extend/", extra)
    client.post(
        "/exports/new/",
        {**extra, "workspace": str(cast.acme.pk), "types": "page", "range": "days"}
        | {"first_day": "2026-10-01", "last_day": "2026-10-02"},
    )
    cast.bob.refresh_from_db()
    assert (cast.bob.is_superuser, cast.bob.is_staff, cast.bob.email) == (False, False, "bob@example.com")
    assert Membership.objects.get(user=cast.bob).role == "member"
    made = Export.objects.exclude(pk=export.pk).get()
    for one in (made, Export.objects.get(pk=export.pk)):
        assert (one.workspace, one.requested_by, one.status, one.stored_name) == (cast.acme, cast.bob, "queued", "")


@pytest.mark.parametrize("field", ["requested_by", "status", "id", "stored_name", "expires_at", "sha256"])
def test_unknown_field_of_an_api_body_changes_nothing(field: str, cast: Cast) -> None:
    question = {"workspace": str(cast.acme.pk), "type": "page", "from": "2026-10-01T00:00:00Z"}
    answer = ApiCaller(cast.bob).post("exports", question | {"to": "2026-10-02T00:00:00Z", field: "00000000"})
    if answer.status_code == 201:
        assert answer.json()[field if field != "stored_name" else "name"] != "00000000"
    else:
        assert answer.status_code == 422


@pytest.mark.parametrize("name", ["next_of", "like"])
def test_foreign_export_is_no_start_for_a_form(name: str, cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    client = browser_of(cast.charlie)
    answers = [client.get("/exports/new/", {name: str(key)}) for key in (export.pk, uuid.uuid4())]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert plain(answers[0].content) == plain(answers[1].content)


def test_foreign_workspace_in_a_form_is_refused_like_an_unknown_one(cast: Cast, engine: None) -> None:
    client = browser_of(cast.charlie)
    bodies = [
        plain(client.post("/exports/new/", {"workspace": str(key), "types": "page", "range": "yesterday"}).content)
        for key in (cast.acme.pk, uuid.uuid4())
    ]
    assert bodies[0] == bodies[1]
    assert not Export.objects.exists()


def test_people_are_added_to_one_s_own_workspace_only(cast: Cast) -> None:
    answer = browser_of(cast.charlie).post(
        f"/workspaces/{cast.acme.pk}/members/", {"email": "charlie@example.com", "role": "manager"}
    )
    assert answer.status_code == 404
    body = {"name": "x", "base_url": BASE_URL, "time_zone": "UTC"}
    assert browser_of(cast.charlie).post(f"/workspaces/{cast.acme.pk}/settings/", body).status_code == 404
    assert not Membership.objects.filter(workspace=cast.acme, user=cast.charlie).exists()
