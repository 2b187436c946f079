"""Japanese is complete: every string of the sources translated, nothing fuzzy, the compiled file of the same age."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from tests.support.presence import missing

ROOT = Path(__file__).resolve().parents[2]
CATALOGUE = Path("exports/locale/ja/LC_MESSAGES/django.po")


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale="ja")


def _key(message: Message) -> tuple[str | None, str]:
    # Babel's reader of compiled files leaves contexts as bytes.
    context = message.context.decode() if isinstance(message.context, bytes) else message.context
    return context, message.id if isinstance(message.id, str) else message.id[0]


def _texts(catalogue: Catalog) -> dict[tuple[str | None, str], list[str]]:
    return {
        _key(message): [message.string] if isinstance(message.string, str) else list(message.string)
        for message in catalogue
        if message.id
    }


def test_every_string_of_the_catalogue_is_translated_and_none_is_fuzzy() -> None:
    catalogue = _read(ROOT / CATALOGUE)
    assert [_key(message) for message in catalogue if message.id and message.fuzzy] == []
    assert [key for key, texts in _texts(catalogue).items() if not all(texts)] == []


def test_compiled_catalogue_is_of_the_same_age() -> None:
    with (ROOT / CATALOGUE).with_suffix(".mo").open("rb") as file:
        assert _texts(read_mo(file)) == _texts(_read(ROOT / CATALOGUE))


def test_catalogue_has_every_string_of_the_sources_and_no_other(tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        missing("gettext", "Install Debian's `gettext` to compare the catalogue with the sources.")
    for name in ("exports", "lacportal", "templates"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.mo"))
    shutil.copy(ROOT / "manage.py", tmp_path)
    subprocess.run(
        [sys.executable, "manage.py", "makemessages", "--locale", "ja", "--no-obsolete", "--no-location"],
        cwd=tmp_path,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "lacportal.settings"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    found, kept = set(_texts(_read(tmp_path / CATALOGUE))), set(_texts(_read(ROOT / CATALOGUE)))
    assert (sorted(map(str, found - kept)), sorted(map(str, kept - found))) == ([], [])
