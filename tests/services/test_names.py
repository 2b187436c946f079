"""Names of exports, each once: which have a text, and whether there are too many to say."""

import pytest

from exports.models import Export
from exports.services.names import names_with
from tests.support.cast import Cast, make_export

MOST = 3


def name(cast: Cast, *names: str) -> None:
    for one in names:
        make_export(cast.acme, cast.bob, name=one)


def test_names_that_have_the_text_come_each_once(cast: Cast) -> None:
    name(cast, "", "October", "October", "Report of October", "November")
    assert names_with("OCTOBER", most=MOST) == ["October", "Report of October"]
    assert names_with("zzz", most=MOST) == []


def test_without_names_none_has_it(cast: Cast) -> None:
    assert names_with("zzz", most=MOST) == []
    name(cast, "", "")
    assert names_with("", most=MOST) == []


@pytest.mark.parametrize(("number", "is_said"), [(MOST, True), (MOST + 1, False)])
def test_more_different_names_than_may_be_looked_at(cast: Cast, number: int, is_said: bool) -> None:
    name(cast, *(f"Report {count}" for count in range(number)))
    assert names_with("zzz", most=MOST) == ([] if is_said else None)


@pytest.mark.parametrize("names", [("Report",) * MOST, ("A report", "The report", "A report")])
def test_more_exports_of_these_names_than_may_be_told_apart(cast: Cast, names: tuple[str, ...]) -> None:
    name(cast, *names, "Other", "Other", "Other", "Other")
    found = names_with("report", most=MOST)
    assert found is not None
    assert sorted(found) == sorted(set(names))
    name(cast, names[0])
    assert names_with("report", most=MOST) is None
    assert names_with("other", most=MOST) is None
    assert names_with("zzz", most=MOST + 1) == []


@pytest.mark.parametrize("text", ["%", "_", "\\", "100%", "'; DROP TABLE", "十月", "É", "é", "ß"])
def test_names_are_compared_as_the_framework_compares(cast: Cast, text: str) -> None:
    name(cast, "100% of it", "a_b", "back\\slash", "十月のページ", "É", "é", "Straße")
    expected = Export.objects.filter(name__gt="", name__icontains=text).values_list("name", flat=True)
    found = names_with(text, most=100)
    assert found is not None
    assert sorted(found) == sorted(expected)
