"""Limits: unlimited until set, told before they bite, and not to be passed by asking at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from exports.models import AuditEntry, DerivedFile, Export, Limits, Requester, Role, Status, User, Whom, Workspace
from exports.services import limits
from exports.services.limits import Allowed, lines_for, rules_of, set_limits, set_limits_of_person
from exports.services.members import add_member
from exports.services.queue import Outcome, Queued, queue_export, run_again
from exports.services.refusals import Forbidden, Refused, TooMany
from tests.support.cast import ApiCaller, Cast, make_cast, make_export, make_person, make_ready_export

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
UNLIMITED = Allowed()


def ask(user: User, workspace: Workspace, day: int = 0, **more: Any) -> Queued:
    """Ask for one day in March."""
    start = MARCH + timedelta(days=day)
    values = {"data_type": "page", "range_from": start, "range_to": start + timedelta(days=1), **more}
    return queue_export(user=user, workspace=workspace, **values)


def limit(cast: Cast, together: Allowed = UNLIMITED, each: Allowed = UNLIMITED) -> None:
    set_limits(actor=cast.alice, workspace=cast.acme, together=together, each=each)


def test_nothing_set_nothing_limits(cast: Cast) -> None:
    for day in range(12):
        assert ask(cast.bob, cast.acme, day).outcome is Outcome.MADE
    assert rules_of(cast.bob, cast.acme) == []
    assert lines_for(cast.bob, cast.acme, []) == []


@pytest.mark.parametrize("name", ["per_day", "at_once"])
def test_count_of_everybody_together_is_refused_with_words(name: str, cast: Cast) -> None:
    limit(cast, together=Allowed(**{name: 2}))
    ask(cast.alice, cast.acme, 0)
    ask(cast.bob, cast.acme, 1)
    with pytest.raises(TooMany, match=name) as refused:
        ask(cast.bob, cast.acme, 2)
    assert "This workspace’s limit of 2" in str(refused.value.message)
    with pytest.raises(TooMany):
        ask(cast.alice, cast.acme, 3)
    assert Export.objects.count() == Requester.objects.count() == 2


@pytest.mark.parametrize("name", ["per_day", "at_once"])
def test_count_of_each_person_leaves_the_others_theirs(name: str, cast: Cast) -> None:
    limit(cast, each=Allowed(**{name: 1}))
    ask(cast.bob, cast.acme, 0)
    with pytest.raises(TooMany, match=name) as refused:
        ask(cast.bob, cast.acme, 1)
    assert "Your limit of 1" in str(refused.value.message)
    assert ask(cast.alice, cast.acme, 2).outcome is Outcome.MADE


def test_own_row_counts_instead_of_each_person_s(cast: Cast) -> None:
    limit(cast, each=Allowed(per_day=1))
    set_limits_of_person(actor=cast.alice, workspace=cast.acme, user=cast.bob, allowed=Allowed(per_day=2))
    ask(cast.bob, cast.acme, 0)
    ask(cast.bob, cast.acme, 1)
    with pytest.raises(TooMany):
        ask(cast.bob, cast.acme, 2)
    set_limits_of_person(actor=cast.alice, workspace=cast.acme, user=cast.bob, allowed=UNLIMITED)
    ask(cast.bob, cast.acme, 2)
    set_limits_of_person(actor=cast.alice, workspace=cast.acme, user=cast.bob, allowed=None)
    with pytest.raises(TooMany):
        ask(cast.bob, cast.acme, 3)


def test_limit_of_one_workspace_counts_nowhere_else(cast: Cast) -> None:
    limit(cast, together=Allowed(per_day=1, at_once=1), each=Allowed(per_day=1))
    add_member(actor=None, workspace=cast.globex, user=cast.bob, role=Role.MEMBER)
    ask(cast.bob, cast.acme, 0)
    ask(cast.bob, cast.globex, 0)
    ask(cast.bob, cast.globex, 1)


def test_ended_export_makes_room_under_way_but_not_today(cast: Cast) -> None:
    limit(cast, together=Allowed(at_once=1, per_day=2))
    first = ask(cast.bob, cast.acme, 0).export
    with pytest.raises(TooMany, match="at_once"):
        ask(cast.bob, cast.acme, 1)
    Export.objects.move(first, Status.CANCELLED, ended_at=timezone.now())
    second = ask(cast.bob, cast.acme, 1).export
    Export.objects.move(second, Status.CANCELLED, ended_at=timezone.now())
    with pytest.raises(TooMany, match="per_day"):
        ask(cast.bob, cast.acme, 2)


def test_day_begins_at_midnight_of_the_workspace(cast: Cast) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(time_zone="Asia/Tokyo")
    cast.acme.refresh_from_db()
    limit(cast, together=Allowed(per_day=1))
    tokyo = ZoneInfo("Asia/Tokyo")
    with time_machine.travel(datetime(2026, 11, 24, 23, 59, tzinfo=tokyo), tick=False):
        ask(cast.bob, cast.acme, 0)
        with pytest.raises(TooMany) as refused:
            ask(cast.bob, cast.acme, 1)
        assert "midnight (Asia/Tokyo)" in str(refused.value.message)
    with time_machine.travel(datetime(2026, 11, 25, 0, 0, tzinfo=tokyo), tick=False):
        ask(cast.bob, cast.acme, 1)


def test_kept_bytes_count_originals_and_formats_until_they_are_gone(cast: Cast) -> None:
    ready = make_ready_export(cast.acme, cast.bob, b"x" * 600)
    DerivedFile.objects.create(
        export=ready, format="csv", variant="csv", state="ready", stored_name="x", sha256="x", bytes=400
    )
    limit(cast, together=Allowed(bytes_kept=1000))
    with pytest.raises(TooMany, match="bytes_kept") as refused:
        ask(cast.alice, cast.acme, 0)
    assert "its limit of 1 kB" in str(refused.value.message)
    Export.objects.move(ready, Status.EXPIRED, stored_name="", ended_at=timezone.now())
    ask(cast.alice, cast.acme, 0)


def test_kept_bytes_of_a_person_are_those_of_the_own_exports(cast: Cast) -> None:
    make_ready_export(cast.acme, cast.bob, b"x" * 600)
    limit(cast, each=Allowed(bytes_kept=600))
    with pytest.raises(TooMany, match="bytes_kept"):
        ask(cast.bob, cast.acme, 0)
    ask(cast.alice, cast.acme, 0)


@pytest.mark.parametrize("whom", ["together", "each"])
def test_type_that_is_not_allowed_is_refused_and_names_those_that_are(whom: str, cast: Cast) -> None:
    limit(cast, **{whom: Allowed(types=("page", "event"))})
    ask(cast.bob, cast.acme, 0, data_type="event")
    with pytest.raises(Refused, match="type_not_allowed") as refused:
        ask(cast.bob, cast.acme, 0, data_type="individual")
    assert refused.value.field == "type"
    assert "Events, Pages" in str(refused.value.message)


def test_range_up_to_the_limit_passes_and_a_millisecond_more_is_refused(cast: Cast) -> None:
    limit(cast, together=Allowed(range_days=31))
    end = MARCH + timedelta(days=31)
    ask(cast.bob, cast.acme, range_from=MARCH, range_to=end - timedelta(milliseconds=1))
    with pytest.raises(Refused, match="range_too_long") as refused:
        ask(cast.bob, cast.acme, range_from=MARCH, range_to=end)
    assert "at most 31 days" in str(refused.value.message)


def test_day_of_25_hours_is_one_day(cast: Cast) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(time_zone="Europe/Berlin")
    cast.acme.refresh_from_db()
    limit(cast, together=Allowed(range_days=1))
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 10, 25, tzinfo=berlin)
    end = datetime(2026, 10, 26, tzinfo=berlin) - timedelta(milliseconds=1)
    assert end.astimezone(UTC) - start.astimezone(UTC) > timedelta(hours=24)
    ask(cast.bob, cast.acme, range_from=start, range_to=end)


def test_joining_and_reusing_charge_nothing(cast: Cast) -> None:
    limit(cast, together=Allowed(per_day=1, at_once=1), each=Allowed(per_day=1, at_once=1))
    made = ask(cast.alice, cast.acme, 0)
    assert ask(cast.bob, cast.acme, 0) == Queued(made.export, Outcome.JOINED)
    Export.objects.move(made.export, Status.CANCELLED, ended_at=timezone.now())
    ready = make_ready_export(cast.acme, cast.alice)
    reused = queue_export(
        user=cast.bob,
        workspace=cast.acme,
        data_type=ready.data_type,
        range_from=ready.range_from,
        range_to=ready.range_to,
    )
    assert reused.outcome is Outcome.REUSED
    # Bob has made none of his own yet; the workspace's one of today is Alice's (and the file above).
    with pytest.raises(TooMany, match="per_day"):
        ask(cast.bob, cast.acme, 1)


def test_run_again_is_limited_likewise(cast: Cast) -> None:
    ended = make_export(cast.acme, cast.bob, Status.FAILED, created_at=timezone.now() - timedelta(days=3))
    limit(cast, together=Allowed(per_day=1))
    run_again(user=cast.bob, export=ended)
    other = make_export(cast.acme, cast.bob, Status.FAILED, created_at=timezone.now() - timedelta(days=3))
    with pytest.raises(TooMany):
        run_again(user=cast.bob, export=other)
    limit(cast, together=Allowed(types=("event",)))
    with pytest.raises(Refused, match="type_not_allowed"):
        run_again(user=cast.bob, export=other)


def test_lines_say_what_is_used_before_it_bites(cast: Cast) -> None:
    limit(
        cast,
        together=Allowed(per_day=3, bytes_kept=2_000_000_000, types=("page", "event")),
        each=Allowed(at_once=1, range_days=31),
    )
    ask(cast.bob, cast.acme, 0)
    lines = lines_for(cast.bob, cast.acme, rules_of(cast.bob, cast.acme))
    assert [(line.sentence, line.is_reached) for line in lines] == [
        ("Queued today in this workspace: 1 of 3.", False),
        ("Kept for this workspace: 0 B of 2 GB.", False),
        ("Under way for you: 1 of 1.", True),
        ("Ranges of at most 31 days.", False),
        ("Only these types: Events, Pages.", False),
    ]


def test_change_is_one_entry_with_what_counts_now_and_the_same_again_none(cast: Cast) -> None:
    limit(cast, together=Allowed(per_day=3), each=Allowed(types=("page",)))
    limit(cast, together=Allowed(per_day=3), each=Allowed(types=("page",)))
    entry = AuditEntry.objects.get(action="limits.changed")
    assert entry.data == {"together": {"per_day": 3}, "each": {"types": ["page"]}}
    limit(cast)
    assert AuditEntry.objects.filter(action="limits.changed").order_by("-id")[0].data == {"together": {}, "each": {}}
    ask(cast.bob, cast.acme, 0, data_type="event")


def test_person_s_limits_are_on_record(cast: Cast) -> None:
    for allowed in (Allowed(per_day=1), Allowed(per_day=1), None, None):
        set_limits_of_person(actor=cast.alice, workspace=cast.acme, user=cast.bob, allowed=allowed)
    entries = AuditEntry.objects.filter(action="limits.changed").order_by("id")
    assert [(entry.subject, entry.data) for entry in entries] == [
        ("bob@example.com", {"per_day": 1}),
        ("bob@example.com", {"removed": True}),
    ]


@pytest.mark.parametrize("who", ["bob", "vera", "charlie"])
def test_only_managers_set_limits(who: str, cast: Cast) -> None:
    actor = getattr(cast, who)
    with pytest.raises(Forbidden):
        set_limits(actor=actor, workspace=cast.acme, together=UNLIMITED, each=UNLIMITED)
    with pytest.raises(Forbidden):
        set_limits_of_person(actor=actor, workspace=cast.acme, user=cast.bob, allowed=UNLIMITED)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"per_day": 0}, "together.per_day"),
        ({"at_once": -1}, "together.at_once"),
        ({"range_days": 10**7}, "together.range_days"),
        ({"bytes_kept": 10**16}, "together.bytes_kept"),
        ({"types": ("no",)}, "together.types"),
        ({"approval_types": ("no",)}, "together.approval_types"),
    ],
)
def test_limit_that_can_not_be_is_refused_and_names_its_field(values: dict[str, Any], field: str, cast: Cast) -> None:
    with pytest.raises(Refused) as refused:
        limit(cast, together=Allowed(**values))
    assert refused.value.field == field
    assert not Limits.objects.exists()


def test_stranger_gets_no_row(cast: Cast) -> None:
    with pytest.raises(Refused, match="not_a_member"):
        set_limits_of_person(actor=cast.alice, workspace=cast.acme, user=cast.charlie, allowed=UNLIMITED)


def test_limits_go_with_their_workspace_s_person(cast: Cast) -> None:
    dana = make_person("Dana")
    add_member(actor=cast.alice, workspace=cast.acme, user=dana, role=Role.MEMBER)
    set_limits_of_person(actor=cast.alice, workspace=cast.acme, user=dana, allowed=Allowed(per_day=1))
    dana.delete()
    assert not Limits.objects.exists()


def test_api_says_429_for_counts_and_422_for_type_and_range(cast: Cast) -> None:
    limit(cast, together=Allowed(per_day=1, range_days=7, types=("page",)))
    caller = ApiCaller(cast.bob)
    question = {"workspace": str(cast.acme.pk), "type": "page", "from": "2026-10-01T00:00:00Z"}
    assert caller.post("exports", question | {"to": "2026-10-02T00:00:00Z"}).status_code == 201
    assert caller.post("exports", question | {"to": "2026-10-02T00:00:00Z"}).status_code == 200
    full = caller.post("exports", question | {"to": "2026-10-03T00:00:00Z"})
    assert (full.status_code, full.json()["code"]) == (429, "per_day")
    assert "limit of 1 new exports a day" in full.json()["detail"]
    assert int(full["Retry-After"]) > 0
    long = caller.post("exports", question | {"to": "2026-11-03T00:00:00Z"})
    assert (long.status_code, long.json()["code"], long.json()["errors"][0]["field"]) == (422, "range_too_long", "to")
    other = caller.post("exports", question | {"type": "event", "to": "2026-10-03T00:00:00Z"})
    assert (other.status_code, other.json()["code"]) == (422, "type_not_allowed")


@pytest.fixture
def crowd(transactional_db: None) -> Iterator[tuple[Cast, ThreadPoolExecutor]]:
    """The cast on a database that really commits, and eight threads."""
    with ThreadPoolExecutor(8) as pool:
        yield make_cast(), pool


@pytest.mark.parametrize("whom", ["together", "each"])
@pytest.mark.parametrize("name", ["per_day", "at_once"])
def test_asked_at_once_no_more_pass_than_the_limit(
    name: str, whom: str, crowd: tuple[Cast, ThreadPoolExecutor]
) -> None:
    cast, pool = crowd
    limit(cast, **{whom: Allowed(**{name: 3})})
    together = threading.Barrier(8, timeout=30)

    def submit(day: int) -> str:
        try:
            together.wait()
            return ask(cast.bob, cast.acme, day).outcome.value
        except TooMany as refused:
            return refused.code
        finally:
            connection.close()

    answers = list(pool.map(submit, range(8)))
    assert sorted(answers) == sorted(["made"] * 3 + [name] * 5)
    assert Export.objects.count() == 3


def test_same_question_asked_at_once_is_one_export_and_no_refusal(crowd: tuple[Cast, ThreadPoolExecutor]) -> None:
    cast, pool = crowd
    limit(cast, together=Allowed(per_day=1, at_once=1))
    people = [cast.alice, cast.bob, cast.ada] * 2
    together = threading.Barrier(6, timeout=30)

    def submit(person: User) -> str:
        try:
            together.wait()
            return ask(person, cast.acme, 0).outcome.value
        finally:
            connection.close()

    assert sorted(pool.map(submit, people)) == ["joined"] * 5 + ["made"]


def test_midnight_of_a_zone_without_one_is_found(cast: Cast) -> None:
    """Clocks in Beirut jump from 00:00 to 01:00 that night."""
    cast.acme.time_zone = "Asia/Beirut"
    with time_machine.travel(datetime(2026, 3, 29, 12, tzinfo=UTC), tick=False):
        assert limits._midnight(cast.acme) == datetime(2026, 3, 28, 22, tzinfo=UTC)


def test_rows_of_limits_name_a_person_exactly_when_they_are_one_person_s(cast: Cast) -> None:
    set_limits_of_person(actor=cast.alice, workspace=cast.acme, user=cast.bob, allowed=UNLIMITED)
    limit(cast, together=Allowed(per_day=1))
    assert {(row.whom, row.user) for row in limits.limits_of(cast.acme)} == {
        (Whom.PERSON, cast.bob),
        (Whom.TOGETHER, None),
    }
