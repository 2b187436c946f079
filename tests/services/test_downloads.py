"""Files as they go out."""

import hashlib
import os
import tracemalloc
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.http.response import HttpResponseBase
from django.test import RequestFactory
from django.utils import timezone

from exports.models import AuditEntry, DerivedFile, Download, Export, Status
from exports.services import formats, stored
from exports.services.downloads import content_disposition, file_name, file_response
from exports.services.refusals import Gone, Refused, WrongState
from exports.services.variants import Variant
from tests.support.cast import Cast, close, content_of, make_export, make_ready_export

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * 40
OCTOBER: dict[str, Any] = {
    "range_from": datetime(2026, 10, 1, tzinfo=UTC),
    "range_to": datetime(2026, 10, 31, 23, 59, 59, 999000, tzinfo=UTC),
}


@pytest.fixture
def export(cast: Cast) -> Export:
    return make_ready_export(cast.acme, cast.bob, CONTENT, **OCTOBER)


def fetch(cast: Cast, export: Export, method: str = "GET", **more: Any) -> HttpResponseBase:
    options = {name: more.pop(name) for name in ("format", "guard", "delimiter", "gzip") if name in more}
    request = RequestFactory().generic(method, "/", headers=more)
    return file_response(request, user=cast.vera, export=export, variant=Variant(**{"format": "original", **options}))


def make_derived(export: Export, content: bytes, **fields: Any) -> DerivedFile:
    name = f"{export.pk}-{export.fence}.1.csv"
    storage = stored.storage()
    storage.part_path(name).write_bytes(content)
    storage.publish(name)
    values = {
        "format": "csv",
        "variant": "csv",
        "state": DerivedFile.State.READY,
        "stored_name": name,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "made_at": timezone.now(),
    }
    return DerivedFile.objects.create(export=export, **(values | fields))


def test_whole_file_comes_as_an_attachment_that_nothing_may_run_or_keep(cast: Cast, export: Export) -> None:
    answer = fetch(cast, export)
    assert answer.status_code == 200
    assert content_of(answer) == CONTENT
    assert answer["Content-Length"] == str(len(CONTENT))
    assert answer["Content-Type"] == "application/zip"
    assert answer["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["Content-Disposition"] == 'attachment; filename="acme-page-2026-10-01_2026-10-31.zip"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Cache-Control"] == "private, no-store"
    assert answer["Content-Security-Policy"].startswith("sandbox")


def test_download_is_on_record_with_person_address_format_and_bytes(cast: Cast, export: Export) -> None:
    content_of(fetch(cast, export))
    content_of(fetch(cast, export, Range="bytes=5-9"))
    records = Download.objects.order_by("id").values_list("user__name", "address", "format", "bytes")
    assert list(records) == [("Vera", "127.0.0.1", "original", len(CONTENT)), ("Vera", "127.0.0.1", "original", 5)]
    entries = AuditEntry.objects.filter(action="export.downloaded").order_by("id")
    assert [(entry.actor, entry.subject, entry.address, entry.data) for entry in entries] == [
        (cast.vera, str(export.pk), "127.0.0.1", {"format": "original", "bytes": count}) for count in (len(CONTENT), 5)
    ]


def test_range_is_answered_with_that_part(cast: Cast, export: Export) -> None:
    answer = fetch(cast, export, Range="bytes=100-199")
    assert answer.status_code == 206
    assert content_of(answer) == CONTENT[100:200]
    assert answer["Content-Range"] == f"bytes 100-199/{len(CONTENT)}"
    assert answer["Content-Length"] == "100"
    assert answer["X-Content-Type-Options"] == "nosniff"


def test_parts_put_together_are_the_file(cast: Cast, export: Export) -> None:
    step = 1000
    parts = [
        content_of(fetch(cast, export, Range=f"bytes={start}-{start + step - 1}"))
        for start in range(0, len(CONTENT), step)
    ]
    assert b"".join(parts) == CONTENT
    assert content_of(fetch(cast, export, Range="bytes=-7")) == CONTENT[-7:]


