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


UNUSABLE = {
    "keys": (
        lambda name: environment.encryption_keys(name),
        (",", "abc", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=,x"),
    ),
    "database": (
        lambda name: environment.database(name, "sqlite:///x"),
        ("somewhere", "mysql://u:sesame@host/x", "postgres://u:sesame@host:99999/x", "postgres://u:sesame@[::1/x"),
    ),
    "broker": (
        lambda name: environment.broker(name, "redis://localhost"),
        ("somewhere", "amqp://u:sesame@host", "redis://:sesame@host:99999/0"),
    ),
    "mail": (lambda name: environment.mail_server(name, "consolemail://"), ("somewhere", "pigeon://u:sesame@host")),
    "sender": (lambda name: environment.sender(name, "a@example.com"), ("nobody", "a@example.com\nBcc: b@example.com")),
    "location": (lambda name: environment.location(name), ("files/",)),
    "origins": (
        lambda name: environment.origins(name, []),
        ("https://*.example.com", "https://[::1", "https://a:99999"),
    ),
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, (_, texts) in UNUSABLE.items() for text in texts])
def test_text_that_can_not_work_is_refused_by_name_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, kind: str, text: str
) -> None:
    monkeypatch.setenv("SOME_SETTING", text)
    with pytest.raises(ImproperlyConfigured, match="^SOME_SETTING") as refused:
        UNUSABLE[kind][0]("SOME_SETTING")
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize("address", ["redis://host:6379/0", "rediss://:sesame@host/1", "unix:///run/redis.sock?db=0"])
def test_broker_that_there_may_be_passes(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("SOME_SETTING", address)
    assert environment.broker("SOME_SETTING", "redis://localhost") == address


@pytest.mark.parametrize("read", ["database", "broker", "mail", "sender"])
def test_empty_text_means_the_default(monkeypatch: pytest.MonkeyPatch, read: str) -> None:
    monkeypatch.delenv("SOME_SETTING", raising=False)
    without = UNUSABLE[read][0]("SOME_SETTING")
    monkeypatch.setenv("SOME_SETTING", "")
    assert UNUSABLE[read][0]("SOME_SETTING") == without


@pytest.mark.parametrize(
    "name", ["EXPORT_RETENTION_HOURS", "EXPORT_DEADLINE_HOURS", "EXPORT_STALL_SECONDS", "EXPORT_SUBMIT_AHEAD"]
)
def test_number_no_date_or_socket_can_hold_is_refused_at_start(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from lacportal import settings"],
        cwd=ROOT,
        env={**os.environ, **NEEDED, name: "1e12"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].partition(": ")[2].startswith(f"{name} must be at ")


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


@pytest.mark.parametrize("options", [[], ["--traceback"]])
def test_command_says_the_sentence_alone_unless_asked_for_more(options: list[str]) -> None:
    surroundings = os.environ | NEEDED | {"EXPORT_MAX_ATTEMPTS": "soon", "DJANGO_SETTINGS_MODULE": "lacportal.settings"}
    command = [sys.executable, "manage.py", "audit", *options]
    done = subprocess.run(command, cwd=ROOT, env=surroundings, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("EXPORT_MAX_ATTEMPTS must be a number, not 'soon'.")
    assert ("Traceback" in done.stderr) is bool(options)


def test_secret_may_begin_with_a_dollar_sign_and_hosts_may_have_blanks() -> None:
    code = "from lacportal import settings; print(settings.SECRET_KEY, settings.ALLOWED_HOSTS)"
    given = {"SECRET_KEY": "$HOME" + "s" * 50, "ALLOWED_HOSTS": "a.example, b.example ,"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=os.environ | NEEDED | given, capture_output=True, text=True
    )
    assert done.stdout.strip() == f"{given['SECRET_KEY']} ['a.example', 'b.example']", done.stderr
