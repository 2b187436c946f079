"""What is known of a stored file without opening it: its first rows, its columns, its rows over time.

Kept as one JSON document beside the file; reading it needs none of the libraries that made it.
"""

from typing import Final, Literal

import msgspec

FIRST_ROWS: Final = 50
TOP_VALUES: Final = 20
QUARTER_SECONDS: Final = 900

Kind = Literal["text", "whole", "number", "moment", "empty"]


class Column(msgspec.Struct, frozen=True):
    """One column over all rows.

    `filled`: rows with a value that is not empty text. `distinct`: different values, a close estimate (about 2 %)
    unless `distinct_is_exact`. `least`, `greatest`: by number for `whole` and `number`, else by text; long ones cut.
    `top`: the most frequent values with their counts, which are lower bounds unless `top_is_exact`.
    """

    name: str
    kind: Kind
    filled: int
    distinct: int
    distinct_is_exact: bool
    least: str | None
    greatest: str | None
    top: list[tuple[str, int]]
    top_is_exact: bool


class Profile(msgspec.Struct, frozen=True):
    """A whole file.

    `names`: all columns, in order. `first`: up to fifty rows as text, in the order of `names`; `cut` says of which
    cells (row, column) only the beginning is kept. `columns`: one entry a column, but only for as many as are
    counted. `date_column`: which one `quarters` counts: rows by quarter of an hour (seconds since 1970, UTC);
    `undated` rows have none there.
    """

    rows: int
    names: list[str]
    first: list[list[str | None]]
    cut: list[tuple[int, int]]
    columns: list[Column]
    date_column: str | None
    quarters: list[tuple[int, int]]
    undated: int


_decode: Final = msgspec.json.Decoder(Profile).decode


def encode_profile(profile: Profile) -> bytes:
    """The document of `profile`."""
    return msgspec.json.encode(profile)


def decode_profile(document: bytes) -> Profile:
    """The profile of a document. Raises `msgspec.DecodeError` when it is none."""
    return _decode(document)
