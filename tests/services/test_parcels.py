"""One ZIP of several files: each looked at when its turn comes, each on record, what is missing said."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from exports.models import AuditEntry, Download, Export, Membership, Status, Workspace
from exports.services import flood, stored
from exports.services.masking import set_masking
from exports.services.parcels import ParcelBroken, parcel_response
from exports.services.refusals import Refused, TooMany, WrongState
from tests.support.cast import Cast, close, make_export, make_ready_export, make_workspace, zip_of

pytestmark = pytest.mark.django_db


def parcel(user: Any, *exports: Export) -> Any:
    return parcel_response(user=user, keys=[export.pk for export in exports], address="192.0.2.7")


def unpack(answer: Any) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    finally:
        close(answer)


def contents(archive: zipfile.ZipFile) -> str:
    return archive.read("contents.txt").decode()


def test_files_come_out_byte_for_byte_under_names_of_their_own(cast: Cast) -> None:
    start, other = datetime(2026, 1, 1, tzinfo=UTC), zip_of(b'{"a":1}\n')
    day: dict[str, Any] = {"range_from": start, "range_to": start + timedelta(days=1)}
    first = make_ready_export(cast.acme, cast.bob, **day)
    twin = make_ready_export(cast.acme, cast.bob, other, **day)
    bare = make_ready_export(cast.acme, cast.bob, b'{"a":2}\n', file_kind="json_lines", data_type="event", **day)
    answer = parcel(cast.vera, first, twin, bare)
    assert answer["Content-Disposition"].startswith('attachment; filename="exports-')
    with unpack(answer) as archive:
        names = archive.namelist()
        assert names == [
            "acme-page-2026-01-01_2026-01-02.zip",
            "acme-page-2026-01-01_2026-01-02-2.zip",
            "acme-event-2026-01-01_2026-01-02.jsonl",
            "contents.txt",
        ]
        assert archive.read(names[1]) == other
        assert archive.read(names[2]) == b'{"a":2}\n'
        assert first.sha256 in contents(archive)
        assert "Not included" not in contents(archive)


def test_each_file_is_on_record_as_it_goes_out(cast: Cast) -> None:
    files = [make_ready_export(cast.acme, cast.bob) for _number in range(3)]
    answer = parcel(cast.vera, *files)
    assert not Download.objects.exists()
    unpack(answer)
    entries = AuditEntry.objects.filter(action="export.downloaded")
    assert {entry.subject for entry in entries} == {str(file.pk) for file in files}
    assert {(entry.actor, entry.address) for entry in entries} == {(cast.vera, "192.0.2.7")}
    assert Download.objects.filter(user=cast.vera, format="original").count() == 3


def test_what_has_no_file_is_said_in_the_list(cast: Cast) -> None:
    ready = make_ready_export(cast.acme, cast.bob)
    running = make_export(cast.acme, cast.bob, name="Later")
    foreign = make_ready_export(cast.globex, cast.charlie)
    with unpack(parcel(cast.bob, running, foreign, ready)) as archive:
        assert len(archive.namelist()) == 2
        said = contents(archive)
    assert "- Later (Acme, Pages): The file is not ready yet." in said
    assert f"- {foreign.pk}: This export doesn’t exist any more." in said
    assert "Globex" not in said


def test_file_lost_or_expired_before_its_turn_is_left_out_and_not_logged(cast: Cast) -> None:
    stays, lost, ended = (make_ready_export(cast.acme, cast.bob) for _number in range(3))
    answer = parcel(cast.bob, stays, lost, ended)
    stored.storage().remove(lost.stored_name)
    Export.objects.filter(pk=ended.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    with unpack(answer) as archive:
        assert len(archive.namelist()) == 2
        assert contents(archive).count("\r\n- ") == 2
    assert Download.objects.count() == 1
    lost.refresh_from_db()
    assert (lost.status, lost.error_code) == (Status.FAILED, "file_lost")


def test_person_taken_out_meanwhile_gets_nothing_more(cast: Cast) -> None:
    first, second = make_ready_export(cast.acme, cast.vera), make_ready_export(cast.acme, cast.bob)
    answer = parcel(cast.vera, first, second)
    pieces = iter(answer.streaming_content)
    sent = [next(pieces)]
    Membership.objects.filter(user=cast.vera).delete()
    with zipfile.ZipFile(io.BytesIO(b"".join([*sent, *pieces]))) as archive:
        assert len(archive.namelist()) == 2
        assert str(second.pk) in contents(archive)
    close(answer)
    assert Download.objects.count() == 1


def test_file_altered_while_it_is_sent_breaks_the_download_off(cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    # Looked at, it seems untouched: as if the bytes changed after the look.
    later = timezone.now() + timedelta(minutes=1)
    Export.objects.filter(pk=export.pk).update(sha256="0" * 64, ready_at=later)
    with pytest.raises(ParcelBroken):
        unpack(parcel(cast.bob, export))
    export.refresh_from_db()
    assert export.error_code == "file_lost"


def test_without_any_file_the_refusal_says_why(cast: Cast) -> None:
    with pytest.raises(WrongState) as refused:
        parcel(cast.bob, make_export(cast.acme, cast.bob))
    assert "The file is not ready yet." in str(refused.value.message)
    with pytest.raises(Refused, match="unknown_exports"):
        parcel(cast.bob, make_ready_export(cast.globex, cast.charlie))


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b\\c", "C:evil", ".."])
def test_names_in_the_zip_stay_in_their_folder(cast: Cast, name: str) -> None:
    export = make_ready_export(cast.acme, cast.bob)
    Workspace.objects.filter(pk=cast.acme.pk).update(name=name)
    with unpack(parcel(cast.bob, export)) as archive:
        assert not [member for member in archive.namelist() if set(member) & set("/\\:") or member.startswith(".")]


def test_running_zip_holds_one_of_the_person_s_downloads_until_it_is_closed(
    cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood, "MOST_STREAMS", 1)
    export = make_ready_export(cast.acme, cast.bob)
    running = parcel(cast.bob, export)
    with pytest.raises(TooMany, match="too_many_downloads"):
        parcel(cast.bob, export)
    unpack(running)
    close(parcel(cast.bob, export))


def test_original_goes_to_nobody_for_whom_columns_are_masked(cast: Cast) -> None:
    masked = make_ready_export(cast.acme, cast.bob)
    clear = make_ready_export(make_workspace("Initech", viewer=cast.vera), cast.alice)
    set_masking(actor=cast.alice, workspace=cast.acme, columns=["title"], roles=["viewer"])
    with pytest.raises(WrongState, match="no_files"):
        parcel(cast.vera, masked)
    with unpack(parcel(cast.vera, masked, clear)) as archive:
        assert [name for name in archive.namelist() if name.startswith("acme")] == []
        assert "Your role gets this workspace’s files with some columns masked" in contents(archive)
    with unpack(parcel(cast.bob, masked)) as archive:
        assert len(archive.namelist()) == 2
