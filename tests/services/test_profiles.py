"""A file's profile: made once like a format, readable at once after that, never a matter for the export itself."""

import json
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from exports.models import DerivedFile, Export, Status
from exports.services import expire, formats, stored
from exports.services.profiles import FAILED_RESTS, ProfileState, look_at_profile
from exports.services.refusals import WrongState
from tests.support.cast import Cast, make_export, make_ready_export, zip_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def export(cast: Cast) -> Export:
    return make_ready_export(cast.acme, cast.bob)


def look(cast: Cast, export: Export) -> ProfileState:
    return look_at_profile(user=cast.vera, export=export)


def row_of(export: Export) -> DerivedFile:
    return DerivedFile.objects.get(export=export, variant="profile")


def test_profile_wanted_twice_is_made_once_and_read_after_that(cast: Cast, export: Export) -> None:
    assert look(cast, export).profile is None
    assert look(cast, export).profile is None
    row = row_of(export)
    assert formats.make_format(row.pk)
    assert not formats.make_format(row.pk)
    profile = look(cast, export).profile
    assert profile is not None
    assert (profile.rows, profile.names) == (3, ["title", "canonicalUrl"])


def test_profile_that_can_not_be_made_leaves_the_export_as_it_is(cast: Cast) -> None:
    broken = make_ready_export(cast.acme, cast.bob, zip_of(b'{"a":1}\n')[:-30])
    look(cast, broken)
    for _attempt in range(formats.MAX_ATTEMPTS):
        DerivedFile.objects.update(leased_until=None)
        assert not formats.make_format(row_of(broken).pk)
    assert look(cast, broken) == ProfileState(None, has_failed=True)
    broken.refresh_from_db()
    assert broken.status == Status.READY
    with time_machine.travel(timezone.now() + FAILED_RESTS + timedelta(seconds=1)):
        assert look(cast, broken) == ProfileState(None)
    assert row_of(broken).state == DerivedFile.State.WANTED


@pytest.mark.parametrize("damage", ["gone", "no json", "of another version"])
def test_profile_lost_or_unreadable_is_made_again_under_a_new_name(damage: str, cast: Cast, export: Export) -> None:
    look(cast, export)
    formats.make_format(row_of(export).pk)
    before = row_of(export).stored_name
    path = stored.storage().local_path(before)
    assert path is not None
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(b"\x00not json" if damage == "no json" else json.dumps({"rows": "many"}).encode())
    assert look(cast, export) == ProfileState(None)
    assert formats.make_format(row_of(export).pk)
    assert look(cast, export).profile is not None
    assert row_of(export).stored_name != before
    assert before not in {found.name for found in stored.storage().names()}


def test_profile_goes_with_the_file(cast: Cast, export: Export) -> None:
    look(cast, export)
    formats.make_format(row_of(export).pk)
    expire.delete_file_now(user=cast.alice, export=export)
    assert list(stored.storage().names()) == []
    assert not DerivedFile.objects.exists()


def test_export_without_file_has_no_profile_either(cast: Cast) -> None:
    with pytest.raises(WrongState):
        look(cast, make_export(cast.acme, cast.bob, Status.FAILED))
    assert not DerivedFile.objects.exists()
