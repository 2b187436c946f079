"""`python -m tests.mutations [name ...]`: take protections away one by one, and see whether a test notices.

Each mutation is made in a copy of the working tree that is thrown away afterwards; names may be parts of names.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutations.entries import Mutation, all_mutations
from tests.support.processes import die_with_parent

ROOT = Path(__file__).resolve().parents[2]
TESTS_PASSED, TESTS_FAILED = 0, 1  # pytest's exit codes; 2 to 5 say that nothing was tested
SECONDS_TO_TIDY_UP = 60.0
REASON = re.compile(r"^(?:FAILED|ERROR) \S+.*? - (.*)", re.MULTILINE)


@dataclass(frozen=True)
class Outcome:
    """What the test did: pytest's exit code, or None when its time was over."""

    code: int | None
    seconds: float
    output: str

    @property
    def words(self) -> str:
        """The first failure in a line."""
        found = REASON.search(self.output)
        return found[1][:100] if found else ""


def main(arguments: Sequence[str]) -> int:
    """Run the chosen mutations; return 1 when one was not noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help="a mutation, or a part of its name; all when left out")
    parser.add_argument("--list", action="store_true", help="print the names and the tests, run nothing")
    parser.add_argument("--whole", action="store_true", help="change nothing: each test must pass then")
    parser.add_argument("--verbose", action="store_true", help="show what the tests print")
    options = parser.parse_args(arguments)
    chosen = _chosen(options.names)
    if not chosen:
        parser.error("no mutation has such a name")
    if options.list:
        for mutation in chosen:
            print(f"{mutation.name:44} {mutation.test}")
        return 0
    if options.whole:
        chosen = list({mutation.test: mutation for mutation in chosen}.values())
    missed = [mutation.name for mutation in chosen if not _proved(mutation, options.whole, options.verbose)]
    print(
        f"{len(chosen) - len(missed)} of {len(chosen)} {'passed' if options.whole else 'noticed'}", *missed, sep="\n  "
    )
    return 1 if missed else 0


def _chosen(names: Sequence[str]) -> list[Mutation]:
    """Return the mutations of these names, or of names that hold them where none is called so; all for no name."""
    every = all_mutations()
    whole = {one.name for one in every}.intersection(names)
    parts = [name for name in names if name not in whole]
    return [one for one in every if not names or one.name in whole or any(part in one.name for part in parts)]


def _proved(mutation: Mutation, whole: bool, verbose: bool) -> bool:
    outcome = run(mutation, whole=whole)
    if whole:
        good = outcome.code == TESTS_PASSED
        verdict = "passed" if good else "FAILED"
    else:
        good = outcome.code == TESTS_FAILED or (outcome.code is None and mutation.hangs)
        verdict = "noticed" if good else "NOT NOTICED"
    how = outcome.words if outcome.code == TESTS_FAILED else f"exit code {outcome.code}"
    how = "time is over" if outcome.code is None else how
    print(f"{mutation.name:44} {verdict:11} {outcome.seconds:6.1f} s  {how}", flush=True)
    if verbose or outcome.code not in (TESTS_PASSED, TESTS_FAILED, None):
        print(outcome.output, flush=True)
    return good


def run(mutation: Mutation, *, whole: bool = False) -> Outcome:
    """Run a mutation's test in a copy in which its protection is gone (``whole``: in which it still stands)."""
    with tempfile.TemporaryDirectory(prefix="lac-mutation-") as folder:
        tree = Path(folder) / "tree"
        _copy(tree)
        if not whole:
            mutation.write(tree)
        return _test(mutation, tree, Path(folder))


def _copy(tree: Path) -> None:
    """Copy what git tracks, and what it would, as it lies in the working tree; what is compiled of it comes along."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    files = [Path(name) for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]
    for folder in {file.parent for file in files}:
        (tree / folder).mkdir(parents=True, exist_ok=True)
        if (compiled := ROOT / folder / "__pycache__").is_dir():
            shutil.copytree(compiled, tree / folder / "__pycache__", ignore_dangling_symlinks=True)
    for file in files:
        shutil.copy2(ROOT / file, tree / file)  # with its time, by which Python knows what is compiled


def _test(mutation: Mutation, tree: Path, folder: Path) -> Outcome:
    command = [sys.executable, "-m", "pytest", mutation.test, "-n0", "--no-cov", "-x", "-q", "--timeout=0"]
    began = time.monotonic()
    with (folder / "output").open("w+b") as output:
        process = subprocess.Popen(
            command,
            cwd=tree,
            env=os.environ | {"COLUMNS": "240"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=_hear_of_our_end(),
        )
        code: int | None
        try:
            code = process.wait(mutation.time_out)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
        output.seek(0)
        return Outcome(code, time.monotonic() - began, output.read().decode(errors="replace"))


def _hear_of_our_end() -> Callable[[], None]:
    """Return what lets the kernel interrupt the test when we end."""
    ask = die_with_parent(signal.SIGINT)

    def prepare() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # ignored by whatever was started in the background
        if ask is not None:
            ask()

    return prepare


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a test that still runs: politely first, so that it stops the processes it has started."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(SECONDS_TO_TIDY_UP)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
