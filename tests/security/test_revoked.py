"""What somebody may no longer do ends at the next request: mid-page, mid-download, mid-job, by whatever door."""

from collections.abc import Callable

import pytest

from exports.models import Export, Membership, Role, Status
from exports.services.api_tokens import make_api_token, revoke_api_token
from exports.services.members import remove_member
from tests.engine.conftest import make_world as make_world
from tests.engine.world import World
from tests.security.addresses import ask, browser_of
from tests.support.cast import ApiCaller, Cast, content_of, make_export, make_ready_export

pytestmark = pytest.mark.django_db
PARTS = {"HX-Request": "true"}


def removed(cast: Cast) -> None:
    remove_member(actor=cast.alice, workspace=cast.acme, user=cast.bob)


def switched_off(cast: Cast) -> None:
    cast.bob.is_active = False
    cast.bob.save(update_fields=["is_active"])


def lowered(cast: Cast) -> None:
    Membership.objects.filter(workspace=cast.acme, user=cast.bob).update(role=Role.VIEWER)


@pytest.mark.parametrize(("how", "page", "deed"), [(removed, 404, 404), (switched_off, 302, 302), (lowered, 200, 403)])
def test_open_page_ends_at_its_next_click_and_next_refresh(
    how: Callable[[Cast], None], page: int, deed: int, cast: Cast, engine: None
) -> None:
    export = make_export(cast.acme, cast.bob)
    client = browser_of(cast.bob)
    assert ask(client, "GET", f"/exports/{export.pk}/")[0] == 200
    how(cast)
    refreshed = client.get(f"/exports/{export.pk}/", headers=PARTS)
    assert refreshed.status_code == (401 if page == 302 else page)
    assert ask(client, "POST", f"/exports/{export.pk}/cancel/")[0] == deed
    assert ask(client, "GET", f"/exports/{export.pk}/")[0] == page
    export.refresh_from_db()
    assert export.status == Status.QUEUED


def test_list_that_refreshes_itself_forgets_the_workspace(cast: Cast, engine: None) -> None:
    make_export(cast.acme, cast.bob, name="Zanzibar")
    client = browser_of(cast.bob)
    assert "Zanzibar" in client.get("/").content.decode()
    removed(cast)
    for headers in ({}, PARTS):
        assert "Zanzibar" not in client.get("/", headers=headers).content.decode()


@pytest.mark.parametrize("how", [removed, switched_off])
def test_download_that_broke_off_is_not_continued(how: Callable[[Cast], None], cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, b"x" * 1000, file_kind="json_lines")
    client, caller = browser_of(cast.bob), ApiCaller(cast.bob)
    pages, api = f"/exports/{export.pk}/download/", f"exports/{export.pk}/file"
    for answer in (
        client.get(pages, headers={"Range": "bytes=0-99"}),
        caller.get(api, headers={"Range": "bytes=0-99"}),
    ):
        assert (answer.status_code, content_of(answer)) == (206, b"x" * 100)
    how(cast)
    for answer in (
        client.get(pages, headers={"Range": "bytes=100-"}),
        caller.get(api, headers={"Range": "bytes=100-"}),
        client.head(pages),
    ):
        assert answer.status_code in (302, 401, 404)
        assert b"x" * 10 not in content_of(answer)


def test_format_being_made_for_somebody_is_not_handed_to_who_has_left(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    caller = ApiCaller(cast.bob)
    assert caller.get(f"exports/{export.pk}/file?format=csv").status_code == 202
    removed(cast)
    assert caller.get(f"exports/{export.pk}/file?format=csv").status_code == 404


@pytest.mark.parametrize("what", ["revoked", "expired", "person_off"])
def test_token_ends_with_its_next_request(what: str, cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    token, text = make_api_token(user=cast.bob, name="nightly")
    caller = ApiCaller(None)
    caller.text = text
    assert caller.get(f"exports/{export.pk}").status_code == 200
    if what == "revoked":
        revoke_api_token(actor=cast.bob, token=token)
    elif what == "expired":
        type(token).objects.filter(pk=token.pk).update(expires_at=token.created_at)
    else:
        switched_off(cast)
    for path in ("exports", f"exports/{export.pk}", f"exports/{export.pk}/file"):
        assert caller.get(path).status_code == 401


def test_cursor_from_before_shows_nothing_of_what_was_left(cast: Cast) -> None:
    for _number in range(3):
        make_export(cast.acme, cast.bob)
    caller = ApiCaller(cast.bob)
    cursor = caller.get("exports?limit=1").json()["next_cursor"]
    removed(cast)
    assert caller.get(f"exports?cursor={cursor}").json()["items"] == []


def test_job_goes_on_for_the_workspace_and_is_out_of_reach_for_who_left(make_world: Callable[..., World]) -> None:
    world = make_world()
    caller = ApiCaller(world.bob)
    export = world.queue()
    world.step(export)
    remove_member(actor=world.alice, workspace=world.acme, user=world.bob)
    ready = world.until_status(export, Status.READY)
    for method, rest in (
        ("GET", ""),
        ("GET", "/events"),
        ("GET", "/file"),
        ("POST", "/cancel"),
        ("POST", "/run-again"),
    ):
        assert caller.send(method, f"exports/{export.pk}{rest}").status_code == 404
    assert Export.objects.get(pk=export.pk).status == Status.READY
    assert ready.bytes
    answer = ApiCaller(world.alice).get(f"exports/{export.pk}/file")
    assert answer.status_code == 200
    content_of(answer)
