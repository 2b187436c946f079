"""A token is tried before the page saves it, on a real server of the contract."""

from collections.abc import Iterator

import pytest
from django.conf import LazySettings
from django.test import Client

from exports.analytics_cloud.simulator import Simulator
from exports.models import AuditEntry, UpstreamHost, Workspace
from exports.services import lanes
from tests.support.cast import Cast
from tests.web.conftest import Browse
from tests.web.markup import check_page, read, text_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

GOOD = "good-token-0123456789abcdefghijklmnopqrstuvwxyz0123456"
BAD = "bad-token-0123456789abcdefghijklmnopqrstuvwxyz01234567"


@pytest.fixture
def sim() -> Iterator[Simulator]:
    with Simulator(tokens={"acme": GOOD}) as simulator:
        yield simulator


@pytest.fixture
def alice(cast: Cast, browse: Browse) -> Client:
    return browse(cast.alice)


def lives_at(cast: Cast, origin: str, settings: LazySettings) -> str:
    """Let Acme live at an origin; return where its token is saved."""
    settings.ANALYTICS_CLOUD_ORIGINS = [origin]
    host, _made = UpstreamHost.objects.get_or_create(origin=origin)
    Workspace.objects.filter(pk=cast.acme.pk).update(host=host)
    return f"/workspaces/{cast.acme.pk}/token/"


def offers_anyway(answer: object) -> bool:
    return any(one.attrs.get("name") == "anyway" for one in read(answer))


def test_accepted_token_is_saved_and_known_to_work(
    sim: Simulator, cast: Cast, alice: Client, settings: LazySettings
) -> None:
    path = lives_at(cast, sim.base_url, settings)
    before = AuditEntry.objects.count()
    answer = alice.post(path, {"token": GOOD}, follow=True)
    assert "The token is saved." in text_of(answer)
    cast.acme.refresh_from_db()
    assert cast.acme.read_token().reveal() == GOOD
    assert cast.acme.token_worked_at is not None
    assert AuditEntry.objects.count() == before + 1


@pytest.mark.parametrize("more", [{}, {"anyway": "on"}])
def test_rejected_token_is_refused_with_the_reason_and_nothing_changes(
    more: dict[str, str], sim: Simulator, cast: Cast, alice: Client, settings: LazySettings
) -> None:
    path = lives_at(cast, sim.base_url, settings)
    before = list(Workspace.objects.values()), AuditEntry.objects.count()
    answer = alice.post(path, {"token": BAD, **more})
    assert answer.status_code == 422
    assert "Analytics Cloud rejects the token" in text_of(answer)
    assert not offers_anyway(answer)
    assert BAD not in answer.content.decode()
    check_page(answer)
    after = [row | {"lane_fence": 0, "lane_until": None} for row in Workspace.objects.values()]
    assert (after, AuditEntry.objects.count()) == (
        [row | {"lane_fence": 0, "lane_until": None} for row in before[0]],
        before[1],
    )


def test_token_that_can_not_be_tried_may_be_saved_anyway(
    cast: Cast, alice: Client, settings: LazySettings, sim: Simulator
) -> None:
    path = lives_at(cast, sim.base_url, settings)
    sim.__exit__(None, None, None)
    answer = alice.post(path, {"token": GOOD})
    assert answer.status_code == 422
    assert "can’t be reached" in text_of(answer)
    assert offers_anyway(answer)
    check_page(answer)
    assert alice.post(path, {"token": GOOD, "anyway": "on"}).status_code == 302
    cast.acme.refresh_from_db()
    assert cast.acme.read_token().reveal() == GOOD
    assert cast.acme.token_worked_at is None


def test_probe_waits_its_turn_and_gives_it_back(
    sim: Simulator, cast: Cast, alice: Client, settings: LazySettings
) -> None:
    path = lives_at(cast, sim.base_url, settings)
    alice.post(path, {"token": BAD})
    assert lanes.take_question_lane(cast.acme.pk) is not None
