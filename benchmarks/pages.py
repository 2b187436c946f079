"""Pages and API at growing tables: queries and server time, page by page. ``python -m benchmarks.pages [--quick]``

1,000 workspaces, up to 1,000,000 exports (``--exports N`` chooses sizes), on SQLite and PostgreSQL. The goals: at most
12 queries, 50 ms of server time at the 95th percentile, flat: the time does not grow with the table.
"""

import argparse
import gc
import statistics
import tempfile
import time
from typing import Any, NamedTuple

from benchmarks.databases import NAMES, run_on_each
from benchmarks.settings import set_up
from benchmarks.tables import print_table, quantile

SIZES = (1_000, 1_000_000)
QUICK_SIZES = (1_000, 4_000)
REPEATS = 120
ROUNDS = 12  # of all pages in turn, so that each meets whatever pace the machine has
FULL_PACE = 1.2  # times the shortest loop of the run
WORKSPACES, QUICK_WORKSPACES = 1_000, 50
ACTIVE = 200
FEW = 5  # workspaces of one who isn't in all of them
QUERIES_MOST = 12


class Call(NamedTuple):
    """One call of a page, in milliseconds: by the clock, of the processor, and the slower of the loops around it."""

    time: float
    busy: float
    pace: float


def measure(name: str, sizes: list[int], repeats: int, workspaces: int, only: list[str]) -> None:
    """Measure on the database of the environment, all pages or those whose names begin so."""
    with tempfile.TemporaryDirectory(prefix="lac-benchmark-") as folder:
        unlimited = {"REQUESTS_PER_SECOND": "1000000"}
        set_up(EXPORT_ROOT=folder, ALLOWED_HOSTS="testserver", PUBLIC_URL="http://localhost:8000", **unlimited)
        from django.core.management import call_command  # noqa: PLC0415 - Django must be ready
        from django.utils import timezone  # noqa: PLC0415

        from benchmarks.filling import fill, make_due, make_workspaces  # noqa: PLC0415
        from exports.models import Membership, Role, User  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        now = timezone.now()
        bob, spaces = make_workspaces(now, workspaces)
        root = User.objects.create_superuser("root@example.com", "a long password")
        eve = User.objects.create_user("eve@example.com", "a long password")
        Membership.objects.bulk_create([Membership(workspace=one, user=eve, role=Role.MEMBER) for one in spaces[:FEW]])
        make_due(ACTIVE, bob=bob, spaces=spaces, now=now, ahead=3600)
        queries: dict[str, int] = {}
        found: dict[str, list[list[Call]]] = {}
        for size in sizes:
            fill(size, bob=bob, spaces=spaces, now=now)
            pages = _pages(bob, root, eve, spaces)
            pages = {page: call for page, call in pages.items() if not only or page.startswith(tuple(only))}
            queries |= {page: max(queries.get(page, 0), _queries(call)) for page, call in pages.items()}
            gc.collect()
            gc.freeze()  # as each web process does (gunicorn.conf.py)
            for page, calls in _called(pages, repeats).items():
                found.setdefault(page, []).append(calls)
    _print(name, sizes, queries, found)


def _print(name: str, sizes: list[int], queries: dict[str, int], found: dict[str, list[list[Call]]]) -> None:
    paces = [call.pace for each in found.values() for calls in each for call in calls]
    full = min(paces) * FULL_PACE
    head = ["", "queries", *(f"{size:,}: p50, p95 (processor)" for size in sizes), "at full pace", "growth"]
    lines = []
    for page, each in found.items():
        most = queries[page]
        times = [f"{_of_times(calls)} ({statistics.median(call.busy for call in calls):.0f})" for calls in each]
        undisturbed = [call for call in each[-1] if call.pace <= full]
        # On a shared machine the shortest of many disturbs least.
        growth = min(call.time for call in each[-1]) / min(call.time for call in each[0])
        times.append(f"{_of_times(undisturbed)} of {len(undisturbed)}" if undisturbed else "never")
        lines.append([page, f"{most}{' !' if most > QUERIES_MOST else ''}", *times, f"{growth:.1f} ×"])
    print_table(f"{name}: pages by exports in the table (at most {QUERIES_MOST} queries)", head, lines)
    quick, middle, slow = min(paces), statistics.median(paces), max(paces)
    print(
        f"The processor's pace meanwhile: the same loop took {quick:.0f} to {slow:.0f} ms, {middle:.0f} in the middle; "
        f"at full pace are the calls of the largest table before and after which it took at most {full:.0f} ms."
    )


