"""How well upstream is used: the engine's own decisions on a virtual clock. ``python -m benchmarks.upstream [--quick]``

Upstream looks every five minutes and makes what it finds one after another (benchmarks/virtual/server.py). *Ideal* is
all asked at once; *one at a time* asks for the next when the last is done, to the second.
"""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import fmean, median

from benchmarks.settings import set_up
from benchmarks.tables import print_table, quantile

set_up()

from benchmarks.virtual.engine import TICK, Engine, Row  # noqa: E402 - Django must be ready
from benchmarks.virtual.server import Upstream  # noqa: E402
from benchmarks.virtual.worlds import (  # noqa: E402
    DAY,
    World,
    about_an_hour,
    any_length,
    by_kind,
    hour,
    new_workspace,
    queue_at,
    short,
)
from exports.services.pace import Pace  # noqa: E402

PACE = Pace(15, 300)
ONE_KIND = {"types": ("page",), "lengths": (7 * DAY,)}
KINDS = World("mix, alike by type and range", by_kind)
CHANCE = World("mix, alike in nothing", any_length, **ONE_KIND)
SHORT = World("short, 10 s each", short, **ONE_KIND)
HOUR = World("an hour", hour, **ONE_KIND)
ABOUT_AN_HOUR = World("about an hour", about_an_hour, **ONE_KIND)


@dataclass
class Result:
    """What became of one batch in each of many workspaces."""

    against_ideal: list[float] = field(default_factory=list)
    against_single: list[float] = field(default_factory=list)
    questions: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    known: list[float] = field(default_factory=list)  # delay / max(30 s, 10 % of the work)
    unknown: list[float] = field(default_factory=list)  # delay in seconds


def play(world: World, *, count: int, before: int, trials: int) -> Result:
    """Queue ``count`` exports in a workspace that has seen ``before`` such batches; ``trials`` times."""
    result = Result()
    for trial in range(trials):
        rng = random.Random(f"{world.name}{count}{before}{trial}")
        workspace = new_workspace(rng)
        moment = 0.0
        for _ in range(before):
            rows = queue_at(workspace, world, count, moment, rng)
            Engine(PACE, rng).run([workspace])
            moment = _last_stored(rows) + rng.uniform(600, 7200)
        rows = queue_at(workspace, world, count, moment, rng)
        Engine(PACE, rng).run([workspace])
        spent = _last_stored(rows) - moment
        durations = [workspace.durations[row.key] for row in rows]
        result.against_ideal.append(spent / _ideal(durations, moment, workspace.upstream.phase))
        result.against_single.append(spent / _one_at_a_time(durations, moment, workspace.upstream.phase))
        for row in rows:
            _judge(row, workspace.upstream, result)
    return result


def _last_stored(rows: Sequence[Row]) -> float:
    return max(row.stored_at for row in rows if row.stored_at is not None)


def _ideal(durations: Sequence[float], moment: float, phase: float) -> float:
    upstream = Upstream(phase=phase, duration_of=lambda key: durations[int(str(key))], rng=random.Random(1))
    for number in range(len(durations)):
        upstream.ask(number, moment)
    return upstream.finish() - moment


def _one_at_a_time(durations: Sequence[float], moment: float, phase: float) -> float:
    upstream = Upstream(phase=phase, duration_of=lambda key: durations[int(str(key))], rng=random.Random(1))
    now = moment
    for number in range(len(durations)):
        upstream.ask(number, now)
        now = upstream.finish()
    return now - moment


def _judge(row: Row, upstream: Upstream, result: Result) -> None:
    made = upstream.made[row.key]
    assert made.done_at is not None
    assert row.stored_at is not None
    delay = row.stored_at - made.done_at
    result.questions.append(row.questions)
    result.delays.append(delay)
    if row.known:
        result.known.append(delay / max(30.0, 0.1 * made.duration))
    else:
        result.unknown.append(delay)


