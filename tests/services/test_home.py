"""Who goes upstream next: what holds for any queue."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from exports.services.home import AT_LEAST, FILL_SECONDS, Queued, fair_order, fill_lane

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
WORKSPACE = UUID(int=0)
people = st.integers(0, 4).map(lambda number: UUID(int=number))
ages = st.integers(0, 1000).map(lambda seconds: EPOCH + timedelta(seconds=seconds))


@st.composite
def queues(draw: st.DrawFn) -> list[Queued]:
    count = draw(st.integers(0, 30))
    return [
        Queued(UUID(int=number), WORKSPACE, draw(people), draw(ages), draw(st.none() | ages)) for number in range(count)
    ]


turns = st.dictionaries(people, st.integers(0, 10)).map(Counter)


@given(queues(), turns)
def test_nobody_is_lost_and_the_order_does_not_depend_on_that_of_the_rows(
    queue: list[Queued], had: Counter[UUID]
) -> None:
    found = fair_order(queue, had)
    assert sorted(found) == sorted(queue)
    assert found == fair_order(reversed(queue), had)


@given(queues(), turns)
def test_bumped_ones_go_before_all_others(queue: list[Queued], had: Counter[UUID]) -> None:
    flags = [item.bumped_at is None for item in fair_order(queue, had)]
    assert flags == sorted(flags)


@given(queues(), turns)
def test_one_persons_exports_keep_their_order(queue: list[Queued], had: Counter[UUID]) -> None:
    found = [item for item in fair_order(queue, had) if item.bumped_at is None]
    for person in {item.person_id for item in found}:
        own = [(item.created_at, item.pk) for item in found if item.person_id == person]
        assert own == sorted(own)


@given(queues(), turns)
def test_no_turn_is_had_twice_before_everybody_has_had_one(queue: list[Queued], had: Counter[UUID]) -> None:
    """At any place, whoever still waits has had at most one turn less than whoever goes."""
    found = [item for item in fair_order(queue, had) if item.bumped_at is None]
    taken = Counter(had)
    for place, item in enumerate(found):
        waiting = {other.person_id for other in found[place:]}
        assert taken[item.person_id] == min(taken[person] for person in waiting)
        taken[item.person_id] += 1


seconds = st.none() | st.floats(0, 20_000)


@given(st.lists(seconds, max_size=30), st.lists(seconds, max_size=40), st.integers(1, 30))
def test_lane_holds_what_fills_it_and_no_more(
    load: list[float | None], durations: list[float | None], most: int
) -> None:
    queue = [UUID(int=number) for number in range(len(durations))]
    allowed = fill_lane(load=load, queue=queue, seconds_of=lambda key: durations[key.int], most=most)
    sent = len(allowed)
    assert allowed == set(queue[:sent])
    assert sent <= max(0, most - len(load))
    upstream = [*load, *durations[:sent]]
    if sent < len(queue):  # something stays at home: there is a reason
        full = len(upstream) >= AT_LEAST and sum(filter(None, upstream)) >= FILL_SECONDS
        assert full or len(upstream) >= most
    if sent and len(upstream) > AT_LEAST:
        assert sum(filter(None, upstream[:-1])) < FILL_SECONDS
