"""Japanese is complete: every string of the code has its translation, and the compiled catalogue is of these texts."""

import ast
import gettext
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

ROOT = Path(settings.BASE_DIR)
FOLDER = ROOT / "exports" / "locale" / "ja" / "LC_MESSAGES"
# Argument places of the text (and its plural) by function; pgettext's first is the context.
CALLS = {"_": 0, "gettext": 0, "gettext_lazy": 0, "ngettext": 0, "ngettext_lazy": 0, "pgettext": 1, "pgettext_lazy": 1}
PLACEHOLDER = re.compile(r"%\((\w+)\)[sd]")


def messages() -> list[Message]:
    with (FOLDER / "django.po").open("rb") as file:
        return [message for message in read_po(file, locale="ja") if message.id]


def texts_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            place = CALLS.get(name)
            if place is not None and len(node.args) > place and isinstance(node.args[place], ast.Constant):
                value = node.args[place].value  # type: ignore[attr-defined]
                if isinstance(value, str):
                    yield value


def texts_of_code() -> set[str]:
    found: set[str] = set()
    for file in [*ROOT.glob("exports/**/*.py"), *ROOT.glob("lacportal/**/*.py")]:
        found.update(texts_in(file.read_text()))
    return found


def texts_of_templates() -> set[str]:
    found: set[str] = set()
    for file in ROOT.glob("templates/**/*"):
        if file.suffix not in (".html", ".txt"):
            continue
        marked = templatize(file.read_text())
        for call in re.finditer(
            r"(?:\bn?gettext\(|\bn?pgettext\([^,]+,)\s*u?('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")", marked
        ):
            found.add(ast.literal_eval(call[1]))
        for call in re.finditer(r"(?<!\w)_\(\s*('(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")\s*\)", marked):
            found.add(ast.literal_eval(call[1]))
    return found


def test_every_string_of_the_code_is_in_the_catalogue() -> None:
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in messages()}
    missing = (texts_of_code() | texts_of_templates()) - known
    assert not missing, sorted(missing)


def test_every_string_is_translated_and_none_is_a_guess() -> None:
    for message in messages():
        assert not message.fuzzy, message.id
        assert all(message.string if isinstance(message.string, tuple) else (message.string,)), message.id


def test_placeholders_are_the_same_in_both_languages() -> None:
    for message in messages():
        source = message.id if isinstance(message.id, str) else message.id[-1]
        target = message.string if isinstance(message.string, str) else message.string[0]
        assert set(PLACEHOLDER.findall(source)) == set(PLACEHOLDER.findall(target)), message.id


def test_compiled_catalogue_is_of_these_texts() -> None:
    with (FOLDER / "django.po").open("rb") as file:
        fresh = io.BytesIO()
        write_mo(fresh, read_po(file, locale="ja"))
    fresh.seek(0)
    with (FOLDER / "django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    wanted = gettext.GNUTranslations(fresh)._catalog  # type: ignore[attr-defined]
    assert {key: text for key, text in compiled.items() if key} == {key: text for key, text in wanted.items() if key}


@pytest.mark.parametrize("mark", ["(", ")", "…。"])
def test_japanese_keeps_its_own_punctuation(mark: str) -> None:
    for message in messages():
        target = message.string if isinstance(message.string, str) else message.string[0]
        plain = PLACEHOLDER.sub("", target)
        if re.search(r"[\u3040-\u30ff]", plain):
            assert mark not in plain, target