def _of_times(calls: list[Call]) -> str:
    times = [call.time for call in calls]
    return f"{statistics.median(times):.0f}, {quantile(times, 0.95):.0f} ms"


def _pages(bob: Any, root: Any, eve: Any, spaces: list[Any]) -> dict[str, Any]:
    from django.conf import settings  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415

    from exports.models import Export, Scope  # noqa: PLC0415
    from exports.services.api_tokens import make_api_token  # noqa: PLC0415

    clients = {}
    for person in (bob, root, eve):
        clients[person.pk] = Client()
        clients[person.pk].force_login(person, backend=settings.AUTHENTICATION_BACKENDS[-1])
    _row, token = make_api_token(user=bob, name="benchmark", scopes=list(Scope))
    program = Client()
    oldest = Export.objects.filter(due_at__isnull=True).order_by("created_at").first()
    active = Export.objects.filter(due_at__isnull=False).order_by("created_at").first()
    assert oldest is not None
    assert active is not None

    def page(path: str, person: Any = bob) -> Any:
        return lambda: clients[person.pk].get(path)

    def api(path: str) -> Any:
        return lambda: program.get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {token}"})

    here = spaces[0].pk
    return {
        "list": page("/"),
        "list, of few workspaces": page("/", eve),
        "list, administrator": page("/", root),
        "list of one workspace, ready": page(f"/?workspace={here}&status=ready"),
        "list, failed": page("/?status=failed"),
        "list, failed, administrator": page("/?status=failed", root),
        "list, one type and person": page(f"/?type=segment&person={bob.pk}"),
        "list, a text many have": page("/?q=report"),
        "list, a text nobody has": page("/?q=zzzzzz"),
        "list, a text nobody has, administrator": page("/?q=zzzzzz", root),
        "detail, ended": page(f"/exports/{oldest.pk}/"),
        "detail, active": page(f"/exports/{active.pk}/"),
        "new export": page("/exports/new/"),
        "overview of the week": page("/week/"),
        "workspaces": page("/workspaces/"),
        "workspace": page(f"/workspaces/{here}/"),
        "API list": api("exports"),
        "API list, active": api("exports?status=active"),
        "API export": api(f"exports/{active.pk}"),
    }


def _queries(call: Any) -> int:
    from django.db import connection  # noqa: PLC0415

    answer = call()  # warm: templates, plans
    assert answer.status_code == 200, (answer.status_code, answer.request["PATH_INFO"])
    count = 0

    def counting(execute: Any, *arguments: Any) -> Any:
        nonlocal count
        count += 1
        return execute(*arguments)

    with connection.execute_wrapper(counting):
        call()
    return count


def _called(pages: dict[str, Any], repeats: int) -> dict[str, list[Call]]:
    found: dict[str, list[Call]] = {page: [] for page in pages}
    before = _pace()
    for _ in range(ROUNDS):
        for page, call in pages.items():
            for _ in range(-(-repeats // ROUNDS)):
                began, cpu = time.perf_counter(), time.process_time()
                call()
                took, busy = time.perf_counter() - began, time.process_time() - cpu
                after = _pace()
                found[page].append(Call(took * 1000, busy * 1000, max(before, after)))
                before = after
    return found


def _pace() -> float:
    """Return how many milliseconds a loop takes that is always the same: a shared machine is not always as fast."""
    began = time.perf_counter()
    for number in range(250_000):
        hash(number)
    return (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small tables")
    parser.add_argument(
        "--exports", type=int, action="append", default=[], help="a size of the table, instead of the usual ones"
    )
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each page (default: %(default)s)")
    parser.add_argument("--page", action="append", default=[], help="only pages whose names begin so")
    parser.add_argument("--on", choices=NAMES, help="measure on the database of the environment")
    parser.add_argument("--database", choices=NAMES, action="append", help="only this one")
    options = parser.parse_args()
    sizes = sorted(options.exports or (QUICK_SIZES if options.quick else SIZES))
    if options.on:
        if options.quick:
            measure(options.on, sizes, 5, QUICK_WORKSPACES, options.page)
        else:
            measure(options.on, sizes, options.repeats, WORKSPACES, options.page)
        return
    arguments = [f"--repeats={options.repeats}", *(f"--exports={size}" for size in options.exports)]
    arguments += [f"--page={page}" for page in options.page]
    arguments += ["--quick"] if options.quick else []
    run_on_each("benchmarks.pages", arguments, options.database or NAMES)


if __name__ == "__main__":
    main()
