"""Rows and notices made once: what differs for who looks, and when, is made again."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone, translation

from exports.models import Export, PauseCode, Role, Status, User, Workspace
from exports.services import health
from exports.web.kept_html import paused_html, row_html
from exports.web.places import Place, places_of
from exports.web.rows import RowView, row_views
from tests.support.cast import Cast, make_export, make_ready_export

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("engine")]

NOW = datetime(2026, 11, 3, 14, 5, tzinfo=UTC)


def view_of(export: Export) -> RowView:
    (row,) = row_views([export], health.state())
    return row


def test_row_is_made_once_until_it_says_something_else(cast: Cast) -> None:
    with time_machine.travel(NOW, tick=False):
        export = make_export(cast.acme, cast.bob, Status.QUEUED)
        first = row_html(view_of(export), is_mine=False, role=Role.MEMBER)
        assert row_html(view_of(export), is_mine=False, role=Role.MEMBER) is first
        assert "No. 1 in the queue" in first
        Export.objects.filter(pk=export.pk).update(status=Status.CANCELLED, due_at=None, ended_at=NOW)
        export.refresh_from_db()
        ended = row_html(view_of(export), is_mine=False, role=Role.MEMBER)
    assert "in the queue" not in ended
    assert 'data-state="cancelled"' in ended


def test_row_moves_on_with_the_clock(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, created_at=NOW, expires_at=NOW + timedelta(hours=24))
    with time_machine.travel(NOW + timedelta(minutes=3, seconds=10), tick=False):
        row = view_of(export)
        early = row_html(row, is_mine=False, role=Role.MEMBER)
    with time_machine.travel(NOW + timedelta(minutes=4, seconds=10), tick=False):
        late = row_html(row, is_mine=False, role=Role.MEMBER)
    assert ("3 min ago" in early, "23 h 56 min" in early) == (True, True)
    assert ("4 min ago" in late, "23 h 55 min" in late) == (True, True)


def test_each_sees_the_row_in_their_own_language_and_zone(cast: Cast) -> None:
    with time_machine.travel(NOW, tick=False):
        row = view_of(make_ready_export(cast.acme, cast.bob, created_at=NOW, expires_at=NOW + timedelta(hours=24)))
        english = row_html(row, is_mine=False, role=Role.MEMBER)
        with translation.override("ja"):
            japanese = row_html(row, is_mine=False, role=Role.MEMBER)
        with timezone.override(ZoneInfo("Asia/Tokyo")):
            tokyo = row_html(row, is_mine=False, role=Role.MEMBER)
    assert "Download" in english
    assert "ダウンロード" in japanese
    assert "4 Nov 2026, 14:05 UTC" in english
    assert "4 Nov 2026, 23:05 JST" in tokyo


def test_row_offers_what_the_role_may_do(cast: Cast) -> None:
    cast.acme.masked_columns, cast.acme.masked_roles = ["emailAddress"], ["viewer"]
    ready = view_of(make_ready_export(cast.acme, cast.bob))
    failed = view_of(make_export(cast.acme, cast.bob, Status.FAILED))
    refused = view_of(make_export(cast.acme, cast.bob, Status.FAILED, error_code="rejected_outside_retention"))

    def seen(row: RowView, role: Role | None) -> str:
        return row_html(row, is_mine=False, role=role)

    running = view_of(make_export(cast.acme, cast.bob, data_type="event"))
    for row, member, others in (
        (ready, "repeat download", "download"),
        (failed, "repeat", ""),
        (running, "cancel", ""),
    ):
        assert f'data-can="{member}"' in seen(row, Role.MEMBER)
        for role in (Role.VIEWER, None):
            assert f'data-can="{others}"' in seen(row, role)
    for role in (Role.VIEWER, None):  # their columns are masked: the file as it came is not for them
        assert f"{ready.url}download/?format=xlsx" in seen(ready, role)
        assert f'"{ready.url}download/"' not in seen(ready, role)
        assert "run-again" not in seen(failed, role)
        assert "?like=" not in seen(refused, role)
    assert f'"{ready.url}download/"' in seen(ready, Role.MEMBER)
    assert f"run-again:{failed.id}" in seen(failed, Role.MEMBER)
    assert "run-again" not in seen(refused, Role.MEMBER)  # it would be refused once more
    assert f"?like={refused.id}" in seen(refused, Role.MEMBER)
    assert "run-again" not in seen(ready, Role.MANAGER)


def test_only_who_asked_sees_the_row_as_their_own(cast: Cast) -> None:
    row = view_of(make_ready_export(cast.acme, cast.bob))
    assert "data-mine" in row_html(row, is_mine=True, role=Role.MEMBER)
    assert "data-mine" not in row_html(row, is_mine=False, role=Role.MEMBER)


def test_notice_of_a_paused_workspace_is_made_once_for_each_role_language_and_zone(cast: Cast) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=NOW, pause_code=PauseCode.TOKEN_REJECTED)

    def place_of(person: User) -> Place:
        [place] = places_of(person).paused
        return place

    notice = paused_html(place_of(cast.alice))
    assert paused_html(place_of(cast.alice)) is notice
    assert ("3 Nov 2026, 14:05 UTC" in notice, "Save an access token" in notice) == (True, True)
    assert "Save an access token" not in paused_html(place_of(cast.bob))
    with translation.override("ja"), timezone.override(ZoneInfo("Asia/Tokyo")):
        assert "2026年11月3日 23:05 JST" in paused_html(place_of(cast.alice))
    Workspace.objects.filter(pk=cast.acme.pk).update(pause_code=PauseCode.MANAGER)
    assert "Resume it" in paused_html(place_of(cast.alice))
