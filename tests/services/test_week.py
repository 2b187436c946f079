"""The last seven days in numbers: whose, by which clock, in how many queries."""

from datetime import UTC, datetime, timedelta

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from exports.models import DerivedFile, Export, Limits, Status, Workspace
from exports.services.week import Kept, kept_by, week_of
from tests.support.cast import Cast, make_export, make_ready_export

pytestmark = pytest.mark.django_db

MIDNIGHTS = [datetime(2026, 10, day, 15, tzinfo=UTC) for day in range(1, 9)]  # Tokyo's


@pytest.fixture(params=[False, True], ids=["few workspaces", "many workspaces"])
def is_spread(request: pytest.FixtureRequest) -> bool:
    """Return whether to look among everybody's, as for who sees many workspaces."""
    return bool(request.param)


def ended(cast: Cast, at: datetime, **fields: object) -> Export:
    return make_export(cast.acme, cast.bob, Status.EXPIRED, created_at=at, **fields)


def test_each_day_has_what_was_asked_for_between_its_midnights(cast: Cast, is_spread: bool) -> None:
    for at in (
        MIDNIGHTS[0],
        MIDNIGHTS[1] - timedelta(milliseconds=1),
        MIDNIGHTS[1],
        MIDNIGHTS[-1],
        MIDNIGHTS[0] - timedelta(1),
    ):
        ended(cast, at, rows=10)
    days = week_of(cast.vera, MIDNIGHTS, is_spread=is_spread)
    assert [day.starts_at for day in days] == MIDNIGHTS[:-1]
    assert [day.exports for day in days] == [2, 1, 0, 0, 0, 0, 0]
    assert [day.rows for day in days] == [20, 10, 0, 0, 0, 0, 0]


def test_time_counts_only_where_the_work_was_seen(cast: Cast, is_spread: bool) -> None:
    at = MIDNIGHTS[2]
    times = {"upstream_wait_seconds": 100.0, "upstream_work_seconds": 500.0}
    ended(cast, at, running_since=at, **times)
    ended(cast, at, running_since=at, **{**times, "upstream_work_seconds": 700.0})
    ended(cast, at, **times)  # bounds, no receipt
    ended(cast, at, running_since=at)
    day = week_of(cast.vera, MIDNIGHTS, is_spread=is_spread)[2]
    assert (day.exports, day.timed, day.seconds) == (4, 2, 1400.0)


def test_foreign_workspaces_count_for_nobody_else(cast: Cast, is_spread: bool) -> None:
    ended(cast, MIDNIGHTS[0])
    make_ready_export(cast.acme, cast.bob)
    assert [day.exports for day in week_of(cast.charlie, MIDNIGHTS, is_spread=is_spread)] == [0] * 7
    assert kept_by(cast.charlie, is_spread=is_spread) == []
    assert week_of(cast.ada, MIDNIGHTS, is_spread=is_spread)[0].exports == 1
    assert [one.workspace for one in kept_by(cast.ada, is_spread=is_spread)] == ["Acme"]


def test_kept_bytes_are_originals_and_made_formats_against_the_limit_of_all(cast: Cast, is_spread: bool) -> None:
    export = make_ready_export(cast.acme, cast.bob, bytes=700)
    DerivedFile.objects.create(
        export=export, format="csv", variant="csv", state="ready", stored_name="-", sha256="0" * 64, bytes=300
    )
    DerivedFile.objects.create(export=export, format="xlsx", variant="xlsx")
    ended(cast, MIDNIGHTS[0], bytes=5_000)
    assert kept_by(cast.vera, is_spread=is_spread) == [Kept("Acme", 1000, None)]
    Limits.objects.create(workspace=cast.acme, whom="each", bytes_kept=5)
    assert kept_by(cast.vera, is_spread=is_spread) == [Kept("Acme", 1000, None)]
    Limits.objects.create(workspace=cast.acme, whom="together", bytes_kept=4000)
    assert kept_by(cast.vera, is_spread=is_spread) == [Kept("Acme", 1000, 4000)]


def test_fullest_workspace_comes_first_and_an_empty_one_with_a_limit_is_shown(cast: Cast, is_spread: bool) -> None:
    make_ready_export(cast.acme, cast.bob, bytes=900)
    make_ready_export(cast.globex, cast.charlie, bytes=100)
    Limits.objects.create(workspace=cast.globex, whom="together", bytes_kept=200)
    third = Workspace.objects.create(name="Third", host=cast.acme.host, paused_at=MIDNIGHTS[0], pause_code="manager")
    Limits.objects.create(workspace=third, whom="together", bytes_kept=10)
    assert [(one.workspace, one.bytes) for one in kept_by(cast.ada, is_spread=is_spread)] == [
        ("Globex", 100),
        ("Acme", 900),
        ("Third", 0),
    ]


def test_numbers_cost_the_same_queries_however_many_exports(
    cast: Cast, django_assert_num_queries: DjangoAssertNumQueries, is_spread: bool
) -> None:
    for place in range(30):
        ended(cast, MIDNIGHTS[place % 7])
        make_ready_export(cast.acme, cast.bob)
    with django_assert_num_queries(1):
        week_of(cast.bob, MIDNIGHTS, is_spread=is_spread)
    with django_assert_num_queries(3):
        kept_by(cast.bob, is_spread=is_spread)