def test_range_beyond_the_end_is_416_with_the_size(cast: Cast, export: Export) -> None:
    answer = fetch(cast, export, Range=f"bytes={len(CONTENT)}-")
    assert (answer.status_code, answer["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")
    assert not Download.objects.exists()


def test_several_ranges_are_answered_with_the_whole(cast: Cast, export: Export) -> None:
    answer = fetch(cast, export, Range="bytes=0-1,5-6")
    assert (answer.status_code, content_of(answer)) == (200, CONTENT)


def test_known_file_is_not_sent_again(cast: Cast, export: Export) -> None:
    etag = fetch(cast, export, "HEAD")["ETag"]
    answer = fetch(cast, export, **{"If-None-Match": f'"other", W/{etag}'})
    assert (answer.status_code, answer["ETag"], content_of(answer)) == (304, etag, b"")
    assert answer["Content-Length"] == str(len(CONTENT))
    assert fetch(cast, export, **{"If-Match": '"other"'}).status_code == 412
    assert not Download.objects.exists()


def test_range_is_for_get_alone(cast: Cast, export: Export) -> None:
    for wanted in ("bytes=0-9", f"bytes={len(CONTENT)}-"):
        answer = fetch(cast, export, "HEAD", Range=wanted)
        assert (answer.status_code, answer["Content-Length"]) == (200, str(len(CONTENT)))


def test_if_range_of_another_file_gets_the_whole(cast: Cast, export: Export) -> None:
    first = fetch(cast, export, "HEAD")
    for validator, status in ((first["ETag"], 206), (first["Last-Modified"], 206), ('"other"', 200)):
        answer = fetch(cast, export, Range="bytes=0-9", **{"If-Range": validator})
        assert answer.status_code == status
        content_of(answer)


def test_head_shows_what_a_get_would_without_a_record(cast: Cast, export: Export) -> None:
    answer = fetch(cast, export, "HEAD")
    assert (answer.status_code, answer["Content-Length"]) == (200, str(len(CONTENT)))
    assert content_of(answer) == b""
    assert not Download.objects.exists()


@pytest.mark.parametrize(
    ("kind", "extension", "content_type"),
    [
        ("zip", "zip", "application/zip"),
        ("zip_array", "zip", "application/zip"),
        ("json_lines", "jsonl", "application/x-ndjson"),
        ("json_array", "json", "application/json"),
    ],
)
def test_original_has_the_extension_of_what_it_is(cast: Cast, kind: str, extension: str, content_type: str) -> None:
    answer = fetch(cast, make_ready_export(cast.acme, cast.bob, CONTENT, file_kind=kind))
    content_of(answer)
    assert answer["Content-Type"] == content_type
    assert answer["Content-Disposition"].endswith(f'.{extension}"')


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("Acme Corp.", 'attachment; filename="acme-corp-{}"'),
        ('A"; filename="x.exe', 'attachment; filename="a-filenamexexe-{}"'),
        ("a\r\nSet-Cookie: b", 'attachment; filename="a-set-cookie-b-{}"'),
        ("../../etc/passwd", 'attachment; filename="etcpasswd-{}"'),
        ("‮txt.exe", 'attachment; filename="txtexe-{}"'),
        ("...", 'attachment; filename="workspace-{}"'),
        ("Café", "attachment; filename=\"cafe-{0}\"; filename*=UTF-8''caf%C3%A9-{0}"),
        (
            "日本支社",
            "attachment; filename=\"workspace-{0}\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC%E6%94%AF%E7%A4%BE-{0}",
        ),
    ],
)
def test_name_of_the_file_is_safe_and_keeps_letters_of_any_script(export: Export, name: str, header: str) -> None:
    export.workspace.name = name
    assert content_disposition(export, "zip") == header.format("page-2026-10-01_2026-10-31.zip")


def test_days_in_the_name_are_those_of_the_workspace(export: Export) -> None:
    export.workspace.time_zone = "Asia/Tokyo"
    export.range_from = datetime(2026, 9, 30, 15, tzinfo=UTC)
    export.range_to = datetime(2026, 10, 31, 14, 59, 59, 999000, tzinfo=UTC)
    assert file_name(export, "csv") == "acme-page-2026-10-01_2026-10-31.csv"


