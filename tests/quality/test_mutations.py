"""The list of mutations stays true to code, tests and docs/faults.md; `python -m tests.mutations` runs it."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.mutations.entries import Mutation, all_mutations, rows_without
from tests.quality.test_faults_page import NAME, ROOT

MUTATIONS = all_mutations()
ROW = re.compile(r"^\| (?!Fault |Promise )(.+?) \| (.+) \|$", re.MULTILINE)


def rows() -> dict[str, str]:
    """Return the second cell of each row of the page by its first."""
    found: list[tuple[str, str]] = ROW.findall((ROOT / "docs" / "faults.md").read_text())
    assert len(found) == len(dict(found)) > 40
    return dict(found)


def misfits(mutation: Mutation) -> Iterator[str]:
    """Say which of its texts doesn't stand exactly once in its file, or leaves no program there."""
    texts: dict[str, str] = {}
    for edit in mutation.edits:
        before = texts.get(edit.file) or (ROOT / edit.file).read_text()
        try:
            texts[edit.file] = edit.applied(before)
        except ValueError as problem:
            yield f"{mutation.name}: {problem}"
            continue
        if texts[edit.file] == before:
            yield f"{mutation.name}: nothing changes in {edit.file}"
    for file, text in texts.items():
        try:
            ast.parse(text)
        except SyntaxError as problem:
            yield f"{mutation.name}: {file} is no program any more: {problem}"


@cache
def defined_in(file: Path) -> set[str]:
    """Return the node ids, without parameters, of a file's tests."""
    found = set()
    for node in ast.parse(file.read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + one.name for one in inside if isinstance(one, ast.FunctionDef)}
    return found


def test_text_that_is_taken_away_stands_exactly_once_and_leaves_a_program() -> None:
    assert [line for mutation in MUTATIONS for line in misfits(mutation)] == []


def test_test_that_must_notice_exists() -> None:
    ids = {mutation.test.partition("[")[0].partition("::")[::2] for mutation in MUTATIONS}
    assert [f"{file}::{test}" for file, test in ids if test not in defined_in(ROOT / file)] == []


def test_every_row_of_the_page_has_a_mutation_that_a_test_of_the_row_notices_or_a_reason() -> None:
    page = rows()
    for mutation in MUTATIONS:
        assert mutation.row in page, mutation.name
        name = mutation.test.partition("[")[0].rpartition("::")[2]
        assert name in NAME.findall(page[mutation.row]), f"{mutation.name}: its row does not name {name}"
    covered = {mutation.row for mutation in MUTATIONS}
    reasons = rows_without()
    assert covered.isdisjoint(reasons)
    assert covered | set(reasons) == set(page)
    assert all(len(why) > 20 for why in reasons.values())


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(one.name for one in MUTATIONS).items() if count > 1] == []
