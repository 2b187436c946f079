"""Every page for every role, and every button."""

import pytest
from django.test import Client

from exports.models import Status
from tests.support.cast import Cast, content_of, make_export, make_ready_export
from tests.web.conftest import Browse
from tests.web.markup import check_page

pytestmark = pytest.mark.django_db

PEOPLE = ("alice", "bob", "vera", "charlie", "ada")
# What Alice (manager), Bob (member), Vera (viewer), Charlie (stranger), Ada (site administrator) are answered.
PAGES = {
    "/": (200, 200, 200, 200, 200),
    "/exports/new/": (200, 200, 200, 200, 200),
    "/exports/{export}/": (200, 200, 200, 404, 200),
    "/exports/{export}/download/": (200, 200, 200, 404, 200),
    "/exports/{export}/preview/": (200, 200, 200, 404, 200),
    "/exports/{running}/preview/": (409, 409, 409, 404, 409),
    "/exports/{running}/": (200, 200, 200, 404, 200),
    "/exports/{running}/download/": (409, 409, 409, 404, 409),
    "/exports/{failed}/": (200, 200, 200, 404, 200),
    "/exports/{expired}/download/": (410, 410, 410, 404, 410),
    "/workspaces/": (200, 200, 200, 200, 200),
    "/workspaces/new/": (403, 403, 403, 403, 200),
    "/workspaces/{acme}/": (200, 200, 200, 404, 200),
    "/approvals/": (200, 200, 200, 200, 200),
    "/workspaces/{acme}/limits/": (200, 403, 403, 404, 200),
    "/audit/": (403, 403, 403, 403, 200),
    "/audit/csv/": (403, 403, 403, 403, 200),
    "/workspaces/{acme}/audit/": (200, 403, 403, 404, 200),
    "/workspaces/{acme}/audit/jsonl/": (200, 403, 403, 404, 200),
    "/week/": (200, 200, 200, 200, 200),
    "/find/": (200, 200, 200, 200, 200),
    "/account/": (200, 200, 200, 200, 200),
    "/accounts/password/change/": (302, 302, 302, 302, 302),
    "/accounts/2fa/": (200, 200, 200, 200, 200),
    "/admin/": (302, 302, 302, 302, 200),
}
DEEDS = {
    "/exports/{running}/cancel/": (302, 302, 403, 404, 302),
    "/exports/{failed}/run-again/": (302, 302, 403, 404, 302),
    "/exports/{export}/extend/": (302, 302, 403, 404, 302),
    "/exports/{export}/delete/": (302, 302, 403, 404, 302),
    "/exports/{export}/pin/": (302, 403, 403, 404, 302),
    "/exports/{export}/unpin/": (302, 403, 403, 404, 302),
    "/workspaces/{acme}/settings/": (422, 422, 422, 404, 422),
    "/workspaces/{acme}/pause/": (302, 403, 403, 404, 302),
    "/workspaces/{acme}/token/forget/": (302, 403, 403, 404, 302),
    "/workspaces/{acme}/members/{vera}/remove/": (302, 403, 302, 404, 302),
}


@pytest.fixture
def keys(cast: Cast) -> dict[str, object]:
    return {
        "export": make_ready_export(cast.acme, cast.bob).pk,
        "running": make_export(cast.acme, cast.bob, Status.QUEUED).pk,
        "failed": make_export(cast.acme, cast.bob, Status.FAILED).pk,
        "expired": make_export(cast.acme, cast.bob, Status.EXPIRED).pk,
        "acme": cast.acme.pk,
        "vera": cast.vera.pk,
    }


@pytest.mark.parametrize("address", PAGES)
def test_page_for_each_role_answers_what_the_role_may_see(
    address: str, cast: Cast, keys: dict[str, object], browse: Browse, engine: None
) -> None:
    for name, wanted in zip(PEOPLE, PAGES[address], strict=True):
        answer = browse(getattr(cast, name)).get(address.format(**keys))
        assert answer.status_code == wanted, name
        if answer.headers["Content-Type"].startswith("text/html") and wanted != 302 and "admin" not in address:
            check_page(answer)
        content_of(answer)


@pytest.mark.parametrize("address", DEEDS)
@pytest.mark.parametrize("place", range(len(PEOPLE)))
def test_deed_for_each_role_is_done_or_refused(
    address: str, place: int, cast: Cast, keys: dict[str, object], browse: Browse
) -> None:
    answer = browse(getattr(cast, PEOPLE[place])).post(address.format(**keys))
    assert answer.status_code == DEEDS[address][place]


@pytest.mark.parametrize("address", [*PAGES, *DEEDS])
def test_stranger_to_the_portal_is_sent_to_sign_in_and_back(address: str, cast: Cast, keys: dict[str, object]) -> None:
    address = address.format(**keys)
    client = Client()
    answer = client.post(address) if address.endswith(("cancel/", "settings/")) else client.get(address)
    if answer.status_code == 405:  # a button's address takes no GET
        answer = client.post(address)
    assert answer.status_code == 302
    assert "/login/" in answer.headers["Location"]


@pytest.mark.parametrize("address", DEEDS)
def test_get_on_a_button_changes_nothing(address: str, cast: Cast, keys: dict[str, object], browse: Browse) -> None:
    assert browse(cast.ada).get(address.format(**keys)).status_code == 405


def test_post_without_csrf_token_is_refused_with_a_way_on(cast: Cast, keys: dict[str, object]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(cast.alice, backend="allauth.account.auth_backends.AuthenticationBackend")
    answer = client.post(f"/exports/{keys['running']}/cancel/")
    assert answer.status_code == 403
    assert "too old to send" in answer.content.decode()


def test_refused_deed_says_the_service_s_sentence(cast: Cast, keys: dict[str, object], browse: Browse) -> None:
    answer = browse(cast.vera).post(f"/exports/{keys['running']}/cancel/")
    assert "needs the role “Member”" in answer.content.decode()
    check_page(answer)
