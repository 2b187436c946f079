"""Formats wanted while asking: made as soon as the file is ready, for each person as that person may see it."""

from typing import get_args

import pytest

from exports.api.schemas import FormatName
from exports.models import DerivedFile, Export, Membership, Requester
from exports.services import cancel, formats, masking, queue
from exports.services.queue import Outcome
from exports.services.refusals import Refused
from exports.services.variants import MADE
from exports.services.wishes import formats_wanted
from tests.engine.world import World


def made_of(export: Export) -> dict[str, str]:
    """Return the state of each variant that was asked for."""
    return dict(DerivedFile.objects.filter(export=export).values_list("variant", "state"))


def test_wishes_are_made_once_the_file_is_ready_and_not_before(world: World) -> None:
    export = world.queue(1, formats=["xlsx", "csv", "csv"])
    assert formats_wanted(export, world.bob) == ("csv", "xlsx")
    assert not made_of(export)
    [export] = world.run(export)
    assert made_of(export) == {"csv": "wanted", "xlsx": "wanted"}
    for row in DerivedFile.objects.all():
        assert formats.make_format(row.pk)
    assert made_of(export) == {"csv": "ready", "xlsx": "ready"}


def test_who_joins_adds_wishes_and_nothing_is_made_twice(world: World) -> None:
    export = world.queue(1, formats=["csv"])
    assert world.ask(1, by=world.carol, formats=["csv", "parquet"]).outcome is Outcome.JOINED
    assert world.ask(1, formats=["json"]).outcome is Outcome.JOINED
    assert world.ask(1).outcome is Outcome.JOINED  # asking again without a wish takes none back
    assert formats_wanted(export, world.bob) == ("json", "csv")
    [export] = world.run(export)
    assert made_of(export) == dict.fromkeys(("csv", "parquet", "json"), "wanted")


def test_who_leaves_takes_the_wishes_along(world: World) -> None:
    export = world.queue(1, formats=["csv"])
    world.ask(1, by=world.carol, formats=["parquet"])
    cancel.cancel_export(user=world.bob, export=world.see(export))
    Membership.objects.filter(user=world.carol).delete()
    [export] = world.run(export)
    assert not made_of(export)
    assert Requester.objects.get().user == world.carol


def test_file_that_is_ready_grants_only_the_wishes_of_who_asks(world: World) -> None:
    [export] = world.run(world.queue(1, formats=["csv"]))
    DerivedFile.objects.all().delete()
    assert world.ask(1, by=world.carol, formats=["parquet"]).outcome is Outcome.REUSED
    assert made_of(export) == {"parquet": "wanted"}


def test_wishes_are_masked_as_each_person_sees_the_file_when_it_is_ready(world: World) -> None:
    export = world.queue(1, formats=["csv"])
    world.ask(1, by=world.alice, formats=["csv"])
    masking.set_masking(actor=world.alice, workspace=world.acme, columns=["title"], roles=["member"])
    [export] = world.run(export)
    masks = dict(DerivedFile.objects.filter(export=export).values_list("variant", "mask"))
    assert masks.pop("csv") == []
    assert list(masks.values()) == [["title"]]


def test_run_again_wants_the_same_formats(world: World) -> None:
    [export] = world.run(world.queue(1, formats=["xlsx"]))
    again = queue.run_again(user=world.bob, export=export).export
    assert formats_wanted(again, world.bob) == ("xlsx",)
    cancel.cancel_export(user=world.bob, export=again)
    again = queue.run_again(user=world.bob, export=world.see(again)).export
    assert formats_wanted(again, world.bob) == ("xlsx",)
    # Somebody else gets what its first one wanted, unless that person had wishes, or none, of their own.
    [again] = world.run(again)
    assert formats_wanted(queue.run_again(user=world.carol, export=again).export, world.carol) == ("xlsx",)
    world.ask(2, formats=["csv"])
    joined = world.ask(2, by=world.carol).export
    cancel.cancel_export(user=world.alice, export=joined)
    again = queue.run_again(user=world.carol, export=world.see(joined)).export
    assert Requester.objects.get(export=again).formats == []


@pytest.mark.parametrize("name", ["original", "profile", "xls", ""])
def test_what_is_not_made_is_refused(world: World, name: str) -> None:
    with pytest.raises(Refused) as refused:
        world.ask(1, formats=["csv", name])
    assert (refused.value.code, refused.value.field) == ("unknown_format", "formats")
    assert not Export.objects.exists()


def test_api_offers_the_formats_that_are_made() -> None:
    assert get_args(FormatName) == MADE
