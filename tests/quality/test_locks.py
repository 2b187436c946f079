"""The locks: every package pinned and hashed, nothing of the machine they were made on."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.txt", "requirements-dev.txt")
PINNED = re.compile(r"^([a-z0-9.-]+)==\S+ \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)", re.M)
NAME = re.compile(r"^([A-Za-z0-9_.-]+)", re.M)


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _packages(lock: str) -> dict[str, str]:
    return {_plain(name): hashes for name, hashes in PINNED.findall((ROOT / lock).read_text())}


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_pinned_and_hashed_packages_only(lock: str) -> None:
    rest = PINNED.sub("", (ROOT / lock).read_text())
    assert [line for line in rest.splitlines() if line.strip() and not line.strip().startswith("#")] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_tells_no_index_and_no_place(lock: str) -> None:
    assert not re.search(r"://|--index|--find-links|--trusted-host|file:/|/opt|/work|/home", (ROOT / lock).read_text())


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_lock_has_all_that_was_asked_for(name: str) -> None:
    asked = {_plain(found) for found in NAME.findall((ROOT / f"{name}.in").read_text())} - {"-r", "-c"}
    assert {one for one in asked if not one.startswith("-")} <= set(_packages(f"{name}.txt"))


def test_tests_run_on_what_production_runs_on() -> None:
    production, tests = _packages("requirements.txt"), (ROOT / "requirements-dev.txt").read_text()
    pinned = re.findall(r"^([a-z0-9.-]+==\S+) ", (ROOT / "requirements.txt").read_text(), re.M)
    assert len(pinned) == len(production)
    assert [one for one in pinned if f"\n{one} " not in tests] == []


def test_async_timeout_is_pinned_for_every_python() -> None:
    """redis-py needs it below Python 3.11.3, which a lock made on a later one would leave out."""
    assert "async-timeout" in _packages("requirements.txt")


@pytest.mark.parametrize("lock", LOCKS)
def test_compiled_packages_cover_more_than_one_machine(lock: str) -> None:
    packages = _packages(lock)
    for name in ("psycopg-binary", "polars-runtime-32", "orjson", "msgspec", "cryptography"):
        assert packages[name].count("sha256") > 5, name
