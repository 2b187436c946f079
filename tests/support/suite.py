"""`make test`: the part that uses the database on PostgreSQL, then the rest on SQLite, with coverage.

Two runs of pytest, two processes each. The first that fails ends it, so that its summary is the last thing said.
Engine, services, models and API run in both; pages and attacks on them in one (conftest.py). Coverage makes a test half
as slow again, so it is of the second run alone.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from tests.support.postgres_server import PostgresUnavailable, postgres_address
from tests.support.presence import is_ci

PARALLEL = ("-n", "2", "--dist", "worksteal", "--timeout", "300")
ON_POSTGRES = ("--part=database", "-m", "not browser and not processes and not faults and not slow")
EVERYTHING = ("-m", "not slow", "--cov", "--cov-branch", "--cov-report=term:skip-covered")
REST = ("--part=rest",)
# Of exports/services, models, analytics_cloud and files, branches included; a narrowed run is not held to it.
ENOUGH = ("--cov-fail-under=95",)


def main(arguments: Sequence[str]) -> int:
    """Run the suite; return the exit code of the first run that failed, or 0."""
    everything = (*EVERYTHING, *(arguments or ENOUGH))
    try:
        with postgres_address() as address:
            print(f"== 1 of 2: what uses the database, on PostgreSQL ({_plain(address)})", flush=True)
            # pytest's 5 is "no test chosen", which a narrowed run may well be.
            code = _pytest(*ON_POSTGRES, *arguments, DATABASE_URL=address)
            if code not in (0, 5 if arguments else 0):
                return code
            print("== 2 of 2: the rest, on SQLite", flush=True)
            return _pytest(*everything, *(() if arguments else REST), TEST_DATABASE_URL=address)
    except PostgresUnavailable as problem:
        print(f"!! NOT TESTED HERE: PostgreSQL. {problem}", file=sys.stderr, flush=True)
        if is_ci():
            return 1
    return _pytest(*everything)


def _pytest(*arguments: str, **environment: str) -> int:
    inherited = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", *PARALLEL, *arguments], env=inherited | environment, check=False
    ).returncode


def _plain(address: str) -> str:
    """Return the address without its password."""
    return address.rpartition("@")[2]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
