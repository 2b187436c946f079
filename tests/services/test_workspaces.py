"""Workspaces: made, renamed, moved, paused and resumed."""

import math
from datetime import timedelta

import pytest
from django.utils import timezone

from exports.models import (
    AskedWindow,
    AuditEntry,
    ExportEvent,
    PauseCode,
    Status,
    UpstreamHost,
    User,
    Workspace,
)
from exports.services import pauses, tokens, workspaces
from exports.services.refusals import Forbidden, Refused, WrongState
from tests.support.cast import ACME_TOKEN, BASE_URL, Cast, make_export, make_workspace

pytestmark = pytest.mark.django_db

OTHER_URL = "http://127.0.0.1:1"


def test_new_workspace_without_token_is_paused_for_that(cast: Cast) -> None:
    made = workspaces.create_workspace(actor=cast.ada, name="Initech", base_url=BASE_URL)
    assert (made.pause_code, made.has_token, made.created_by) == (PauseCode.TOKEN_MISSING, False, cast.ada)


def test_new_workspace_with_token_runs_at_once(cast: Cast) -> None:
    made = workspaces.create_workspace(actor=cast.ada, name="Initech", base_url=BASE_URL, token=" abc ")
    assert not made.is_paused
    assert made.read_token().reveal() == "abc"


def test_workspaces_of_one_origin_share_its_host(cast: Cast) -> None:
    made = workspaces.create_workspace(actor=None, name="Initech", base_url=BASE_URL + "/")
    assert made.host_id == cast.acme.host_id
    assert UpstreamHost.objects.count() == 1


@pytest.mark.parametrize("who", ["alice", "bob", "vera", "charlie"])
def test_only_site_administrators_make_workspaces(cast: Cast, who: str) -> None:
    with pytest.raises(Forbidden, match="site_administrators_only"):
        workspaces.create_workspace(actor=getattr(cast, who), name="Initech", base_url=BASE_URL)


def test_refused_token_leaves_no_workspace_behind(cast: Cast) -> None:
    with pytest.raises(Refused, match="token_used_elsewhere"):
        workspaces.create_workspace(actor=cast.ada, name="Initech", base_url=BASE_URL, token=ACME_TOKEN)
    assert not Workspace.objects.filter(name="Initech").exists()


def test_name_taken_in_another_case_is_refused(cast: Cast) -> None:
    with pytest.raises(Refused, match="name_taken"):
        workspaces.create_workspace(actor=cast.ada, name="ACME", base_url=BASE_URL)
    with pytest.raises(Refused, match="name_taken"):
        workspaces.update_workspace(actor=cast.charlie, workspace=cast.globex, name="acme")


def test_manager_renames_and_changes_the_zone_with_one_entry_on_record(cast: Cast) -> None:
    changed = workspaces.update_workspace(
        actor=cast.alice, workspace=cast.acme, name="ACME", base_url=BASE_URL, time_zone="Asia/Tokyo"
    )
    assert (changed.name, changed.time_zone, changed.is_paused) == ("ACME", "Asia/Tokyo", False)
    entry = AuditEntry.objects.get(action="workspace.changed")
    assert entry.data == {"name": "ACME", "time_zone": "Asia/Tokyo"}
    assert not entry.as_site_administrator


def test_everything_changed_at_once_is_one_entry(cast: Cast) -> None:
    changed = workspaces.update_workspace(
        actor=cast.alice, workspace=cast.acme, name="ACME", base_url=BASE_URL, time_zone="Asia/Tokyo", retention_hours=2
    )
    assert changed.retention_hours == 2
    assert AuditEntry.objects.get(actor=cast.alice).data == {
        "name": "ACME",
        "time_zone": "Asia/Tokyo",
        "retention_hours": 2,
    }


def test_change_to_what_it_is_already_leaves_no_entry(cast: Cast) -> None:
    workspaces.update_workspace(actor=cast.alice, workspace=cast.acme, name="Acme", base_url=BASE_URL)
    assert not AuditEntry.objects.filter(action="workspace.changed").exists()


def test_another_address_deletes_the_token_and_pauses(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, Status.WAITING)
    now = timezone.now()
    AskedWindow.objects.create(
        workspace=cast.acme,
        data_type="page",
        asked_from=now,
        asked_to=now,
        export=export,
        first_asked_at=now,
        last_asked_at=now,
    )
    changed = workspaces.update_workspace(actor=cast.alice, workspace=cast.acme, base_url=OTHER_URL)
    assert changed.base_url == OTHER_URL
    assert (changed.has_token, changed.token_fingerprint, changed.token_last4) == (False, "", "")
    assert changed.pause_code == PauseCode.TOKEN_MISSING
    assert not AskedWindow.objects.get().is_upstream
    entry = AuditEntry.objects.get(actor=cast.alice)
    assert entry.action == "workspace.changed"
    assert entry.data == {"base_url": OTHER_URL, "token_forgotten": True}


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_change_pause_and_resume(cast: Cast, who: str) -> None:
    actor: User = getattr(cast, who)
    for act in (
        lambda: workspaces.update_workspace(actor=actor, workspace=cast.acme, name="x"),
        lambda: workspaces.set_retention(actor=actor, workspace=cast.acme, hours=1),
        lambda: pauses.pause_by_manager(actor=actor, workspace=cast.acme),
        lambda: pauses.resume_by_manager(actor=actor, workspace=cast.acme),
    ):
        with pytest.raises(Forbidden, match="role_too_low"):
            act()