@pytest.mark.parametrize("status", [Status.QUEUED, Status.WAITING, Status.PREPARING, Status.DOWNLOADING])
def test_file_before_it_is_ready_is_a_wrong_state(cast: Cast, status: Status) -> None:
    with pytest.raises(WrongState) as refused:
        fetch(cast, make_export(cast.acme, cast.bob, status))
    assert refused.value.code == "not_ready"


@pytest.mark.parametrize(("status", "code"), [(Status.FAILED, "failed"), (Status.CANCELLED, "cancelled")])
def test_file_of_an_export_that_ended_without_one_is_a_wrong_state(cast: Cast, status: Status, code: str) -> None:
    with pytest.raises(WrongState) as refused:
        fetch(cast, make_export(cast.acme, cast.bob, status))
    assert refused.value.code == code


def test_expired_file_is_gone_and_says_since_when(cast: Cast) -> None:
    until = datetime(2026, 10, 2, 12, tzinfo=UTC)
    expired = make_export(cast.acme, cast.bob, Status.EXPIRED, expires_at=until)
    with pytest.raises(Gone, match="expired") as refused:
        fetch(cast, expired)
    assert "2026-10-02 12:00 UTC" in str(refused.value.message)


def test_file_is_gone_from_the_moment_shown_even_before_it_is_removed(cast: Cast) -> None:
    late = make_ready_export(cast.acme, cast.bob, expires_at=timezone.now() - timedelta(milliseconds=1))
    with pytest.raises(Gone):
        fetch(cast, late)


@pytest.mark.parametrize("harm", ["unlinked", "cut", "grown", "altered"])
def test_file_harmed_behind_our_back_is_never_sent_and_written_down(cast: Cast, export: Export, harm: str) -> None:
    path = stored.storage().local_path(export.stored_name)
    assert path is not None
    if harm == "unlinked":
        path.unlink()
    else:
        harmed = {"cut": CONTENT[:-1], "grown": CONTENT + b"x", "altered": CONTENT[:-1] + b"?"}
        path.write_bytes(harmed[harm])
    with pytest.raises(Gone, match="file_lost"):
        fetch(cast, export)
    export.refresh_from_db()
    assert (export.status, export.error_code, export.stored_name) == (Status.FAILED, "file_lost", "")
    with pytest.raises(Gone, match="file_lost"):
        fetch(cast, export)


def test_file_that_was_only_touched_is_read_again_and_sent(cast: Cast, export: Export) -> None:
    path = stored.storage().local_path(export.stored_name)
    assert path is not None
    path.touch()
    with closing(fetch(cast, export)) as response:
        assert response.status_code == 200


def test_file_altered_after_it_was_touched_and_read_again_is_still_never_sent(cast: Cast, export: Export) -> None:
    path = stored.storage().local_path(export.stored_name)
    assert path is not None
    assert export.bytes is not None
    assert export.ready_at is not None
    path.touch()
    assert stored.is_untouched(export.stored_name, size=export.bytes, sha256=export.sha256, since=export.ready_at)
    touched = path.stat()
    path.write_bytes(CONTENT[:-1] + b"?")
    os.utime(path, ns=(touched.st_atime_ns, touched.st_mtime_ns))  # as who hides it would
    with pytest.raises(Gone, match="file_lost"):
        fetch(cast, export)


def test_file_that_expired_between_look_and_open_is_expired_not_lost(cast: Cast, export: Export) -> None:
    path = stored.storage().local_path(export.stored_name)
    assert path is not None
    path.unlink()
    Export.objects.filter(pk=export.pk).update(status=Status.EXPIRED, stored_name="", ended_at=timezone.now())
    with pytest.raises(Gone, match="expired"):
        fetch(cast, export)


def test_format_asked_for_first_is_being_made_and_says_when_to_ask_again(cast: Cast, export: Export) -> None:
    for _ in range(2):
        answer: Any = fetch(cast, export, format="csv")
        assert (answer.status_code, answer["Retry-After"]) == (202, "2")
    assert DerivedFile.objects.get().variant == "csv"
    assert not Download.objects.exists()


def test_format_without_guard_is_another_file(cast: Cast, export: Export) -> None:
    fetch(cast, export, format="csv")
    fetch(cast, export, format="csv", guard=False)
    assert sorted(DerivedFile.objects.values_list("variant", flat=True)) == ["csv", "csv-noguard"]


