"""The faults of Analytics Cloud that a case can switch on, and where an export then ends."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

RETENTION_SENTENCE = (
    "The requested data is outside of your data retention period of 13 months. "
    "Please adjust the time range in your query accordingly."
)
STATUS = "application/json"


@dataclass(frozen=True)
class Sickness:
    """One fault.

    Attributes:
        kind: the simulator's name of it.
        options: its own parameters and whom it hits.
        times: how many requests it hits; None for ever.
        error: what the code an export ends with begins with; empty when it gets over it and is ready.
        attempts: how many the export is charged; None when it depends on who was quicker.
        problem: the code in the timeline by which the fault is told; empty when it needs no telling.
    """

    kind: str
    options: Mapping[str, Any] = field(default_factory=dict)
    times: int | None = 1
    error: str = ""
    attempts: int | None = 0
    problem: str = ""


def file(**options: Any) -> dict[str, Any]:
    """Hit files only, status answers pass."""
    return {"files_only": True, **options}


def answer(body: str, **options: Any) -> dict[str, Any]:
    """Answer with a body of our choice."""
    return {"body": body, "content_type": STATUS, **options}


# The way: never charged, however often.
WAY = {
    "429_seconds": Sickness("too_many", {"retry_after": 1}, problem="way_http_429"),
    "429_date": Sickness("too_many", {"retry_after": 2, "as_date": True}, problem="way_http_429"),
    "500_of_the_contract": Sickness("internal_error", times=3, problem="way_http_5xx"),
    "502": Sickness("bad_gateway", times=2, problem="way_http_5xx"),
    "503_retry_after": Sickness("unavailable", {"retry_after": 1}, problem="way_http_5xx"),
    "504": Sickness("gateway_timeout", times=2, problem="way_http_5xx"),
    "html_200": Sickness("html", times=3, problem="way_html"),
    "blank_but_token_is_good": Sickness("blank", problem="way_blank"),
    "question_reset": Sickness("reset", times=2, problem="way_connection"),
    "question_silent": Sickness("silence", problem="way_timeout"),
    "headers_cut": Sickness("hang_up", {"after": 20}, problem="way_connection"),
    "headers_dripping": Sickness("drip_headers", {"pause": 0.2, "size": 1}, problem="way_timeout"),
}

# Charged, and got over.
ONCE = {
    "failing_once": Sickness("fails", attempts=1),
    "failing_twice": Sickness("fails", times=2, attempts=2),
    "odd_status": Sickness("odd_status", attempts=1, problem="answer_odd_status"),
    "204": Sickness("answer", answer("", status=204), attempts=1),
    "status_of_another_shape": Sickness("answer", answer('{"state": "PENDING"}'), attempts=1),
    "truncated_json": Sickness("answer", answer('{"status": "PEND'), attempts=1),
    "empty_file": Sickness("empty_body", attempts=1, problem="download_incomplete"),
    "cut_with_a_clean_end": Sickness("hang_up", file(after=9000), attempts=1),
    "cut_archive_whole_http": Sickness("cut_body", attempts=1, problem="file_cut"),
    "cut_before_the_last_byte": Sickness("cut_body", {"at": -1}, attempts=1),
    "missing_last_chunk": Sickness("missing_last_chunk", file(), attempts=1, problem="download_incomplete"),
    "reset_in_the_file": Sickness("reset", file(after=3000), attempts=1, problem="download_reset"),
    "silence_in_the_file": Sickness("silence", file(after=3000), attempts=1, problem="download_stalled"),
    "slower_than_the_minimum_rate": Sickness("drip", file(pause=0.2, size=20), attempts=1, problem="download_too_slow"),
    "flipped_bit": Sickness("flipped_bit", attempts=1),
    "junk_before": Sickness("junk_before", attempts=None),
    "junk_after": Sickness("junk_after", attempts=1, problem="file_trailing_bytes"),
    "two_archives": Sickness("two_archives", attempts=1),
    "two_entries": Sickness("two_entries", attempts=1, problem="file_several_entries"),
    "rows_cut_in_a_whole_archive": Sickness("cut_rows", attempts=1, problem="file_last_line_incomplete"),
    "row_that_is_no_object": Sickness("bad_row", attempts=1, problem="file_not_an_object"),
    "error_in_place_of_the_last_row": Sickness(
        "bad_row", {"row": '{"status": 500, "error": "x"}'}, attempts=1, problem="file_ends_in_an_answer"
    ),
}

# For ever: failed, in words.
EVER = {
    "failing_for_ever": Sickness("fails", times=None, error="upstream_failed", attempts=5),
    "odd_status_for_ever": Sickness("odd_status", times=None, error="answer_odd_status", attempts=5),
    "refused": Sickness("bad_request", times=None, error="rejected_refused"),
    "refused_without_a_word": Sickness("bad_request_behind", times=None, error="rejected_refused"),
    "outside_retention": Sickness(
        "bad_request_behind", {"description": RETENTION_SENTENCE}, times=None, error="rejected_outside_retention"
    ),
    "redirect_elsewhere": Sickness("redirect", times=None, error="answer_redirect_elsewhere", attempts=5),
    "empty_file_for_ever": Sickness("empty_body", times=None, error="download_incomplete", attempts=5),
    "reset_for_ever": Sickness("reset", file(after=3000), times=None, error="download_reset", attempts=5),
    "cut_for_ever": Sickness("cut_body", times=None, error="file_cut", attempts=5),
    "flipped_for_ever": Sickness("flipped_bit", times=None, error="file_", attempts=5),
    "rows_cut_for_ever": Sickness("cut_rows", times=None, error="file_last_line_incomplete", attempts=5),
    "same_bad_row_twice": Sickness("bad_row", times=None, error="file_not_an_object", attempts=2),
}

SICKNESSES: Mapping[str, Sickness] = WAY | ONCE | EVER

# Answers that look like the status object and are none, or one that says less than it should. None of them is a file.
ODD_STATUSES = (
    "",
    "{}",
    "null",
    "true",
    "7",
    '"PENDING"',
    "PENDING",
    '{"status": null}',
    '{"status": 7}',
    '{"status": 1e999}',
    '{"status": NaN}',
    '{"status": ["PENDING"]}',
    '{"status": {"name": "PENDING"}}',
    '{"status": ""}',
    '{"status": "pending"}',
    '{"status": "PENDING "}',
    '{"status": "COMPLETED"}',
    '{"status": "FAILED"}',
    '{"status": "PEND\\u0000ING"}',
    '{"status": "\\ud800"}',
    '{"status": "PENDING"',
    '{"status": "PENDING",}',
    "{'status': 'PENDING'}",
    '\ufeff{"status": "PENDING"}',
    '{"Status": "PENDING"}',
    '{"state": "PENDING"}',
    '{"error": {"status": "PENDING"}}',
    '{"message": "come back later"}',
    '{"status": "PENDING", "createdDate": "yesterday"}',
    '{"status": "RUNNING", "startedDate": 12}',
    '{"status": "RUNNING", "status": "PENDING"}',
    '{"status": "' + "x" * 70_000 + '"}',
    '{"status": ' + "[" * 20_000,
    "<status>PENDING</status>",
    "status=PENDING",
    "---\nstatus: PENDING\n",
    "\x00\x00\x00\x00",
)
