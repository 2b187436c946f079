"""Promise 6: every code has a sentence, a turn and a next action, in both languages."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from django.utils import translation

from exports import services
from exports.analytics_cloud.replies import RejectedReason, UnavailableReason, UnintelligibleReason
from exports.analytics_cloud.streams import CutReason
from exports.files.refusals import REFUSAL_CODES
from exports.models import ExportEvent, PauseCode
from exports.services import describe, events, words
from exports.services.token_test import SENTENCES, Verdict

CLOSED_SETS = {
    "rejected": set(get_args(RejectedReason)),
    "answer": set(get_args(UnintelligibleReason)),
    "download": set(get_args(CutReason)),
    "file": set(REFUSAL_CODES),
}
WAYS = set(get_args(UnavailableReason))
ENDS_AN_EXPORT = {f"{family}_{code}" for family, codes in CLOSED_SETS.items() for code in codes} | {
    *("upstream_failed", "upstream_stuck", "worker_died", "file_lost")
}


def sources() -> Iterator[ast.Module]:
    """Yield the engine's modules."""
    for path in sorted(Path(services.__path__[0]).glob("*.py")):
        yield ast.parse(path.read_text())


def texts_given(function: str, position: int, keyword: str) -> set[str]:
    """Return the texts that calls of a function name in the code."""
    found = set()
    for module in sources():
        for node in ast.walk(module):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name != function:
                continue
            given = list(node.args[position : position + 1])
            given += [argument.value for argument in node.keywords if argument.arg == keyword]
            found |= {item.value for item in given if isinstance(item, ast.Constant) and isinstance(item.value, str)}
    return found - {""}


@pytest.mark.parametrize("code", sorted(ENDS_AN_EXPORT))
def test_code_that_can_end_an_export_has_words(code: str) -> None:
    found = words.of_problem(code)
    for language in ("en", "ja"):
        with translation.override(language):
            assert str(found.message)[-1] in ".。"
            assert str(found.next_action)[-1] in ".。"
            assert str(words.TURN_LABELS[found.turn])
            # Once is not every time.
            assert words.fault_sentence(code) == str(words.FAULTS.get(code, found.message))
            assert "every time" not in words.fault_sentence(code)


@pytest.mark.parametrize("code", sorted(f"way_{reason}" for reason in WAYS))
def test_fault_of_the_way_has_a_sentence(code: str) -> None:
    assert words.fault_sentence(code).endswith(".")


def test_no_words_are_left_over() -> None:
    of_families = {code for code in words.PROBLEMS if code.split("_")[0] in CLOSED_SETS}
    assert of_families <= ENDS_AN_EXPORT
    assert {code for code in words.FAULTS if code.startswith("way_")} == {f"way_{reason}" for reason in WAYS}


@pytest.mark.parametrize("code", sorted(events.ALL_CODES))
def test_event_has_a_sentence_that_its_data_fills(code: str) -> None:
    data = {
        "problem": "way_html",
        "attempt": 1,
        "of": 5,
        "shift_ms": 1,
        "rows": 2,
        "bytes": 3,
        "reason": "why",
        "person": "Dana",
    }
    entry = describe.entry_of(ExportEvent(code=code, data=data))
    assert entry.sentence
    assert "%" not in entry.sentence
    assert entry.tone in ("plain", "good", "bad", "warn", "ended")


def test_events_and_their_sentences_are_the_same_set() -> None:
    assert set(words.EVENTS) == set(events.ALL_CODES)
    assert set(describe.TONES) <= set(events.ALL_CODES)


def test_every_reason_to_wait_that_the_engine_gives_has_a_sentence() -> None:
    given = texts_given("wait", 1, "code") | texts_given("waiting_values", 1, "code")
    given |= texts_given("try_again", 99, "waiting_code") | texts_given("_waiting", 0, "code")
    assert {"turn", "retry", "upstream_pending", "storage_full", "our_fault", "handed_back", "download"} <= given
    shown_otherwise = {"workspace_paused"}  # the pause's own code is shown
    assert given - shown_otherwise <= set(words.WAITS)


def test_every_problem_that_the_engine_names_has_a_sentence() -> None:
    given = texts_given("charge", 1, "problem") | texts_given("try_again", 1, "problem")
    given |= texts_given("fail", 1, "code")
    assert {"upstream_failed", "storage_full", "our_fault", "worker_died", "upstream_stuck"} <= given
    for code in given:
        assert words.fault_sentence(code)


@pytest.mark.parametrize("code", PauseCode.values)
def test_pause_has_words_for_who_waits(code: str) -> None:
    sentence, turn = words.WAITS[code]
    assert str(sentence).endswith(".")
    assert str(words.TURN_LABELS[turn])


def test_token_verdicts_have_sentences() -> None:
    assert set(SENTENCES) == set(Verdict)


def test_code_of_a_newer_version_takes_no_page_down() -> None:
    later = words.of_problem("nobody_knows")
    assert later not in words.PROBLEMS.values()
    assert words.fault_sentence("nobody_knows") == str(later.message)
    assert words.of_wait("nobody_knows")[0] == later.message
    assert describe.entry_of(ExportEvent(code="nobody_knows", data={"rows": 1})).sentence == str(later.message)


def test_no_sentence_speaks_of_exceptions_or_code() -> None:
    for found in words.PROBLEMS.values():
        text = f"{found.message} {found.next_action}"
        assert not re.search(r"Error\b|Exception|Traceback|None\b|\bnull\b|[a-z]_[a-z]", text), text


def test_every_wait_says_what_comes_next() -> None:
    assert set(words.NEXT_STEPS) == set(words.WAITS)
    assert set(words.WAITS) >= words.MANAGERS_WAITS
    for language in ("en", "ja"):
        with translation.override(language):
            assert all(str(sentence)[-1] in ".。" for sentence in words.NEXT_STEPS.values())
