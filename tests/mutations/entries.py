"""The list of mutations (`list/*.toml`, a file for each part of docs/faults.md), read and typed."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LIST = Path(__file__).parent / "list"
TIME_OUT = 600.0  # seconds; a machine that is busy with other things takes its time


@dataclass(frozen=True)
class Edit:
    """One text put in the place of another.

    Attributes:
        file: from the root of the repository.
        old: the protection; stands exactly once in the file.
        new: what stands there without it.
    """

    file: str
    old: str
    new: str

    def applied(self, text: str) -> str:
        """Return the file's text with the edit made.

        Raises:
            ValueError: the old text does not stand there exactly once.
        """
        if (count := text.count(self.old)) != 1:
            raise ValueError(f"{self.file}: the text stands there {count} times: {self.old[:60]!r}")
        return text.replace(self.old, self.new)


@dataclass(frozen=True)
class Mutation:
    """One protection taken away.

    Attributes:
        row: the first cell of the row of docs/faults.md to which it belongs.
        edits: more than one where protections stand in for each other: only without all of them is there none.
        test: node id of the test that must notice; one that the row names.
        time_out: seconds.
        hangs: that the test does not end counts as noticed.
    """

    name: str
    row: str
    edits: Sequence[Edit]
    test: str
    time_out: float = TIME_OUT
    hangs: bool = False

    def write(self, root: Path) -> None:
        """Make the edits in a copy of the repository."""
        for edit in self.edits:
            path = root / edit.file
            path.write_text(edit.applied(path.read_text()))


def all_mutations() -> list[Mutation]:
    """Return the whole list, in the order of its files."""
    return [mutation for table in _tables() for mutation in map(_mutation, table.get("mutation", []))]


def rows_without() -> dict[str, str]:
    """Return the rows of docs/faults.md that have no mutation, and why."""
    return {row: why for table in _tables() for row, why in table.get("none", {}).items()}


def _tables() -> Iterator[dict[str, Any]]:
    for path in sorted(LIST.glob("*.toml")):
        yield tomllib.loads(path.read_text())


def _mutation(table: dict[str, Any]) -> Mutation:
    """Read one entry: `file`, `old` and `new` are its first edit, `also` holds more."""
    known = dict(table)
    first = {key: known.pop(key) for key in ("file", "old", "new")}
    edits = [Edit(**{"file": first["file"]} | edit) for edit in [first, *known.pop("also", [])]]
    return Mutation(edits=edits, **known)
