"""The end of a token: noted when it is saved, told on the pages."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from exports.models import AuditEntry, PauseCode, Status, Workspace
from exports.services.tokens import set_token
from exports.web.forms.workspaces import TokenForm
from tests.support.cast import Cast, make_export
from tests.web.conftest import Browse
from tests.web.markup import check_page, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]


def expire(cast: Cast, at: datetime) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(token_expires_at=at)


@pytest.mark.parametrize(
    ("values", "until"),
    [
        ({}, None),
        ({"lifetime": ""}, None),
        ({"lifetime": "never"}, None),
        ({"lifetime": "30-days"}, "2026-09-30T14:59:59"),
        ({"lifetime": "6"}, "2027-02-28T14:59:59"),
        ({"lifetime": "12"}, "2027-08-31T14:59:59"),
        ({"expires_on": "2026-12-24"}, "2026-12-24T14:59:59"),
        ({"lifetime": "12", "expires_on": "2026-12-24"}, "2026-12-24T14:59:59"),
    ],
)
def test_end_is_counted_from_today_in_the_workspace_s_zone(
    values: dict[str, str], until: str | None, cast: Cast
) -> None:
    cast.acme.time_zone = "Asia/Tokyo"
    # Already the 31st in Tokyo.
    with time_machine.travel(datetime(2026, 8, 30, 15, 30, tzinfo=UTC), tick=False):
        form = TokenForm({"token": "t" * 20, **values})
        assert form.is_valid()
        at = form.expires_at(cast.acme)
    assert (at and at.astimezone(UTC).replace(tzinfo=None).isoformat()) == until


@pytest.mark.parametrize("values", [{"lifetime": "13"}, {"expires_on": "soon"}])
def test_end_that_can_not_be_is_said_at_its_input(values: dict[str, str], cast: Cast, browse: Browse) -> None:
    answer = browse(cast.alice).post(f"/workspaces/{cast.acme.pk}/token/", {"token": "t" * 20, **values})
    assert answer.status_code == 422
    assert "field-errors" in answer.content.decode()
    check_page(answer)


@pytest.mark.parametrize(("days", "shown"), [(29, True), (31, False)])
def test_workspace_s_page_tells_managers_a_month_before(days: int, shown: bool, cast: Cast, browse: Browse) -> None:
    expire(cast, timezone.now() + timedelta(days=days, hours=1))
    make_export(cast.acme, cast.bob, Status.WAITING)
    address = f"/workspaces/{cast.acme.pk}/"
    page = browse(cast.alice).get(address)
    assert ("Its access token expires in" in text_of(page)) is shown
    assert ("Then 1 running export and every new one wait" in text_of(page)) is shown
    check_page(page)
    assert "Its access token expires in" not in text_of(browse(cast.bob).get(address))


def test_end_that_has_passed_is_told_as_noted(cast: Cast, browse: Browse) -> None:
    expire(cast, timezone.now() - timedelta(days=1))
    page = browse(cast.alice).get(f"/workspaces/{cast.acme.pk}/")
    assert "was noted to expire on" in text_of(page)
    assert "Then every new export waits until a new token is saved." in text_of(page)


@pytest.mark.parametrize(("days", "shown"), [(6, True), (8, False), (-1, True)])
def test_list_tells_managers_a_week_before(days: int, shown: bool, cast: Cast, browse: Browse) -> None:
    expire(cast, timezone.now() + timedelta(days=days))

    def tells(client: Client) -> bool:
        page = client.get("/")
        check_page(page)
        return "The access token of “Acme” expires on" in text_of(page)

    assert tells(browse(cast.alice)) is shown
    assert tells(browse(cast.ada)) is shown
    assert not tells(browse(cast.bob))


def test_paused_workspace_tells_of_its_pause_alone(cast: Cast, browse: Browse) -> None:
    expire(cast, timezone.now() + timedelta(days=1))
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=timezone.now(), pause_code=PauseCode.TOKEN_REJECTED)
    text = text_of(browse(cast.alice).get("/"))
    assert "is paused" in text
    assert "expires on" not in text


def test_token_without_an_end_is_told_from_one_whose_end_nobody_noted(cast: Cast, browse: Browse) -> None:
    alice, here = browse(cast.alice), f"/workspaces/{cast.acme.pk}/"
    assert "unknown: nobody noted it" in text_of(alice.get(here))
    set_token(actor=cast.alice, workspace=cast.acme, token="t" * 20, never_expires=True)
    assert "unknown: nobody noted it" not in text_of(alice.get(here))
    assert AuditEntry.objects.latest("pk").data["never_expires"]
    set_token(actor=cast.alice, workspace=cast.acme, token="t" * 20, expires_at=timezone.now() + timedelta(days=9))
    assert not Workspace.objects.get(pk=cast.acme.pk).token_never_expires
