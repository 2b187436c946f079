"""What the environment says is read once; what cannot work is refused at start, in a sentence."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from exports.checks import check_storage_url
from lacportal import environment

ROOT = Path(__file__).resolve().parents[2]
PACE = ("EXPORT_POLL_FIRST_SECONDS", "EXPORT_POLL_MAX_SECONDS")
NEEDED = {"SECRET_KEY": "s" * 50, "TOKEN_ENCRYPTION_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}


def pace_with(**given: str) -> list[float]:
    """Return the shortest and the longest wait of a process with this environment."""
    code = f"import json; from lacportal import settings; print(json.dumps([getattr(settings, n) for n in {PACE}]))"
    surroundings = {name: value for name, value in os.environ.items() if name not in PACE} | NEEDED | given
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: list[float] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999", "soon", "-1"])
@pytest.mark.parametrize("read", [environment.number, environment.whole])
def test_number_that_is_none_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, read: object, text: str) -> None:
    monkeypatch.setenv("EXPORT_SOMETHING", text)
    with pytest.raises(ImproperlyConfigured, match="EXPORT_SOMETHING must be"):
        read("EXPORT_SOMETHING", 1, least=0)  # type: ignore[operator]


def test_longest_wait_shortened_alone_shortens_the_shortest_too() -> None:
    assert pace_with(EXPORT_POLL_MAX_SECONDS="1.5") == [1.5, 1.5]
    assert pace_with() == [15, 300]


@pytest.mark.parametrize("url", ["s3://bucket", "ftp://key:sesame@host/bucket", "s3://key:sesame@host/"])
def test_storage_address_that_names_no_store_is_said_at_start_without_its_secret(settings, url: str) -> None:
    settings.EXPORT_STORAGE_URL = url
    (found,) = check_storage_url(None)
    assert found.id == "exports.E003"
    assert "sesame" not in found.msg


@pytest.mark.parametrize("url", ["", "s3://key:sesame@host/bucket"])
def test_storage_address_that_names_a_store_passes(settings, url: str) -> None:
    settings.EXPORT_STORAGE_URL = url
    assert check_storage_url(None) == []
