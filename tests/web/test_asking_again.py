"""Asking again what an export asked: the same changed, the period after, and where that is offered."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client

from exports.models import Requester, Status, User
from tests.support.cast import OCTOBER, Cast, make_export, make_ready_export
from tests.web.conftest import Browse
from tests.web.markup import ticked

NEW = "/exports/new/"


@pytest.fixture
def bob(cast: Cast, browse: Browse) -> Client:
    return browse(cast.bob)


def test_period_after_an_export_fills_the_form(cast: Cast, bob: Client) -> None:
    export = make_ready_export(
        cast.acme,
        cast.bob,
        range_from=OCTOBER[0],
        range_to=OCTOBER[1],
        data_type="segment",
    )
    content = bob.get(NEW, {"next_of": str(export.pk)}).content.decode()
    assert 'value="2026-11-01"' in content
    assert 'value="2026-11-30"' in content
    assert 'value="segment" checked' in content


@pytest.mark.parametrize("way", ["next_of", "like"])
def test_formats_wanted_of_an_export_are_wanted_again(cast: Cast, bob: Client, way: str) -> None:
    User.objects.filter(pk=cast.bob.pk).update(last_formats=["json"])
    export = make_ready_export(cast.acme, cast.alice)
    Requester.objects.filter(export=export).delete()
    Requester.objects.create(export=export, user=cast.alice, formats=["parquet"])

    def chosen() -> list[str]:
        return ticked(bob.get(NEW, {way: str(export.pk)}), "formats")

    assert chosen() == ["parquet"]
    Requester.objects.create(export=export, user=cast.bob, formats=["csv"])
    assert chosen() == ["csv"]


def test_period_after_exact_times_fills_exact_times(cast: Cast, bob: Client) -> None:
    export = make_export(
        cast.acme,
        cast.bob,
        Status.FAILED,
        range_from=datetime(2026, 10, 1, 1, tzinfo=UTC),
        range_to=datetime(2026, 10, 1, 1, 59, 59, 999000, tzinfo=UTC),
    )
    content = bob.get(NEW, {"next_of": str(export.pk)}).content.decode()
    assert 'value="2026-10-01T02:00:00.000"' in content
    assert 'value="2026-10-01T02:59:59.999"' in content


def test_what_was_asked_fills_the_form_to_be_changed(cast: Cast, bob: Client) -> None:
    export = make_export(
        cast.acme,
        cast.bob,
        Status.FAILED,
        range_from=OCTOBER[0],
        range_to=OCTOBER[1],
        data_type="segment",
        name="October",
    )
    content = bob.get(NEW, {"like": str(export.pk)}).content.decode()
    assert 'value="2026-10-01"' in content
    assert 'value="2026-10-31"' in content
    assert 'value="segment" checked' in content
    assert 'value="October"' in content


@pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED, Status.EXPIRED])
def test_ended_export_without_file_offers_both_ways_on(status: Status, cast: Cast, browse: Browse) -> None:
    export = make_export(cast.acme, cast.bob, status)
    page = f"/exports/{export.pk}/"
    content = browse(cast.bob).get(page).content.decode()
    assert content.count(f'action="{page}run-again/"') == 1
    assert f"/exports/new/?like={export.pk}" in content
    assert f"/exports/new/?like={export.pk}" not in browse(cast.vera).get(page).content.decode()


@pytest.mark.parametrize(("code", "way"), [("rejected_refused", "change"), ("upstream_failed", "again")])
def test_way_that_the_failure_advises_stands_out(code: str, way: str, cast: Cast, bob: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.FAILED, error_code=code)
    main = bob.get(f"/exports/{export.pk}/").content.decode().partition('id="export"')[2]
    (loud,) = re.findall(r'<(?:a|button) class="btn btn-primary"[^>]*>', main)
    assert ("like=" in loud) is (way == "change")


@pytest.mark.parametrize("name", ["next_of", "like"])
@pytest.mark.parametrize("wanted", ["odd", "00000000-0000-4000-8000-000000000000"])
def test_values_after_nothing_are_not_found(wanted: str, name: str, bob: Client) -> None:
    assert bob.get(NEW, {name: wanted}).status_code == 404


@pytest.mark.parametrize("name", ["next_of", "like"])
def test_stranger_can_not_prefill_from_a_foreign_export(name: str, cast: Cast, browse: Browse) -> None:
    export = make_export(cast.acme, cast.bob, Status.FAILED)
    assert browse(cast.charlie).get(NEW, {name: str(export.pk)}).status_code == 404


def test_period_after_is_offered_while_an_export_still_runs(cast: Cast, bob: Client) -> None:
    export = make_export(cast.acme, cast.bob, Status.QUEUED)
    assert f"/exports/new/?next_of={export.pk}" in bob.get(f"/exports/{export.pk}/").content.decode()