def test_site_administrator_acts_as_manager_and_it_is_on_record(cast: Cast) -> None:
    workspaces.set_retention(actor=cast.ada, workspace=cast.acme, hours=0.5)
    cast.acme.refresh_from_db()
    assert cast.acme.kept_hours == 0.5
    assert AuditEntry.objects.get(action="workspace.changed").as_site_administrator
    workspaces.set_retention(actor=cast.alice, workspace=cast.acme, hours=None)
    cast.acme.refresh_from_db()
    assert cast.acme.kept_hours == 24


@pytest.mark.parametrize("hours", [0, -1, math.inf, math.nan, 24 * 366 * 10 + 1])
def test_retention_out_of_range_is_refused(cast: Cast, hours: float) -> None:
    with pytest.raises(Refused, match="retention_out_of_range"):
        workspaces.set_retention(actor=cast.alice, workspace=cast.acme, hours=hours)


def test_pause_puts_off_what_waits_and_resume_makes_it_due(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, Status.WAITING, due_at=timezone.now())
    ended = make_export(cast.acme, cast.bob, Status.CANCELLED)
    paused = pauses.pause_by_manager(actor=cast.alice, workspace=cast.acme)
    export.refresh_from_db()
    assert paused.pause_code == PauseCode.MANAGER
    assert export.due_at is not None
    assert export.due_at > timezone.now() + timedelta(minutes=10)
    resumed = pauses.resume_by_manager(actor=cast.alice, workspace=cast.acme)
    export.refresh_from_db()
    assert not resumed.is_paused
    assert resumed.resumed_at is not None
    assert export.due_at <= timezone.now()
    assert list(export.events.values_list("code", flat=True)) == ["paused", "resumed"]
    assert not ExportEvent.objects.filter(export=ended).exists()
    assert list(AuditEntry.objects.filter(actor=cast.alice).order_by("id").values_list("action", flat=True)) == [
        "workspace.paused",
        "workspace.resumed",
    ]


def test_second_pause_is_told_again_in_the_timeline(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, Status.WAITING)
    for _ in range(2):
        pauses.pause_by_manager(actor=cast.alice, workspace=cast.acme)
        pauses.resume_by_manager(actor=cast.alice, workspace=cast.acme)
    assert list(export.events.values_list("code", flat=True)) == ["paused", "resumed"] * 2


def test_row_held_by_a_worker_keeps_its_lease_when_resumed(cast: Cast) -> None:
    until = timezone.now() + timedelta(minutes=1)
    export = make_export(cast.acme, cast.bob, Status.WAITING, leased_until=until, due_at=until, fence=3)
    pauses.pause_by_manager(actor=cast.alice, workspace=cast.acme)
    pauses.resume_by_manager(actor=cast.alice, workspace=cast.acme)
    export.refresh_from_db()
    assert (export.leased_until, export.due_at, export.fence) == (until, until, 3)


def test_pausing_twice_and_resuming_what_runs_are_wrong_states(cast: Cast) -> None:
    with pytest.raises(WrongState, match="not_paused"):
        pauses.resume_by_manager(actor=cast.alice, workspace=cast.acme)
    pauses.pause_by_manager(actor=cast.alice, workspace=cast.acme)
    with pytest.raises(WrongState, match="already_paused"):
        pauses.pause_by_manager(actor=cast.alice, workspace=cast.acme)


def test_workspace_without_token_cant_be_resumed(cast: Cast) -> None:
    made = make_workspace("Initech", manager=cast.alice)
    with pytest.raises(WrongState, match="token_missing"):
        pauses.resume_by_manager(actor=cast.alice, workspace=made)


def test_token_saved_during_a_managers_pause_does_not_end_it(cast: Cast) -> None:
    pauses.pause_by_manager(actor=cast.alice, workspace=cast.acme)
    changed = tokens.set_token(actor=cast.alice, workspace=cast.acme, token="another-token-123")
    assert changed.pause_code == PauseCode.MANAGER


@pytest.mark.parametrize("text", ["Acme", " acme ", "ACME"])
def test_workspace_is_found_by_name_in_any_case(cast: Cast, text: str) -> None:
    assert workspaces.find_workspace(text) == cast.acme


def test_workspace_is_found_however_its_accents_are_written(cast: Cast) -> None:
    made = workspaces.create_workspace(actor=cast.ada, name="Cafe\u0301", base_url=BASE_URL)
    assert made.name == "Caf\u00e9"
    assert workspaces.find_workspace("Cafe\u0301") == workspaces.find_workspace("CAF\u00e9") == made


def test_workspace_is_found_by_id_and_nothing_else_is(cast: Cast) -> None:
    assert workspaces.find_workspace(str(cast.acme.pk).upper()) == cast.acme
    assert workspaces.find_workspace("Acm") is None
    assert workspaces.find_workspace("00000000-0000-4000-8000-000000000000") is None
