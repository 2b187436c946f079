"""How long it will take, in words with what they rest on."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from exports.models import DataType, Export, Status
from exports.services.queue import queue_export
from exports.web.estimates import WHAT, basis_of, between, usual_words
from tests.support.cast import OCTOBER, Cast, make_export, make_ready_export

MINUTE, HOUR = 60, 3600


@pytest.mark.parametrize(
    ("least", "most", "words"),
    [
        (5, 50, "less than 1 min"),
        (20, 70, "1 min"),
        (20, 170, "1–3 min"),
        (12 * MINUTE, 18 * MINUTE, "12–18 min"),
        (14.6 * MINUTE, 15.4 * MINUTE, "15 min"),
        (50 * MINUTE, 119 * MINUTE, "50–119 min"),
        (50 * MINUTE, 2 * HOUR, "1–2 h"),
        (5 * MINUTE, 3 * HOUR, "0.5–3 h"),
        (1.5 * HOUR, 2.6 * HOUR, "1.5–2.5 h"),
        (3 * HOUR, 3.1 * HOUR, "3 h"),
    ],
)
def test_span_reads_as_people_say_it(least: float, most: float, words: str) -> None:
    assert between(least, most) == words


def test_every_type_has_its_words() -> None:
    assert set(WHAT) == set(DataType.values)
    assert usual_words(720, 1080, "page", *OCTOBER) == "usually 12–18 min for 31 days of pages here"


def stored(cast: Cast, minutes: list[int], **fields: object) -> None:
    now = timezone.now()
    for number, taken in enumerate(minutes):
        start = datetime(2026, 9, 1 + number, tzinfo=UTC)
        make_ready_export(
            cast.acme,
            cast.alice,
            submitted_at=now - timedelta(minutes=taken),
            ready_at=now,
            range_from=start,
            range_to=start + timedelta(days=30),
            **fields,
        )


@pytest.mark.django_db
def test_queued_export_keeps_what_such_exports_took_and_says_so(cast: Cast) -> None:
    stored(cast, [10, 12, 14, 16, 18])
    stored(cast, [100] * 5, data_type=DataType.EVENT)
    export = queue_export(
        user=cast.bob, workspace=cast.acme, data_type="page", range_from=OCTOBER[0], range_to=OCTOBER[1]
    ).export
    export.refresh_from_db()
    assert basis_of(export, timezone.now()) == (
        "usually 11–17 min for 31 days of pages here, once Analytics Cloud is asked"
    )


@pytest.mark.django_db
def test_too_few_exports_like_it_leave_it_unknown(cast: Cast) -> None:
    stored(cast, [10, 12, 14, 16])
    export = queue_export(
        user=cast.bob, workspace=cast.acme, data_type="page", range_from=OCTOBER[0], range_to=OCTOBER[1]
    ).export
    assert (export.usual_least_seconds, basis_of(export, timezone.now())) == (None, "unknown yet")


USUAL = {"usual_least_seconds": 720.0, "usual_most_seconds": 1080.0, "range_from": OCTOBER[0], "range_to": OCTOBER[1]}


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (USUAL, "usually 12–18 min for 31 days of pages here"),
        (
            USUAL | {"estimate_basis": "history:12"},
            "usually 12–18 min for 31 days of pages here, judging by the last 12 exports like it",
        ),
        ({"estimate_basis": "history:12"}, "judging by the last 12 exports like it"),
        (
            USUAL | {"estimate_basis": "longer_than_usual"},
            "it takes longer than exports like it usually do: usually 12–18 min for 31 days of pages here",
        ),
        ({"estimate_basis": "longer_than_usual"}, "it takes longer than exports like it usually do"),
        ({}, "unknown yet"),
    ],
)
def test_basis_says_what_the_estimate_rests_on(fields: dict[str, object], words: str, cast: Cast) -> None:
    export: Export = make_export(cast.acme, cast.bob, Status.PREPARING, submitted_at=timezone.now(), **fields)
    assert basis_of(export, timezone.now()) == words


@pytest.mark.django_db
def test_estimate_that_has_passed_is_said_to_be_wrong(cast: Cast) -> None:
    now = timezone.now()
    export = make_export(
        cast.acme, cast.bob, Status.PREPARING, submitted_at=now, estimated_ready_at=now - timedelta(seconds=1)
    )
    assert basis_of(export, now) == "it takes longer than exports like it usually do"
