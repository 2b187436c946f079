"""Rows of all six types (analytics-cloud-api.md §4)."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from exports.analytics_cloud.simulator.contract import TYPES, Key, parse_date
from exports.analytics_cloud.simulator.rows import lines, stamp

NOW = datetime(2026, 11, 2, tzinfo=UTC)
FROM, TO = parse_date("2026-10-01T00:00:00.123Z"), parse_date("2026-10-31T23:59:59.999Z")
STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{0,5}[1-9])? UTC")

# The fields of §4; those that must be there end with a star.
FIELDS = {
    "event": "applicationId* assetId assetTitle browserName canonicalUrl channelId* city contentLanguageId context "
    "country createDate* dataSourceId* description deviceType emailAddressHashed eventDate* eventId* "
    "eventProperties experienceId experimentId id* keywords languageId platformName projectId projectTimeZoneId "
    "referrer region sessionId* timezoneOffset title url userId* variantId",
    "identity": "createDate* id* individualId projectId",
    "individual": "id* emailAddress* createDate* modifiedDate* birthday firstName middleName lastName screenName "
    "jobTitle languageId gender suppressed fields memberships",
    "membership": "createDate* modifiedDate* channelId* segmentId* identityId* individualId status",
    "page": "canonicalUrl* title* sessionId* userId* channelId* eventDate* bounce ctaClicks directAccess "
    "indirectAccess entrances exits reads views timeOnPage experimentId variantId browserName deviceType "
    "platformName city region country description",
    "segment": "id* name filter filtermetadata type state status scope authorname authorid channelid createdate "
    "modifieddate includeanonymoususers individualscount identitiescount referencedassetids",
}
FILTERED_BY = {"event": "eventDate", "page": "eventDate", "segment": "createdate"}


def rows(type_: str, count: int = 300, *, from_=FROM, to=TO, now=NOW, **options) -> list[dict]:
    return [json.loads(line) for line in lines(Key("acme", type_, from_, to), count=count, now=now, **options)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace(" UTC", "+00:00"))


@pytest.mark.parametrize("type_", TYPES)
def test_every_row_has_the_fields_of_its_type_and_no_null(type_):
    known = {name.rstrip("*") for name in FIELDS[type_].split()}
    needed = {name.rstrip("*") for name in FIELDS[type_].split() if name.endswith("*")}
    seen = set()
    for row in rows(type_):
        assert needed <= row.keys() <= known
        assert None not in row.values()
        seen |= row.keys()
    assert known - seen <= {"description"}


@pytest.mark.parametrize("type_", TYPES)
def test_rows_lie_between_both_bounds_the_outermost_exactly_on_them(type_):
    moments = sorted(moment(row[FILTERED_BY.get(type_, "createDate")]) for row in rows(type_))
    assert (moments[0], moments[-1]) == (FROM, TO)


@pytest.mark.parametrize("type_", TYPES)
def test_the_same_question_has_the_same_rows_and_another_has_others(type_):
    assert rows(type_) == rows(type_)
    assert rows(type_) != rows(type_, to=TO - timedelta(milliseconds=1))


@pytest.mark.parametrize("type_", [type_ for type_ in TYPES if type_ != "segment"])
def test_64_bit_ids_are_texts_and_times_are_stamps(type_):
    for row in rows(type_):
        for name, value in row.items():
            assert not (isinstance(value, int) and not isinstance(value, bool)), name
            if name.endswith("Date"):
                assert STAMP.fullmatch(value)


def test_segments_carry_numbers_beyond_a_double_and_lower_case_keys():
    row = rows("segment")[0]
    assert isinstance(row["id"], int)
    assert row["id"] > 2**53
    assert all(name == name.lower() for name in row)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["createdate"])


def test_angle_brackets_and_ampersands_arrive_escaped():
    raw = b"".join(lines(Key("acme", "event", FROM, TO), count=300, now=NOW))
    assert b"\\u003c" in raw
    assert b"\\u003e" in raw
    assert b"\\u0026" in raw
    assert not re.search(rb"[<>&]", raw)


def test_japanese_text_arrives_as_utf_8():
    assert "ガスヒーター".encode() in b"".join(lines(Key("acme", "page", FROM, TO), count=50, now=NOW))


def test_some_event_properties_hold_no_json_but_every_context_does():
    broken = 0
    for row in rows("event"):
        assert isinstance(json.loads(row["context"]), dict)
        try:
            json.loads(row["eventProperties"])
        except ValueError:
            broken += 1
    assert 0 < broken < 300


def test_older_events_have_a_list_of_properties_instead():
    row = rows("event", 5, older=True)[0]
    assert "eventProperties" not in row
    assert row["properties"][0].keys() == {"name", "value"}


def test_individuals_nest_fields_and_memberships():
    found = rows("individual")
    assert any(row["fields"] and row["fields"][0].keys() == {"dataSourceId", "name", "value"} for row in found)
    assert any(row["memberships"] and isinstance(row["memberships"][0]["ids"], list) for row in found)


def test_the_six_types_join():
    identities = {row["id"]: row for row in rows("identity", 2_000)}
    individuals = {row["id"] for row in rows("individual", 2_000)}
    segments = {str(row["id"]) for row in rows("segment", 100)}
    assert {row["userId"] for row in rows("event")} <= identities.keys()
    assert {row["userId"] for row in rows("page")} <= identities.keys()
    assert {row["individualId"] for row in identities.values() if "individualId" in row} <= individuals
    assert {row["emailAddressHashed"] for row in rows("event") if "emailAddressHashed" in row} <= individuals
    for row in rows("membership"):
        assert row["identityId"] in identities
        assert row["segmentId"] in segments


def test_nothing_of_the_future_is_there_yet():
    found = rows("event", now=FROM + timedelta(days=10))
    assert 90 < len(found) < 110
    assert all(moment(row["createDate"]) <= FROM + timedelta(days=10) for row in found)
    assert rows("page", now=FROM - timedelta(seconds=1)) == []


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 100])
def test_as_many_rows_as_asked_for_come_in_no_order(count):
    found = [row["eventDate"] for row in rows("page", count)]
    assert len(found) == count
    assert count < 7 or found != sorted(found)


def test_a_window_of_one_moment_has_all_its_rows_there():
    assert {row["eventDate"] for row in rows("page", 5, to=FROM)} == {"2026-10-01 00:00:00.123 UTC"}


@pytest.mark.parametrize(
    ("microsecond", "text"),
    [(0, "12:00:00 UTC"), (500_000, "12:00:00.5 UTC"), (345_000, "12:00:00.345 UTC"), (1, "12:00:00.000001 UTC")],
)
def test_a_stamp_drops_trailing_zeros(microsecond, text):
    assert stamp(datetime(2023, 3, 1, 12, 0, 0, microsecond, tzinfo=UTC)) == f"2023-03-01 {text}"
