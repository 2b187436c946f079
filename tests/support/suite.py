"""`make test`: what uses the database on PostgreSQL, the same on SQLite with all else, and real browsers and processes.

Three runs of pytest, two processes each. The first that fails ends it, so that its summary is the last thing said.
Engine, services, models and API run on both databases; pages and attacks on them on PostgreSQL (conftest.py). Coverage
makes a test half as slow again, so it is of the second run alone; real browsers and processes add nothing to it.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.support.postgres_server import PostgresUnavailable, postgres_address
from tests.support.presence import is_ci

PARALLEL = ("-n", "2", "--timeout", "300")
OUTSIDE = "(browser or processes or faults)"
ON_POSTGRES = ("--dist", "worksteal", "--part=database", "-m", f"not slow and not {OUTSIDE}")
INSIDE = ("--dist", "worksteal", "-m", f"not slow and not {OUTSIDE}")
COVERAGE = ("--cov", "--cov-branch", "--cov-report=term:skip-covered")
# Of exports/services, models, analytics_cloud and files, branches included; a narrowed run is not held to it.
ENOUGH = ("--cov-fail-under=95",)
# Those that share real processes run one after another (the conftest.py of their folders): else each of the two that
# run at once starts its own.
REAL = ("--dist", "loadgroup", "-m", f"not slow and {OUTSIDE}")
NO_TESTS = 5
# The second: six processes read the same two hundred modules, which the first can leave compiled for the others.
NOT_INHERITED = {"DATABASE_URL", "PYTHONDONTWRITEBYTECODE"}

# What it is, what is chosen, and more of an environment.
Run = tuple[str, Sequence[str], dict[str, str]]


def main(arguments: Sequence[str]) -> int:
    """Run the suite; return the exit code of the first run that failed, or 0."""
    inside = (*INSIDE, *COVERAGE, *(() if arguments else ENOUGH))
    try:
        with postgres_address() as address:
            place = {"TEST_DATABASE_URL": address}
            return _in_turn(
                [
                    (f"the database, on PostgreSQL ({_plain(address)})", ON_POSTGRES, {"DATABASE_URL": address}),
                    ("all else inside, on SQLite", (*inside, *(() if arguments else ("--part=rest",))), place),
                    ("real browsers and processes", REAL, place),
                ],
                arguments,
            )
    except PostgresUnavailable as problem:
        print(f"!! NOT TESTED HERE: PostgreSQL. {problem}", file=sys.stderr, flush=True)
        if is_ci():
            return 1
    return _in_turn([("all inside, on SQLite", inside, {}), ("real browsers and processes", REAL, {})], arguments)


def _in_turn(runs: Sequence[Run], arguments: Sequence[str]) -> int:
    for number, (what, chosen, more) in enumerate(runs, start=1):
        print(f"== {number} of {len(runs)}: {what}", flush=True)
        environment = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED} | more
        command = [sys.executable, "-m", "pytest", *PARALLEL, *chosen, *arguments]
        code = subprocess.run(command, env=environment, check=False).returncode
        # A narrowed run may well choose no test of one of them.
        if code not in (0, NO_TESTS if arguments else 0):
            return code
    return 0


def _plain(address: str) -> str:
    """Return the address without its password."""
    return address.rpartition("@")[2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
