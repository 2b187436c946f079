"""The clock and the claims at growing tables, on SQLite and PostgreSQL. ``python -m benchmarks.tick [--quick]``

Finding and marking 1,000 due rows, the sending apart; then 8 processes that claim 1,000 rows.
"""

import argparse
import multiprocessing
import time
from collections import Counter
from statistics import median
from typing import Any

from benchmarks.databases import NAMES, run_on_each
from benchmarks.settings import set_up
from benchmarks.tables import print_table

SIZES = (10_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 10_000)
DUE = 1_000
LATER = 20_000  # active, but not due: 1,000 workspaces × 20
REPEATS = 15
PROCESSES = 8


def measure(name: str, sizes: list[int]) -> None:
    """Measure on the database of the environment."""
    set_up()
    from django.core.management import call_command  # noqa: PLC0415 - Django must be ready
    from django.db import connection  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from benchmarks.filling import fill, make_due, make_workspaces  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    now = timezone.now()
    bob, spaces = make_workspaces(now)
    make_due(DUE, bob=bob, spaces=spaces, now=now)
    make_due(LATER, bob=bob, spaces=spaces, now=now, ahead=24 * 3600)
    lines = []
    for size in sizes:
        began = time.perf_counter()
        fill(size, bob=bob, spaces=spaces, now=now)
        filled = time.perf_counter() - began
        lines.append([f"{size:,}", *_tick_times(), *_step_times(), f"{filled:.0f} s"])
    print_table(
        f"{name}: a tick with {DUE:,} due rows, by ended exports in the table",
        [
            "exports",
            "mark 1,000: p50, best (processor)",
            "an idle tick",
            "take_next",
            "claim",
            "read a lane",
            "(filling)",
        ],
        lines,
    )
    connection.close()
    _claim_together(name)


def _tick_times() -> list[str]:
    from django.utils import timezone  # noqa: PLC0415

    from exports.models import Export  # noqa: PLC0415
    from exports.services.tick import mark_due  # noqa: PLC0415

    marking, idle, busy = [], [], []
    for _ in range(REPEATS):
        Export.objects.filter(rung_at__isnull=False).update(rung_at=None)
        began, cpu = time.perf_counter(), time.process_time()
        marked = mark_due(timezone.now(), limit=DUE)
        marking.append(time.perf_counter() - began)
        busy.append(time.process_time() - cpu)
        assert len(marked) == DUE
        began = time.perf_counter()
        assert not mark_due(timezone.now(), limit=DUE)
        idle.append(time.perf_counter() - began)
    return [f"{_ms(marking)}, {min(marking) * 1000:.1f} ms ({_ms(busy)})", _ms(idle)]


def _step_times() -> list[str]:
    from exports.models import Export  # noqa: PLC0415
    from exports.services import advance, looks  # noqa: PLC0415
    from exports.services.claims import claim_export  # noqa: PLC0415

    taking, claiming, reading = [], [], []
    for _ in range(REPEATS):
        began = time.perf_counter()
        key = advance.take_next("poll")
        taking.append(time.perf_counter() - began)
        assert key is not None
        due = Export.objects.get(pk=key).due_at
        began = time.perf_counter()
        claim = claim_export(key)
        claiming.append(time.perf_counter() - began)
        assert claim is not None
        began = time.perf_counter()
        looks.read_lane(claim.export.workspace)
        reading.append(time.perf_counter() - began)
        assert due is not None
        claim.let_go(due_at=due)
    return [_ms(taking), _ms(claiming), _ms(reading)]


def _ms(seconds: list[float]) -> str:
    return f"{median(seconds) * 1000:.1f} ms"


# --- many processes at once --------------------------------------------------------------------------------------


def _claim_all(barrier: Any, results: Any) -> None:
    """Claim whatever is due, until nothing is; in a process of its own."""
    set_up()
    from django.db import OperationalError  # noqa: PLC0415

    from exports.models import Export  # noqa: PLC0415
    from exports.services import advance, lanes  # noqa: PLC0415
    from exports.services.claims import claim_export  # noqa: PLC0415

    claimed: list[str] = []
    lost = errors = 0
    Export.objects.exists()
    barrier.wait()
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < 1:
        try:
            key = advance.take_next("poll") or advance.take_next("transfer")
            if key is None:
                time.sleep(0.005)  # the rest may lie in lanes that others hold at this moment
                continue
            workspace = Export.objects.values_list("workspace", flat=True).get(pk=key)
            fence = lanes.take_question_lane(workspace)
            claim = claim_export(key) if fence is not None else None
            if fence is not None:
                lanes.release_question_lane(workspace, fence)
        except OperationalError as error:
            errors += 1
            print(error)
            continue
        idle_since = time.monotonic()
        if claim is None:
            lost += 1
        else:
            claimed.append(str(key))
    results.put((claimed, lost, errors, idle_since))


def _claim_together(name: str) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(PROCESSES + 1), context.Queue()
    workers = [context.Process(target=_claim_all, args=(barrier, results)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    barrier.wait()
    began = time.monotonic()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    took = max(end for _claimed, _lost, _errors, end in found) - began
    count = Counter(key for claimed, *_rest in found for key in claimed)
    lines = [
        ["rows claimed", f"{len(count):,}"],
        ["claimed twice", sum(number > 1 for number in count.values())],
        ["lock errors", sum(errors for _claimed, _lost, errors, _end in found)],
        ["tries that another process won", sum(lost for _claimed, lost, _errors, _end in found)],
        ["time", f"{took:.1f} s ({len(count) / took:.0f} a second)"],
        ["most and least by one process", f"{max(len(c) for c, *_ in found)}, {min(len(c) for c, *_ in found)}"],
    ]
    print_table(f"{name}: {PROCESSES} processes claim {DUE:,} rows", ["", ""], lines)


def measure_sending() -> None:
    """Print how long the rings of one tick take, on a real broker."""
    from tests.support.redis_server import RedisServer  # noqa: PLC0415

    with RedisServer() as server:
        set_up(DATABASE_URL="sqlite://:memory:", REDIS_URL=server.url)
        from uuid import uuid4  # noqa: PLC0415

        from exports.services import doorbell  # noqa: PLC0415
        from exports.services.tick import RINGS_PER_TICK  # noqa: PLC0415
        from lacportal import celery  # noqa: F401, PLC0415

        assert doorbell.send(doorbell.ADVANCE, str(uuid4()), "poll")
        times = []
        for _ in range(5):
            began = time.perf_counter()
            for _ in range(RINGS_PER_TICK):
                assert doorbell.send(doorbell.ADVANCE, str(uuid4()), "poll")
            times.append(time.perf_counter() - began)
        print_table("Sending", ["rings of one tick", "time"], [[RINGS_PER_TICK, _ms(times)]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small tables")
    parser.add_argument("--exports", type=int, action="append", default=[], help="a size, instead of the usual ones")
    parser.add_argument("--on", choices=NAMES, help="measure on the database of the environment")
    parser.add_argument("--database", choices=NAMES, action="append", help="only this one")
    options = parser.parse_args()
    if options.on:
        measure(options.on, sorted(options.exports or (QUICK_SIZES if options.quick else SIZES)))
        return
    arguments = [*(["--quick"] if options.quick else []), *(f"--exports={size}" for size in options.exports)]
    run_on_each("benchmarks.tick", arguments, options.database or NAMES)
    measure_sending()


if __name__ == "__main__":
    main()
