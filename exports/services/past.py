"""What stored exports tell about those to come: pure, the same in production and in the simulation."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import exp, log, sqrt
from statistics import fmean, median, quantiles, variance
from typing import NamedTuple

from exports.services.pace import Expectation
from exports.services.rhythm import Begun

ENOUGH = 5
COMPARABLE = 2.0  # ranges up to twice as long or half as long
SHORTEST_RANGE = 60.0
# No two exports take exactly as long, however alike the few known ones were.
LEAST_SPREAD = 0.03


class Sample(NamedTuple):
    """How long upstream worked on one export: at least and at most, in seconds, as far as our looks tell."""

    least: float
    most: float

    @property
    def likely(self) -> float:
        """The middle of what is possible."""
        return max((self.least + self.most) / 2, 0.001)


class Done(NamedTuple):
    """One stored export: what was asked, and what it took (times in seconds, moments on our clock)."""

    data_type: str
    length: float
    rows: int | None
    total: float | None
    work: Sample | None
    begun: Begun | None


class Usual(NamedTuple):
    """From the first question to the stored file, in seconds: eight in ten take between ``least`` and ``most``."""

    least: float
    most: float
    samples: int


class Asking(NamedTuple):
    """What makes exports comparable: the type of data and the length of the range (seconds)."""

    data_type: str
    length: float


@dataclass(frozen=True)
class Past:
    """Stored exports of one workspace, the newest first."""

    done: Sequence[Done]

    def like(self, asking: Asking) -> list[Done]:
        """Return the comparable ones."""
        return [
            item
            for item in self.done
            if item.data_type == asking.data_type and _is_comparable(asking.length, item.length)
        ]

    def expected_work(self, asking: Asking) -> Expectation | None:
        """Return how long upstream will work on such an export; None with fewer than `ENOUGH` comparable ones."""
        if asking not in self._expected:
            self._expected[asking] = expectation_of([item.work for item in self.like(asking) if item.work is not None])
        return self._expected[asking]

    def usual_total(self, asking: Asking) -> Usual | None:
        """Return what such exports took from first question to stored file; None with fewer than `ENOUGH` of them."""
        totals = [item.total for item in self.like(asking) if item.total is not None]
        if len(totals) < ENOUGH:
            return None
        tenths = quantiles(totals, n=10, method="inclusive")
        return Usual(tenths[0], tenths[-1], len(totals))

    @cached_property
    def _expected(self) -> dict[Asking, Expectation | None]:
        return {}

    @cached_property
    def shortest(self) -> float:
        """Seconds in which hardly any export of these is made, whatever its kind; 0 when too little is known."""
        everything = expectation_of([item.work for item in self.done if item.work is not None])
        return everything.early if everything else 0.0

    @property
    def begun(self) -> list[Begun]:
        """What upstream said of when it created and began each."""
        return [item.begun for item in self.done if item.begun is not None]


def expectation_of(worked: Iterable[Sample]) -> Expectation | None:
    """Return the spread of durations to come, or None with fewer than `ENOUGH` samples.

    Durations are taken as log-normal; few samples, and samples that our looks saw only roughly, make it wider.
    """
    samples = list(worked)
    if len(samples) < ENOUGH:
        return None
    logs = [log(sample.likely) for sample in samples]
    blur = fmean(((sample.most - sample.least) / sample.likely) ** 2 / 12 for sample in samples)
    spread = max(sqrt((variance(logs) + blur) * (1 + 1 / len(logs))), LEAST_SPREAD)
    # Student's t for 5 % below and 10 % above, approximated within 2 % for the sample sizes met here.
    freedom = len(logs) - 1
    return Expectation(
        early=exp(fmean(logs) - (1.645 + 1.8 / freedom) * spread),
        usual=median(sample.likely for sample in samples),
        late=exp(fmean(logs) + (1.282 + 1.0 / freedom) * spread),
        samples=len(samples),
    )


def length_of(start: datetime, end: datetime) -> float:
    """Return the length of a range in seconds; shorter than a minute counts as a minute."""
    return max((end - start).total_seconds(), SHORTEST_RANGE)


def _is_comparable(length: float, other: float) -> bool:
    return length / COMPARABLE <= other <= length * COMPARABLE
