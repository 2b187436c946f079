"""What is asked for in the simulation, and how long upstream takes for it."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from math import exp
from statistics import NormalDist
from uuid import UUID

from benchmarks.virtual.engine import Row, Workspace
from benchmarks.virtual.server import LOOK_EVERY, Upstream
from exports.services.past import Asking

DAY = 86_400.0
TYPES = ("event", "identity", "individual", "membership", "page", "segment")
LENGTHS = (1 * DAY, 7 * DAY, 30 * DAY, 90 * DAY)
SHORTEST, LONGEST = 60.0, 3600.0
MEDIAN, SPREAD = 480.0, 0.8  # of log-normal durations between one minute and one hour
NOISE = 0.2
PEOPLE = 3

# The log-normal's quantiles, dealt to the kinds at random, the same in every run.
_kinds = [Asking(data_type, length) for data_type in TYPES for length in LENGTHS]
random.Random("kinds").shuffle(_kinds)
USUAL = {
    kind: MEDIAN * exp(NormalDist(0, SPREAD).inv_cdf((place + 0.5) / len(_kinds))) for place, kind in enumerate(_kinds)
}

Duration = Callable[[Asking, random.Random], float]


def any_length(asking: Asking, rng: random.Random) -> float:
    """1 to 60 minutes, log-normal, whatever is asked: the past tells little."""
    while True:
        seconds = MEDIAN * exp(rng.gauss(0, SPREAD))
        if SHORTEST <= seconds <= LONGEST:
            return seconds


def by_kind(asking: Asking, rng: random.Random) -> float:
    """1 to 60 minutes, log-normal over all, but alike (20 %) for one type of data and length of range."""
    return min(max(USUAL[asking] * exp(rng.gauss(0, NOISE)), SHORTEST), LONGEST)


def short(asking: Asking, rng: random.Random) -> float:
    """Ten seconds each."""
    return 10.0


def about_an_hour(asking: Asking, rng: random.Random) -> float:
    """An hour, give or take a tenth."""
    return 3600.0 * exp(rng.gauss(0, 0.1))


def hour(asking: Asking, rng: random.Random) -> float:
    """An hour to the second."""
    return 3600.0


@dataclass(frozen=True)
class World:
    """A kind of workspace: what it asks for and how long that takes."""

    name: str
    duration: Duration
    types: tuple[str, ...] = TYPES
    lengths: tuple[float, ...] = LENGTHS

    def askings(self, count: int, rng: random.Random) -> list[Asking]:
        """Return what is asked, every kind about equally often, in random order."""
        kinds = [Asking(data_type, length) for data_type in self.types for length in self.lengths]
        chosen = (kinds * (count // len(kinds) + 1))[:count]
        rng.shuffle(chosen)
        return chosen


def new_workspace(rng: random.Random) -> Workspace:
    """Return an empty workspace whose upstream has a rhythm and a clock of its own."""
    durations: dict[Hashable, float] = {}
    upstream = Upstream(
        phase=rng.uniform(0, LOOK_EVERY),
        duration_of=durations.__getitem__,
        rng=random.Random(rng.random()),
        ahead=rng.uniform(-600, 600),
    )
    return Workspace(UUID(int=rng.getrandbits(128)), upstream, rows=[], durations=durations)


def queue_at(workspace: Workspace, world: World, count: int, moment: float, rng: random.Random) -> list[Row]:
    """Queue ``count`` exports of a few people at ``moment``; return them."""
    people = [UUID(int=rng.getrandbits(128)) for _ in range(PEOPLE)]
    rows = [
        Row(key=UUID(int=rng.getrandbits(128)), asking=asking, person=rng.choice(people), due=moment)
        for asking in world.askings(count, rng)
    ]
    workspace.durations |= {row.key: world.duration(row.asking, rng) for row in rows}
    workspace.rows += rows
    return rows
