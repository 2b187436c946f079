"""What can be asked for, and the name it is kept under."""

from itertools import product

import pytest

from exports.files.names import is_stored_name
from exports.services.refusals import Refused
from exports.services.variants import DELIMITERS, FORMATS, MADE, ORIGINAL, Variant, read_variant

ALL = [Variant(*choices) for choices in product(MADE, (True, False), DELIMITERS, (True, False), (True, False))]


def test_each_variant_has_a_name_of_its_own_and_is_found_by_it() -> None:
    names = [one.name for one in ALL]
    assert len(set(names)) == len(names)
    assert [Variant.named(name) for name in names] == ALL
    assert {Variant(name).name for name in FORMATS} == set(FORMATS)
    assert Variant("csv", guard=False).name == "csv-noguard"


def test_each_name_can_be_stored() -> None:
    export = "0b0e7e7e-0000-4000-8000-000000000000"
    longest = read_variant(format="csv", delimiter="semicolon", bom="off", guard="off")
    for one in (longest, read_variant(format="jsonl", gzip="on"), read_variant(format="xlsx", guard="off")):
        assert is_stored_name(f"{export}-7.1.{one.name}")


def test_choices_left_out_are_the_usual_ones() -> None:
    assert read_variant(format="original") == ORIGINAL
    for name in FORMATS:
        assert read_variant(format=name) == Variant(name)
        assert read_variant(format=name, guard="on", delimiter="comma", bom="on", gzip="off") == Variant(name)


def test_choices_are_read() -> None:
    assert read_variant(format="csv", delimiter="tab", bom="off", guard="off") == Variant("csv", False, "tab", False)
    assert read_variant(format="jsonl", gzip="on") == Variant("jsonl", gzip=True)
    assert read_variant(format="xlsx", guard="off") == Variant("xlsx", guard=False)


@pytest.mark.parametrize("name", ["original", "jsonl", "json", "parquet"])
def test_guard_means_nothing_where_nothing_is_run(name: str) -> None:
    assert read_variant(format=name, guard="off") == Variant(name)


@pytest.mark.parametrize(
    ("choices", "field", "code"),
    [
        ({"format": "exe"}, "format", "unknown_format"),
        ({"format": "profile"}, "format", "unknown_format"),
        ({"format": ""}, "format", "unknown_format"),
        ({"format": "csv", "delimiter": "|"}, "delimiter", "unknown_choice"),
        ({"format": "csv", "bom": "maybe"}, "bom", "unknown_choice"),
        ({"format": "csv", "guard": "OFF"}, "guard", "unknown_choice"),
        ({"format": "csv", "gzip": "on"}, "gzip", "choice_without_effect"),
        ({"format": "original", "gzip": "on"}, "gzip", "choice_without_effect"),
        ({"format": "xlsx", "delimiter": "tab"}, "delimiter", "choice_without_effect"),
        ({"format": "parquet", "bom": "off"}, "bom", "choice_without_effect"),
    ],
)
def test_choice_that_would_change_nothing_is_refused(choices: dict[str, str], field: str, code: str) -> None:
    with pytest.raises(Refused) as refused:
        read_variant(**choices)
    assert (refused.value.code, refused.value.field) == (code, field)
