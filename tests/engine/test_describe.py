"""What people see of an export in each state: what it waits for, since when, until when, its story."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from exports.models import Export, Status, UpstreamHost
from exports.services import describe, events, health, words
from tests.support.cast import Cast, make_export, make_ready_export
from tests.support.cast import cast as cast

GOOD = health.Health([])
SOON = timedelta(minutes=5)


def see(export: Export) -> Export:
    """Return an export as it stands now."""
    return Export.objects.select_related("workspace__host").get(pk=export.pk)


def waiting(export: Export) -> describe.Waiting:
    """Return what it waits for."""
    found = describe.waiting_for(see(export), GOOD)
    assert found is not None
    assert found.sentence
    assert found.since <= timezone.now()
    return found


@pytest.mark.parametrize(
    ("status", "fields", "code"),
    [
        (Status.QUEUED, {"waiting_code": "turn"}, "turn"),
        (Status.QUEUED, {"waiting_code": ""}, "turn"),
        (Status.QUEUED, {"waiting_code": "workspace_paused"}, "turn"),
        (Status.QUEUED, {"hold": "approval"}, "approval"),
        (Status.WAITING, {"waiting_code": "upstream_pending"}, "upstream_pending"),
        (Status.WAITING, {"waiting_code": "download_turn"}, "download_turn"),
        (Status.PREPARING, {"waiting_code": "upstream_running"}, "upstream_running"),
        (Status.PREPARING, {"waiting_code": "retry"}, "retry"),
        (Status.PREPARING, {"waiting_code": "storage_full"}, "storage_full"),
        (Status.DOWNLOADING, {"waiting_code": "download"}, "download"),
        (Status.DOWNLOADING, {"waiting_code": "download", "gate_started_at": timezone.now()}, "checking"),
    ],
)
def test_active_export_waits_for_something(cast: Cast, status: Status, fields: dict[str, Any], code: str) -> None:
    assert waiting(make_export(cast.acme, cast.bob, status, **fields)).code == code


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.FAILED, Status.CANCELLED])
def test_ended_export_waits_for_nothing(cast: Cast, status: Status) -> None:
    assert describe.waiting_for(make_export(cast.acme, cast.bob, status)) is None
    assert describe.waiting_for(make_ready_export(cast.acme, cast.bob)) is None


def test_until_is_what_is_known_and_never_past(cast: Cast) -> None:
    now = timezone.now()
    export = make_export(cast.acme, cast.bob, Status.WAITING, waiting_code="upstream_pending", waiting_until=now + SOON)
    assert waiting(export).until == now + SOON
    Export.objects.update(waiting_until=now - SOON)
    assert waiting(export).until is None
    Export.objects.update(waiting_until=None)
    assert waiting(export).until is None


def test_outage_of_the_host_is_told_of_all_but_downloads(cast: Cast) -> None:
    now = timezone.now()
    UpstreamHost.objects.update(failures=3, failing_since=now - SOON, not_before=now + SOON)
    queued = waiting(make_export(cast.acme, cast.bob))
    assert (queued.code, queued.since, queued.until) == ("upstream_unavailable", now - SOON, now + SOON)
    assert queued.turn == words.Turn.ANALYTICS_CLOUD
    assert waiting(make_export(cast.acme, cast.bob, Status.DOWNLOADING, waiting_code="download")).code == "download"


def test_last_outage_that_is_over_is_told_no_more(cast: Cast) -> None:
    now = timezone.now()
    UpstreamHost.objects.update(failures=0, failing_since=now - SOON, recovered_at=now, not_before=None)
    assert waiting(make_export(cast.acme, cast.bob)).code == "turn"


def test_since_is_since_the_reason_began(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    assert waiting(export).since == export.waiting_since
    Export.objects.update(waiting_since=None)
    assert waiting(export).since == export.created_at


def test_problem_names_the_row(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob, Status.FAILED, error_code="file_not_an_object", error_line=7)
    problem = describe.problem_of(export)
    assert problem is not None
    assert problem.message.endswith("(row 7)")
    assert (problem.code, problem.whose_turn) == ("file_not_an_object", "analytics_cloud")
    assert describe.problem_of(make_export(cast.acme, cast.bob)) is None


def test_story_is_told_in_order_with_who_did_what(cast: Cast) -> None:
    export = make_export(cast.acme, cast.bob)
    now = timezone.now()
    events.record_event(export, events.FAILED, at=now, problem="download_stalled", line=None)
    events.record_event(export, events.QUEUED, at=now - SOON, actor=cast.bob)
    events.record_event(export, events.DOWNLOAD_BROKEN, at=now - SOON / 2, problem="download_reset", attempt=2, of=5)
    first, second, third = describe.timeline(export)
    assert (first.code, first.actor, first.tone) == ("queued", cast.bob, "plain")
    assert second.sentence.startswith(
        "The download broke off (attempt 2 of 5): The connection broke during the download."
    )
    assert (third.sentence, third.tone) == (f"Failed: {words.of_problem('download_stalled').message}", "bad")


@pytest.mark.parametrize(
    ("basis", "text"),
    [("history:8", "last 8 exports"), ("longer_than_usual", "longer"), ("", "unknown yet"), ("odd", "unknown yet")],
)
def test_estimate_says_what_it_rests_on(cast: Cast, basis: str, text: str) -> None:
    assert text in describe.estimate_sentence(make_export(cast.acme, cast.bob, estimate_basis=basis))
