"""The tools that read the code: formatter, linter, import contracts, types, templates, migrations, deployment check."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(sys.executable).parent

# What a careful operator would set; `check --deploy` has to be content with it.
PRODUCTION = {
    "DJANGO_SETTINGS_MODULE": "lacportal.settings",
    "SECRET_KEY": "8mV2xQ0fUe3bTz7Yk1LrW9sHcJ5nDgApKiRoMhEyXuNvBtSwZqCjF4dGa6lPOI-_",
    "TOKEN_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "PUBLIC_URL": "https://exports.example.com",
    "DATABASE_URL": "postgres://portal:secret@postgres.internal/portal",
    "REDIS_URL": "redis://redis.internal:6379/0",
}


def _run(*command: str, **environment: str) -> None:
    inherited = {name: value for name, value in os.environ.items() if name != "DJANGO_ALLOW_ASYNC_UNSAFE"}
    done = subprocess.run(command, cwd=ROOT, env=inherited | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"{' '.join(command)}\n{done.stdout}{done.stderr}", pytrace=False)


@pytest.mark.parametrize(
    "command",
    [
        "ruff format --check .",
        "ruff check .",
        "lint-imports",
        "djlint templates --check --quiet",
    ],
)
def test_code_checked_is_clean(command: str) -> None:
    program, *arguments = command.split()
    _run(str(PROGRAMS / program), *arguments)


@pytest.mark.timeout(900)
def test_types_checked_are_right() -> None:
    _run(str(PROGRAMS / "mypy"), "exports", "lacportal")


def test_models_changed_have_their_migration() -> None:
    _run(sys.executable, "manage.py", "makemigrations", "--check", "--dry-run", DJANGO_SETTINGS_MODULE="tests.settings")


def test_production_settings_checked_are_safe(tmp_path: Path) -> None:
    _run(
        *(sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"),
        **PRODUCTION,
        EXPORT_ROOT=str(tmp_path),
    )
