"""docs/faults.md names the test that holds each fault: a name that is gone would promise too much."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NAME = re.compile(r"`(test_\w+)`")


def named() -> set[str]:
    return set(NAME.findall((ROOT / "docs" / "faults.md").read_text()))


def defined(folder: Path) -> set[str]:
    functions = (
        node.name
        for path in folder.rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    )
    return {name for name in functions if name.startswith("test_")}


def test_every_test_on_the_page_exists() -> None:
    assert len(named()) > 60
    assert named() <= defined(ROOT / "tests")


def test_every_case_of_the_fault_tests_stands_on_the_page() -> None:
    plain = {
        *("test_all_in_order_health_is_good", "test_thirty_exports_undisturbed_all_ready_each_asked_once"),
        *("test_copied_from_a_backup_with_the_same_bytes_served", "test_expired_gone_and_said"),
        *("test_fault_of_the_way_asked_politely", "test_cancelled_in_a_download_asks_nothing_more_and_leaves_no_file"),
        *("test_child_forked_while_its_parent_uses_the_database_takes_locks_of_its_own", "test_planted_fault_is_found"),
    }
    assert defined(ROOT / "tests" / "faults") - named() == plain