def report_batches(trials: int) -> None:
    """Print what becomes of 24 exports."""
    head = [
        *("24 exports", "makespan / ideal p50", "p90", "/ one at a time p50", "questions each", "delay p50", "p90"),
        *("known: delay / allowed p90", "unknown: delay p90"),
    ]
    lines = []
    for world, before in ((KINDS, 0), (KINDS, 6), (CHANCE, 0), (CHANCE, 4), (SHORT, 0), (SHORT, 3)):
        result = play(world, count=24, before=before, trials=trials)
        lines.append(
            [
                f"{world.name}; {f'{before} such batches before' if before else 'first day'}",
                f"{median(result.against_ideal):.3f}",
                f"{quantile(result.against_ideal, 0.9):.3f}",
                f"1/{1 / median(result.against_single):.1f}",
                f"{fmean(result.questions):.1f}",
                f"{median(result.delays):.0f} s",
                f"{quantile(result.delays, 0.9):.0f} s",
                f"{quantile(result.known, 0.9):.2f}" if result.known else "–",
                f"{quantile(result.unknown, 0.9):.0f} s" if result.unknown else "–",
            ]
        )
    print_table(f"Batches ({trials} workspaces each)", head, lines)
    print("\nAllowed: max(30 s, 10 % of the work) once 5 comparable exports are known, 300 s before.")


def report_single(trials: int) -> None:
    """Print what becomes of one export that is alone in its workspace."""
    head = ["1 export", "questions in all p50", "most", "delay p50", "p90", "delay / allowed p90"]
    lines = []
    for world, before in ((HOUR, 0), (HOUR, 8), (ABOUT_AN_HOUR, 8), (SHORT, 0), (SHORT, 8)):
        result = play(world, count=1, before=before, trials=trials)
        allowed = result.known or [delay / 300 for delay in result.unknown]
        lines.append(
            [
                f"{world.name}; {f'{before} such ones before' if before else 'the first'}",
                f"{median(result.questions):.0f}",
                max(result.questions),
                f"{median(result.delays):.0f} s",
                f"{quantile(result.delays, 0.9):.0f} s",
                f"{quantile(allowed, 0.9):.2f}",
            ]
        )
    print_table(f"Alone ({trials} workspaces each)", head, lines)


def report_load(workspaces: int, exports: int) -> None:
    """Print what many workspaces ask of the host and of the tick."""
    rng = random.Random("load")
    engine = Engine(PACE, rng)
    places = [new_workspace(rng) for _ in range(workspaces)]
    rows = [row for place in places for row in queue_at(place, KINDS, exports, rng.uniform(0, 3600), rng)]
    engine.run(places)
    span = _last_stored(rows)
    load = engine.load
    busy = [0] * (int(span // 60) + 1)
    for moment in load.questions:
        busy[int(moment // 60)] += 1
    found = [load.found.get(tick, 0) for tick in range(int(span // TICK) + 1)]
    lines = [
        ["time until all are stored", f"{span / 3600:.1f} h"],
        ["questions", f"{len(load.questions):,} ({len(load.questions) / len(rows):.1f} per export)"],
        ["questions per second, mean", f"{len(load.questions) / span:.1f}"],
        ["questions per second, busiest minute", f"{max(busy) / 60:.1f}"],
        ["steps per second that asked nothing", f"{(len(load.steps) - len(load.questions)) / span:.2f}"],
        ["lanes that a tick found due, mean", f"{fmean(found):.1f}"],
        ["lanes that a tick found due, p99", f"{quantile(found, 0.99):.0f}"],
        ["lanes that a tick found due, most", max(found)],
        ["workers busy with questions and downloads, mean", f"{load.busy / span:.1f}"],
    ]
    print_table(f"{workspaces:,} workspaces × {exports} exports, queued within an hour", ["", ""], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few workspaces only")
    parser.add_argument("--trials", type=int, default=50, help="workspaces of each batch (default: %(default)s)")
    options = parser.parse_args()
    quick = options.quick
    report_batches(2 if quick else options.trials)
    report_single(4 if quick else 4 * options.trials)
    report_load(*((5, 8) if quick else (1000, 20)))


if __name__ == "__main__":
    main()
