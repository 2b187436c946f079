"""An object store that is away: what was decided stands, and what can't be had now is said in words."""

import json
import time
from http import HTTPStatus

import pytest
from django.conf import LazySettings

from exports import tasks
from exports.models import DerivedFile, Export, Heartbeat, Status
from exports.services import cancel, expire, stored
from exports.services.health import FORGOTTEN
from exports.services.parcels import parcel_response
from exports.services.refusals import WrongState
from tests.services.test_downloads import make_derived
from tests.support.cast import STORE_THAT_IS_AWAY, ApiCaller, Cast, content_of, make_export, make_ready_export
from tests.web.conftest import Browse
from tests.web.conftest import browse as browse

pytestmark = pytest.mark.django_db


def test_file_that_cannot_be_had_now_is_no_lost_file(cast: Cast, browse: Browse, settings: LazySettings) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    make_derived(export, b"1,2")
    settings.EXPORT_STORAGE_URL = STORE_THAT_IS_AWAY
    for query in ("", "?format=csv"):
        page = browse(cast.vera).get(f"/exports/{export.pk}/download/{query}")
        assert (page.status_code, page["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "60")
        assert "The file is not lost" in page.content.decode()
        assert f'href="/exports/{export.pk}/download/{query}"' in page.content.decode()  # to try again
        answer = ApiCaller(cast.vera).get(f"exports/{export.pk}/file{query}")
        assert (answer.status_code, answer["Retry-After"]) == (HTTPStatus.SERVICE_UNAVAILABLE, "60")
        assert json.loads(answer.content)["code"] == "storage_unreachable"
        assert b"sesame" not in page.content + answer.content
    export.refresh_from_db()
    assert export.status == Status.READY
    assert DerivedFile.objects.filter(export=export).count() == 1


def test_zip_of_several_says_what_could_not_be_had(cast: Cast, settings: LazySettings) -> None:
    exports = [make_ready_export(cast.acme, cast.bob) for _ in range(2)]
    settings.EXPORT_STORAGE_URL = STORE_THAT_IS_AWAY
    response = parcel_response(user=cast.vera, keys=[export.pk for export in exports], address=None)
    assert content_of(response).count(b"does not answer right now") == len(exports)


def test_preview_of_a_store_that_is_away_says_so(cast: Cast, browse: Browse, settings: LazySettings) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    make_derived(export, b"{}", format="profile", variant="profile")
    settings.EXPORT_STORAGE_URL = STORE_THAT_IS_AWAY
    page = browse(cast.vera).get(f"/exports/{export.pk}/preview/")
    assert page.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert DerivedFile.objects.get(export=export).state == DerivedFile.State.READY


def test_deeds_are_done_while_the_store_is_away_and_cost_one_time_out(
    cast: Cast, settings: LazySettings, caplog: pytest.LogCaptureFixture
) -> None:
    ready = [make_ready_export(cast.acme, cast.bob) for _ in range(20)]
    arriving = make_export(cast.acme, cast.bob, Status.DOWNLOADING, stored_name=f"{ready[0].pk}-9")
    settings.EXPORT_STORAGE_URL = STORE_THAT_IS_AWAY
    before = time.monotonic()
    cancel.cancel_export(user=cast.bob, export=arriving)
    one = time.monotonic() - before
    for export in ready:
        expire.delete_file_now(user=cast.bob, export=export)
    assert {row.status for row in Export.objects.all()} == {Status.CANCELLED, Status.EXPIRED}
    assert not Export.objects.exclude(stored_name="").exists()
    # Each left file is told of; only the first was asked for.
    told = [record.getMessage() for record in caplog.records if "file.left" in record.getMessage()]
    assert len(told) == 1 + len(ready)
    assert [("a moment ago" in line) for line in told] == [False] + [True] * len(ready)
    assert one < stored.AWAY_SECONDS
    with pytest.raises(WrongState):
        expire.delete_file_now(user=cast.bob, export=ready[0])


def test_part_on_this_machine_goes_although_the_store_is_away(cast: Cast, settings: LazySettings) -> None:
    settings.EXPORT_STORAGE_URL = STORE_THAT_IS_AWAY
    parts = [stored.storage().part_path(f"00000000-0000-4000-8000-00000000000{number}-1") for number in range(3)]
    for part in parts:
        part.write_bytes(b"x")
    assert not stored.discard(*[part.name.removesuffix(".part") for part in parts])
    assert not any(part.exists() for part in parts)


def test_file_that_is_not_ours_to_remove_keeps_no_other(cast: Cast) -> None:
    one, other = (make_ready_export(cast.acme, cast.bob) for _ in range(2))
    folder = stored.storage().part_path(one.stored_name).parent
    (folder / one.stored_name).unlink()
    (folder / one.stored_name).mkdir()  # no unlink removes it
    assert not stored.discard(one.stored_name, "", other.stored_name)
    assert not (folder / other.stored_name).exists()


def test_what_else_is_done_each_minute_does_not_wait_for_the_store(cast: Cast, settings: LazySettings) -> None:
    Heartbeat.objects.create(name="old", at=cast.acme.created_at - 2 * FORGOTTEN)
    settings.EXPORT_STORAGE_URL = STORE_THAT_IS_AWAY
    tasks.reap()
    assert not Heartbeat.objects.filter(name="old").exists()


def test_fault_of_one_chore_is_raised_after_the_others_are_done(cast: Cast, settings: LazySettings) -> None:
    Heartbeat.objects.create(name="old", at=cast.acme.created_at - 2 * FORGOTTEN)
    settings.EXPORT_STORAGE_URL = "ftp://nowhere"
    with pytest.raises(ValueError, match="storage address"):
        tasks.reap()
    assert not Heartbeat.objects.filter(name="old").exists()
