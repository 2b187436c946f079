"""Keys change while everything runs: nothing is undone, nothing is lost, what can't be opened is named."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet, InvalidToken
from django.conf import LazySettings
from django.core.management import CommandError, call_command
from django.utils import timezone

from exports.models import AuditEntry, PauseCode, Workspace
from exports.models.secrets import is_sealed_with_first_key, seal
from exports.services import token_keys
from exports.services.tokens import store_token
from tests.support.cast import ACME_TOKEN, GLOBEX_TOKEN, Cast, make_workspace

REPOSITORY = Path(__file__).resolve().parents[2]
NEW, OTHER = Fernet.generate_key().decode(), Fernet.generate_key().decode()


@pytest.fixture
def new_key(settings: LazySettings) -> str:
    """A new first key, the old one behind it."""
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, *settings.TOKEN_ENCRYPTION_KEYS]
    return NEW


def test_new_first_key_tokens_need_no_other_afterwards(cast: Cast, new_key: str, settings: LazySettings) -> None:
    found = token_keys.rotate_token_keys()
    assert (found.resealed, found.done_before, found.unreadable) == (2, 0, [])
    settings.TOKEN_ENCRYPTION_KEYS = [new_key]
    assert Workspace.objects.get(pk=cast.acme.pk).read_token().reveal() == ACME_TOKEN
    assert Workspace.objects.get(pk=cast.globex.pk).read_token().reveal() == GLOBEX_TOKEN
    assert AuditEntry.objects.get(action="token_keys.rotated").data == {"resealed": 2, "unreadable": 0}


def test_second_pass_changes_nothing(cast: Cast, new_key: str) -> None:
    token_keys.rotate_token_keys()
    before = list(Workspace.objects.order_by("pk").values_list("token_sealed", flat=True))
    found = token_keys.rotate_token_keys()
    assert (found.resealed, found.done_before) == (0, 2)
    assert list(Workspace.objects.order_by("pk").values_list("token_sealed", flat=True)) == before
    assert AuditEntry.objects.filter(action="token_keys.rotated").count() == 1


def test_more_than_one_chunk_all_are_done(db: None, new_key: str) -> None:
    settled = timezone.now()
    host = make_workspace("first").host
    old = Fernet(b"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    Workspace.objects.bulk_create(
        Workspace(
            name=f"place {number}",
            host=host,
            token_sealed=old.encrypt(f"token-{number}".encode()).decode(),
            token_fingerprint=f"{number:064}",
            token_set_at=settled,
        )
        for number in range(token_keys.CHUNK + 5)
    )
    assert token_keys.rotate_token_keys().resealed == token_keys.CHUNK + 5
    assert all(is_sealed_with_first_key(text) for text in _sealed())


def test_token_no_key_opens_is_named_and_left(cast: Cast, new_key: str, capsys: pytest.CaptureFixture[str]) -> None:
    lost = Fernet(OTHER.encode()).encrypt(b"lost").decode()
    Workspace.objects.filter(pk=cast.globex.pk).update(token_sealed=lost)
    with pytest.raises(CommandError, match=r"opens the access token of: Globex\. Nothing") as refused:
        call_command("rotate_token_keys")
    assert refused.value.returncode == 1
    assert capsys.readouterr().out == "1 encrypted anew, 0 had the first key already.\n"
    assert Workspace.objects.get(pk=cast.globex.pk).token_sealed == lost


def test_check_before_rotation_says_that_old_keys_are_needed(
    cast: Cast, new_key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = _sealed()
    with pytest.raises(CommandError, match="Keep the older keys"):
        call_command("rotate_token_keys", check=True)
    assert _sealed() == before
    call_command("rotate_token_keys")
    call_command("rotate_token_keys", check=True)
    assert capsys.readouterr().out.endswith("0 need an older key, 2 had the first key already.\n")


def test_token_saved_meanwhile_is_not_undone(cast: Cast, new_key: str) -> None:
    seen = Workspace.objects.get(pk=cast.acme.pk)
    store_token(actor=None, workspace=cast.acme, token="another-token-of-acme-0123456789")
    assert token_keys._bring_up_to_date(seen, write=True) is False
    assert Workspace.objects.get(pk=cast.acme.pk).read_token().reveal() == "another-token-of-acme-0123456789"


def test_token_saved_meanwhile_by_a_process_with_old_keys_is_resealed(
    cast: Cast, new_key: str, settings: LazySettings
) -> None:
    seen = Workspace.objects.get(pk=cast.acme.pk)
    keys = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = keys[1:]
    store_token(actor=None, workspace=cast.acme, token="another-token-of-acme-0123456789")
    settings.TOKEN_ENCRYPTION_KEYS = keys
    assert token_keys._bring_up_to_date(seen, write=True) is True
    now = Workspace.objects.get(pk=cast.acme.pk)
    assert is_sealed_with_first_key(now.token_sealed)
    assert now.read_token().reveal() == "another-token-of-acme-0123456789"


def test_token_forgotten_meanwhile_stays_forgotten(cast: Cast, new_key: str) -> None:
    seen = Workspace.objects.get(pk=cast.acme.pk)
    Workspace.objects.filter(pk=cast.acme.pk).update(
        token_sealed="",
        token_fingerprint="",
        token_last4="",
        token_set_at=None,
        paused_at=timezone.now(),
        pause_code=PauseCode.TOKEN_MISSING,
    )
    assert token_keys._bring_up_to_date(seen, write=True) is False
    assert Workspace.objects.get(pk=cast.acme.pk).token_sealed == ""


def test_paused_workspace_is_rotated_and_stays_paused(cast: Cast, new_key: str) -> None:
    Workspace.objects.filter(pk=cast.acme.pk).update(paused_at=timezone.now(), pause_code=PauseCode.MANAGER)
    token_keys.rotate_token_keys()
    paused = Workspace.objects.get(pk=cast.acme.pk)
    assert is_sealed_with_first_key(paused.token_sealed)
    assert paused.pause_code == PauseCode.MANAGER


def test_killed_half_way_next_pass_does_the_rest(tmp_path: Path) -> None:
    """The real command on a database of its own, killed with -9 after its first UPDATE."""
    database, points = tmp_path / "db.sqlite3", tmp_path / "points"
    points.mkdir()
    keys = [Fernet.generate_key().decode() for _number in range(2)]
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{database}",
        "EXPORT_ROOT": str(tmp_path / "exports"),
        "LAC_CRASH_POINTS": str(points),
    }

    def manage(*arguments: str, keys: str, token: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            env=environment | {"TOKEN_ENCRYPTION_KEYS": keys},
            cwd=REPOSITORY,
            input=token,
            capture_output=True,
            text=True,
            timeout=120,
        )

    assert manage("migrate", "--verbosity", "0", keys=keys[0]).returncode == 0
    for name in ("one", "two", "three"):
        asked = ("create_workspace", "--base-url", "https://analytics.liferay.com", "--name", name)
        made = manage(*asked, keys=keys[0], token=f"a-token-that-is-rotated-{name}")
        assert made.returncode == 0, made.stderr
    (points / "token_resealed").write_text("SIGKILL")
    killed = manage("rotate_token_keys", keys=",".join(reversed(keys)))
    assert killed.returncode == -signal.SIGKILL
    assert _opened_by(database, keys[1]) == 1
    again = manage("rotate_token_keys", keys=",".join(reversed(keys)))
    assert (again.returncode, again.stdout) == (0, "2 encrypted anew, 1 had the first key already.\n")
    assert manage("rotate_token_keys", "--check", keys=keys[1]).returncode == 0
    assert _opened_by(database, keys[1]) == 3
    assert manage("rotate_token_keys", keys=keys[0]).returncode == 1


def _sealed() -> list[str]:
    return list(Workspace.objects.exclude(token_sealed="").order_by("pk").values_list("token_sealed", flat=True))


def _opened_by(database: Path, key: str) -> int:
    box = Fernet(key)
    count = 0
    with sqlite3.connect(database) as connection:
        rows = connection.execute("select token_sealed from exports_workspace").fetchall()
    connection.close()
    for (text,) in rows:
        try:
            box.decrypt(text.encode())
        except InvalidToken:
            continue
        count += 1
    return count


def test_seal_uses_the_first_key(new_key: str) -> None:
    assert is_sealed_with_first_key(seal("text"))