def test_format_that_is_made_is_sent_with_its_own_name_and_tag(cast: Cast, export: Export) -> None:
    made = make_derived(export, b"a,b\n1,2\n")
    answer = fetch(cast, export, format="csv")
    assert content_of(answer) == b"a,b\n1,2\n"
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].endswith('.csv"')
    assert answer["ETag"] == f'"{made.sha256}"'
    assert Download.objects.get().format == "csv"


def test_format_lost_behind_our_back_is_made_again(cast: Cast, export: Export) -> None:
    lost = make_derived(export, b"a,b\n")
    stored.storage().remove(lost.stored_name)
    assert fetch(cast, export, format="csv").status_code == 202
    assert DerivedFile.objects.get().state == DerivedFile.State.WANTED
    export.refresh_from_db()
    assert export.status == Status.READY


def test_failed_format_rests_before_it_is_tried_again(cast: Cast, export: Export) -> None:
    failed = DerivedFile.objects.create(
        export=export, format="csv", variant="csv", state=DerivedFile.State.FAILED, error_code="conversion_failed"
    )
    with pytest.raises(WrongState, match="format_failed"):
        fetch(cast, export, format="csv")
    failed.wanted_at -= timedelta(minutes=11)
    failed.save(update_fields=["wanted_at"])
    assert fetch(cast, export, format="csv").status_code == 202


def test_format_that_can_never_be_made_is_not_tried_again_and_said_why(cast: Cast, export: Export) -> None:
    DerivedFile.objects.create(
        export=export,
        format="csv",
        variant="csv",
        state=DerivedFile.State.FAILED,
        error_code=formats.TOO_MANY_COLUMNS,
        wanted_at=timezone.now() - timedelta(days=1),
    )
    with pytest.raises(WrongState, match="too_many_columns") as refused:
        fetch(cast, export, format="csv")
    assert "more columns than a table can hold" in refused.value.message


@pytest.mark.parametrize(
    ("choices", "name", "content_type"),
    [
        ({"format": "csv", "delimiter": "semicolon"}, "csv", "text/csv; charset=utf-8"),
        ({"format": "csv", "delimiter": "tab", "guard": False}, "tsv", "text/tab-separated-values; charset=utf-8"),
        ({"format": "jsonl", "gzip": True}, "jsonl.gz", "application/gzip"),
    ],
)
def test_variant_goes_out_under_the_name_of_what_it_is(
    cast: Cast, export: Export, choices: dict[str, Any], name: str, content_type: str
) -> None:
    make_derived(export, b"made", format=choices["format"], variant=Variant(**choices).name)
    answer = fetch(cast, export, **choices)
    assert content_of(answer) == b"made"
    assert answer["Content-Type"] == content_type
    assert answer["Content-Disposition"].endswith(f'_2026-10-31.{name}"')
    assert "Content-Encoding" not in answer
    assert Download.objects.get().format == choices["format"]


def test_unknown_format_is_refused(cast: Cast, export: Export) -> None:
    with pytest.raises(Refused, match="unknown_format"):
        fetch(cast, export, format="exe")


def test_web_server_in_front_sends_the_bytes_when_told_so(cast: Cast, export: Export, settings: LazySettings) -> None:
    settings.EXPORT_ACCEL_LOCATION = "/protected/"
    answer = fetch(cast, export, Range="bytes=0-9")
    assert answer["X-Accel-Redirect"] == f"/protected/{export.stored_name}"
    assert (answer.status_code, content_of(answer)) == (200, b"")
    assert "Content-Length" not in answer
    assert answer["Content-Disposition"].startswith("attachment")
    assert Download.objects.count() == 1


def test_large_file_is_sent_in_constant_memory(cast: Cast) -> None:
    big = make_ready_export(cast.acme, cast.bob, b"0123456789abcdef" * (64 * 1024 * 32))
    for headers in ({}, {"Range": "bytes=10-"}):
        answer: Any = fetch(cast, big, **headers)
        tracemalloc.start()
        try:
            sent = sum(len(piece) for piece in answer.streaming_content)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
            close(answer)
        assert sent == int(answer["Content-Length"])
        assert peak < 2_000_000
