"""Every fault of the simulator: what it costs, what people read, and that a sound answer afterwards mends it."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from django.conf import LazySettings

from exports.analytics_cloud.simulator.faults import KINDS
from exports.models import ACTIVE, Export, Status
from exports.services import describe
from tests.engine.conftest import MakeWorld
from tests.engine.world import World

PK = {"content_type": "application/zip"}
STATUS = '{"status": "PENDING", "type": "PAGE", "fromDate": "x", "toDate": "y"}'


@dataclass(frozen=True)
class Row:
    """What one fault does.

    Attributes:
        kind: of the simulator.
        charged: whether each hit counts as an attempt.
        ends: the error code (or codes) when it never stops; None when the export waits for ever, without being charged.
        once: whether the export still ends well when the fault happens only once.
        waits: the code that it waits with after the first hit.
        attempts: how many attempts it takes to fail; by default all five.
        downloads: it hits a file, so the export must have one upstream.
        problem: the word that the timeline has for a fault that costs nothing; the others end with theirs.
    """

    kind: str
    charged: bool = False
    ends: str | None = None
    once: bool = True
    waits: str | None = None
    attempts: int = 5
    downloads: bool = False
    problem: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.kind, *(f"{name}={value}"[:20] for name, value in self.more.items())])


def free(kind: str, problem: str, waits: str = "upstream_unavailable", **more: Any) -> Row:
    """A fault that costs nothing."""
    return Row(kind, waits=waits, problem=problem, more=more)


def rejected(kind: str) -> Row:
    """A token that is not accepted: it costs nothing."""
    return free(kind, "paused", "token_rejected")


def final(kind: str, ends: str, attempts: int = 0, **more: Any) -> Row:
    """A fault that ends the export at once."""
    return Row(kind, ends=ends, once=False, attempts=attempts, more=more)


def charged(kind: str, ends: str, attempts: int = 5, **more: Any) -> Row:
    """A fault of the answer that counts."""
    return Row(kind, charged=True, ends=ends, waits="retry", attempts=attempts, more=more)


def broken(kind: str, ends: str, attempts: int = 5, **more: Any) -> Row:
    """A fault of the file that counts."""
    return Row(kind, charged=True, ends=ends, waits="retry", attempts=attempts, downloads=True, more=more)


TABLE = [
    rejected("reject_401"),
    rejected("reject_403"),
    rejected("reject_500_empty"),
    free("reject_500_html", "way_html"),
    rejected("reject_blank"),
    free("too_many", "way_http_429"),
    free("too_many", "way_http_429", retry_after=1200),
    free("too_many", "way_http_429", retry_after=1200, as_date=True),
    free("internal_error", "way_http_5xx"),
    free("bad_gateway", "way_http_5xx"),
    free("unavailable", "way_http_5xx"),
    free("unavailable", "way_http_5xx", retry_after=5),
    free("gateway_timeout", "way_http_5xx"),
    free("html", "way_html"),
    free("html", "way_html", status=404),
    free("html", "way_http_5xx", status=503),
    free("blank", "way_blank"),
    charged("redirect", "answer_redirect_elsewhere"),
    charged("odd_status", "answer_odd_status"),
    final("bad_request", "rejected_refused"),
    final("bad_request", "rejected_bad_dates", message="must be ISO 8601 compliant"),
    final("bad_request", "rejected_wrong_order", message="Wrong range date."),
    final("bad_request", "rejected_unknown_type", message='The "type" query parameter must be either "event"'),
    final("bad_request_behind", "rejected_refused"),
    final("bad_request_behind", "rejected_outside_retention", description="outside of your data retention period"),
    charged("answer", "answer_not_json", body="What?", content_type="text/plain"),
    charged("answer", "answer_odd_json", body='{"what": 1}', content_type="application/json"),
    charged("answer", "answer_odd_http", status=418, body="{}", content_type="application/json"),
    charged("answer", "answer_encoded", body=STATUS, content_type="text/plain", headers={"Content-Encoding": "br"}),
    charged("answer", "answer_too_large", body='{"what": "' + "x" * 70_000, content_type="application/json"),
    charged("fails", "upstream_failed"),
    Row("stuck", charged=True, ends="upstream_stuck", attempts=2, waits="retry"),
    broken("cut_body", "file_cut"),
    broken("cut_body", "download_incomplete", at=0),
    broken("empty_body", "download_incomplete"),
    broken("flipped_bit", "file_bad_crc|file_bad_size"),  # which one depends on the bit
    broken("junk_before", "answer_not_json"),
    broken("junk_after", "file_trailing_bytes"),
    broken("two_archives", "file_leading_bytes"),
    broken("two_entries", "file_several_entries"),
    broken("cut_rows", "file_last_line_incomplete"),
    broken("bad_row", "file_not_an_object", attempts=2),  # the same bytes twice
    broken("bad_row", "file_ends_in_an_answer", attempts=2, row='{"status": 500, "error": "Internal Server Error"}'),
    free("drip", "way_timeout"),
    broken("drip", "download_too_slow", files_only=True, pause=0.1, size=8),
    free("drip_headers", "way_timeout"),
    free("reset", "way_connection"),
    broken("reset", "download_reset", after=900, files_only=True),
    free("hang_up", "way_connection"),
    broken("hang_up", "download_incomplete", after=900, files_only=True),
    free("silence", "way_timeout"),
    broken("silence", "download_stalled", after=900, files_only=True),
    broken("missing_last_chunk", "download_incomplete", files_only=True),
]


@pytest.fixture
def world(make_world: MakeWorld, settings: LazySettings) -> World:
    """Upstream makes exports in no time, and we lose patience soon."""
    settings.EXPORT_STALL_SECONDS = 0.5
    settings.EXPORT_DEADLINE_HOURS = 0.25
    return make_world(duration=1.0)


def prepare(world: World, row: Row) -> Export:
    """Return an export that the fault will hit at its next question."""
    export = world.queue(1)  # always the same rows, so that what is damaged breaks in the same way
    if row.kind in ("fails", "stuck"):
        return export
    export = world.until_status(export, Status.WAITING)
    if row.downloads:
        world.wait_until(export.due_at)
        world.wait(400)
    return export


def test_table_holds_every_fault_of_the_simulator() -> None:
    assert {row.kind for row in TABLE} == set(KINDS)


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_fault_that_happens_once_costs_what_the_table_says(world: World, row: Row) -> None:
    export = prepare(world, row)
    # Some rejections only hint at one: the probe that confirms it is answered likewise.
    times = 2 if row.kind in ("reject_500_empty", "reject_blank") else 1
    fault = world.sim.faults.add(row.kind, times=times, **row.more)
    export = world.steps(export, lambda export: (fault.hits and export.last_problem) or not export.is_active)
    if not row.once:
        assert (export.status, export.error_code) == (Status.FAILED, row.ends)
        return
    assert fault.hits == times
    assert export.status in ACTIVE
    assert export.attempts == (1 if row.charged else 0)
    assert export.last_problem in (row.problem or row.ends or "").split("|")
    waiting = describe.waiting_for(export)
    assert waiting is not None
    assert waiting.code == row.waits
    assert str(waiting.sentence)
    if waiting.code == "token_rejected":
        return  # test_token.py goes on from there
    export = world.until_status(export, *(set(Status) - set(ACTIVE)))
    assert (export.status, export.attempts) == (Status.READY, 1 if row.charged else 0)


@pytest.mark.parametrize("row", [row for row in TABLE if row.ends], ids=str)
def test_charged_fault_that_never_ends_fails_with_a_sentence(world: World, row: Row) -> None:
    export = prepare(world, row)
    world.sim.faults.add(row.kind, **row.more)
    export = world.until_status(export, Status.FAILED, Status.READY)
    assert (export.status, export.attempts) == (Status.FAILED, row.attempts)
    assert row.ends is not None
    assert export.error_code in row.ends.split("|")
    problem = describe.problem_of(export)
    assert problem is not None
    assert problem.message
    assert problem.next_action
    assert problem.whose_turn_label
    assert export.stored_name == ""
    assert world.codes(export)[-1] == "failed"
    last = export.events.filter(data__attempt=row.attempts).values_list("code", flat=True)
    assert not {"problem", "stuck_upstream"} & set(last), "the last attempt must not promise another"


@pytest.mark.parametrize("row", [row for row in TABLE if not row.ends], ids=str)
def test_free_fault_never_fails_an_export_however_often(world: World, row: Row) -> None:
    export = prepare(world, row)
    fault = world.sim.faults.add(row.kind, **row.more)
    for _ in range(5):  # in less than the five minutes after which upstream has made it
        export = world.step(export)
    assert export.status in ACTIVE
    assert export.attempts == 0
    waiting = describe.waiting_for(export)
    assert waiting is not None
    assert waiting.code == row.waits
    world.sim.faults.remove(fault)
    if waiting.code != "token_rejected":
        assert world.until_status(export, Status.READY, Status.FAILED).status == Status.READY
