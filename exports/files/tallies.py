"""Counts over one column, block by block, in memory that does not grow with the rows."""

from typing import Final

import polars as pl

from exports.files.profile_document import QUARTER_SECONDS, TOP_VALUES, Column, Kind

_SKETCH: Final = 2048
_CANDIDATES: Final = 1000
_TEXT_MOST: Final = 200
_QUARTERS_MOST: Final = 50_000
_HASHES: Final = 2.0**64
_WHOLE: Final = r"\A-?(?:0|[1-9][0-9]{0,17})\z"
_NUMBER: Final = r"\A-?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,12})?\z"
# Other zones than upstream's one are text: shifting them would need a parser for what never comes.
_MOMENT: Final = r"\A[12]\d{3}-[01]\d-[0-3]\d[ T][0-2]\d:[0-5]\d(?::\d\d(?:\.\d{1,9})?)? ?(?:UTC|GMT|[Zz])?\z"


class ColumnTally:
    """One column: how full, how many different, from where to where, which values most."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._filled = 0
        self._least: str | None = None
        self._greatest: str | None = None
        self._numbers: tuple[float, float] | None = None
        self._wholes: tuple[int, int] | None = None
        self._shapes = {"whole": True, "number": True, "moment": True}
        self._hashes: pl.Series | None = None
        self._distinct_is_exact = True
        self._top: dict[str, int] = {}
        self._top_is_exact = True

    def add(self, column: pl.Series) -> None:
        """Take in the cells of one block, all text or null."""
        values = column.filter(column.is_not_null() & (column != ""))
        if not len(values):
            return
        self._filled += len(values)
        counted = values.value_counts(sort=True, name="count")
        different = counted.to_series(0)
        self._span(different)
        self._sketch(different)
        self._count(different, counted["count"])

    def column(self) -> Column:
        """What was counted."""
        top = sorted(self._top.items(), key=lambda item: (-item[1], item[0]))[:TOP_VALUES]
        kind = self._kind()
        least, greatest = self._least, self._greatest
        if kind == "whole" and self._wholes:
            least, greatest = str(self._wholes[0]), str(self._wholes[1])
        elif kind == "number" and self._numbers:
            least, greatest = (f"{end:.12g}" for end in self._numbers)
        return Column(
            name=self._name,
            kind=kind,
            filled=self._filled,
            distinct=self._distinct(),
            distinct_is_exact=self._distinct_is_exact,
            least=least,
            greatest=greatest,
            top=top,
            top_is_exact=self._top_is_exact,
        )

    def _kind(self) -> Kind:
        if not self._filled:
            return "empty"
        if self._shapes["whole"]:
            return "whole"
        if self._shapes["number"]:
            return "number"
        return "moment" if self._shapes["moment"] else "text"

    def _span(self, different: pl.Series) -> None:
        texts = [str(different.min())[:_TEXT_MOST], str(different.max())[:_TEXT_MOST]]
        self._least = min(texts[0], self._least) if self._least is not None else texts[0]
        self._greatest = max(texts[1], self._greatest) if self._greatest is not None else texts[1]
        for shape, pattern in (("whole", _WHOLE), ("number", _NUMBER), ("moment", _MOMENT)):
            self._shapes[shape] = self._shapes[shape] and bool(different.str.contains(pattern).all())
        if self._shapes["whole"]:
            whole = different.cast(pl.Int64)
            ends = [int(whole.min()), int(whole.max()), *(self._wholes or ())]  # type: ignore[arg-type]
            self._wholes = (min(ends), max(ends))
        if self._shapes["number"]:
            number = different.cast(pl.Float64)
            spans = [float(number.min()), float(number.max()), *(self._numbers or ())]  # type: ignore[arg-type]
            self._numbers = (min(spans), max(spans))

    def _sketch(self, different: pl.Series) -> None:
        """Keep the smallest hashes: how closely they lie tells how many there are."""
        hashes = different.hash(seed=7)
        if self._hashes is not None:
            hashes = pl.concat([self._hashes, hashes]).unique()
        if len(hashes) > _SKETCH:
            hashes = hashes.bottom_k(_SKETCH)
            self._distinct_is_exact = False
        self._hashes = hashes

    def _distinct(self) -> int:
        if self._hashes is None:
            return 0
        if self._distinct_is_exact:
            return len(self._hashes)
        largest = int(self._hashes.max()) + 1  # type: ignore[arg-type]
        return min(self._filled, round((_SKETCH - 1) * _HASHES / largest))

    def _count(self, different: pl.Series, counts: pl.Series) -> None:
        if len(different) > _CANDIDATES:
            self._top_is_exact = False
        texts = different.head(_CANDIDATES).str.head(_TEXT_MOST).to_list()
        for text, number in zip(texts, counts.head(_CANDIDATES).to_list(), strict=True):
            self._top[text] = self._top.get(text, 0) + number
        if len(self._top) > 2 * _CANDIDATES:
            self._top_is_exact = False
            kept = sorted(self._top.items(), key=lambda item: -item[1])[:_CANDIDATES]
            self._top = dict(kept)


class TimeTally:
    """Rows by quarter of an hour, UTC; nonsense, and other zones than upstream's one, count as undated."""

    def __init__(self) -> None:
        self._quarters: dict[int, int] = {}
        self.undated = 0

    def add(self, column: pl.Series) -> None:
        """Take in the cells of one block, all text or null."""
        dated = column.filter(column.str.contains(_MOMENT).fill_null(value=False))
        minutes = dated.str.head(16).str.replace("T", " ", literal=True)
        moments = minutes.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="ms").drop_nulls()
        self.undated += len(column) - len(moments)
        quarters = (moments.dt.epoch("s") // QUARTER_SECONDS) * QUARTER_SECONDS
        for quarter, number in quarters.value_counts().iter_rows():
            if quarter in self._quarters or len(self._quarters) < _QUARTERS_MOST:
                self._quarters[quarter] = self._quarters.get(quarter, 0) + number
            else:
                self.undated += number

    def quarters(self) -> list[tuple[int, int]]:
        """Start (seconds since 1970) and number of rows of each quarter that has any, the earliest first."""
        return sorted(self._quarters.items())
