"""Files: ours alone on the disk, gone when they are said to be, named by us whatever an archive calls its entry."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from django.conf import LazySettings

from exports.files.archive import ArchiveLimits, ArchiveRefused, check_archive
from exports.models import DerivedFile, Status
from exports.services import converting, expire, formats, stored
from exports.services.variants import Variant
from tests.engine.conftest import make_world as make_world
from tests.engine.world import World
from tests.files.archives import Crafted
from tests.security.addresses import browser_of
from tests.support.cast import ApiCaller, Cast, content_of, make_ready_export

pytestmark = pytest.mark.django_db
ROWS = b'{"id":"1"}\n'
LINK = 0o120777 << 16


@pytest.fixture
def no_umask() -> Iterator[None]:
    """The modes are the portal's own choice, however careless the account it runs under."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(root: Path) -> tuple[int, set[int]]:
    files = {stat.S_IMODE(path.stat().st_mode) for path in root.iterdir() if path.is_file()}
    return stat.S_IMODE(root.stat().st_mode), files


@pytest.mark.parametrize(("accel", "expected"), [("", (0o700, {0o600})), ("/stored/", (0o750, {0o640}))])
def test_files_are_their_owner_s_alone_and_readable_by_the_group_only_where_nginx_sends_them(
    accel: str,
    expected: tuple[int, set[int]],
    no_umask: None,
    make_world: Callable[..., World],
    export_root: Path,
    settings: LazySettings,
) -> None:
    settings.EXPORT_ACCEL_LOCATION = accel
    world = make_world()
    export = world.until_status(world.queue(), Status.READY)
    row = formats.want_format(user=world.bob, export=export, variant=Variant("csv"))
    assert formats.make_format(row.pk)
    assert len(list(export_root.iterdir())) == 2
    assert modes(export_root) == expected


def test_unfinished_file_is_never_the_group_s(no_umask: None, cast: Cast, settings: LazySettings) -> None:
    settings.EXPORT_ACCEL_LOCATION = "/stored/"
    from exports.files.receiving import receive  # noqa: PLC0415 - what is tried stands next to its name

    part = stored.storage().part_path("0c7e6a40-5862-4402-ab76-a70f8a26fc73-1")
    receive([b"x"], part, min_free_bytes=0, on_progress=lambda _bytes: None)
    assert stat.S_IMODE(part.stat().st_mode) == 0o600


def test_no_folder_of_files_is_under_what_is_public(settings: LazySettings) -> None:
    root = Path(settings.BASE_DIR)
    from lacportal.settings import BASE_DIR  # noqa: PLC0415

    default = BASE_DIR / "var" / "exports"
    for public in (root / "exports" / "static", root / "templates"):
        assert public not in default.parents
    assert not hasattr(settings, "MEDIA_ROOT") or not settings.MEDIA_ROOT
    assert settings.STATICFILES_DIRS == []


@pytest.mark.parametrize(
    "name",
    [
        b"../../../../tmp/slipped",
        b"/tmp/slipped",
        b"..\\..\\slipped",
        b"C:\\slipped",
        b"a/../../slipped",
        b"\x00slipped",
    ],
)
def test_entry_that_would_slip_out_is_refused_and_writes_nothing(name: bytes, tmp_path: Path) -> None:
    place = tmp_path / "in" / "here"
    place.mkdir(parents=True)
    body = place / "x.part"
    body.write_bytes(bytes(Crafted(ROWS, name=name)))
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ArchiveRefused):
        check_archive(body, data_type="page", limits=ArchiveLimits(max_unpacked_bytes=10_000))
    assert sorted(tmp_path.rglob("*")) == before
    assert not Path("/tmp/slipped").exists()


def test_entry_that_is_a_link_is_refused(tmp_path: Path) -> None:
    body = tmp_path / "x.part"
    body.write_bytes(bytes(Crafted(b"/etc/passwd", name=b"data.json", attributes=LINK)))
    with pytest.raises(ArchiveRefused) as refused:
        check_archive(body, data_type="page", limits=ArchiveLimits(max_unpacked_bytes=10_000))
    assert refused.value.code == "not_a_file"


def test_link_in_the_place_of_a_part_is_not_followed(cast: Cast, tmp_path: Path) -> None:
    from exports.files.receiving import receive  # noqa: PLC0415

    elsewhere = tmp_path / "elsewhere"
    part = stored.storage().part_path("0c7e6a40-5862-4402-ab76-a70f8a26fc73-1")
    part.symlink_to(elsewhere)
    with pytest.raises(FileExistsError):
        receive([b"x"], part, min_free_bytes=0, on_progress=lambda _bytes: None)
    assert not elsewhere.exists()


@pytest.mark.parametrize("how", ["expired", "deleted"])
def test_bytes_are_gone_from_the_disk_with_their_formats(
    how: str, transactional_db: None, cast: Cast, export_root: Path
) -> None:
    canary = b'{"emailAddress":"canary@example.com"}\n'
    export = make_ready_export(cast.acme, cast.bob, canary, file_kind="json_lines")
    row = formats.want_format(user=cast.bob, export=export, variant=Variant("csv"))
    assert formats.make_format(row.pk)
    assert len([path for path in export_root.iterdir() if b"canary@" in path.read_bytes()]) == 2
    if how == "deleted":
        expire.delete_file_now(user=cast.alice, export=export)
    else:
        type(export).objects.filter(pk=export.pk).update(expires_at=export.created_at)
        expire.expire_due()
    assert list(export_root.iterdir()) == []
    assert not DerivedFile.objects.filter(export=export, state=DerivedFile.State.READY).exists()
    for answer in (
        browser_of(cast.bob).get(f"/exports/{export.pk}/download/"),
        ApiCaller(cast.bob).get(f"exports/{export.pk}/file"),
    ):
        assert answer.status_code == 410
        assert b"canary@" not in content_of(answer)


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><script>alert(document.domain)</script>",
        b'{"a":"<html><body onload=alert(1)>"}\n',
        b"\x89PNG\r\n\x1a\n<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"%PDF-1.7\n<script>app.alert(1)</script>",
        b"PK\x03\x04<html><script>alert(1)</script></html>",
    ],
    ids=["html", "json", "svg", "pdf", "zip"],
)
@pytest.mark.parametrize("kind", ["zip", "json_lines", "json_array"])
def test_polyglot_is_an_attachment_that_no_browser_runs(page: bytes, kind: str, cast: Cast) -> None:
    export = make_ready_export(cast.acme, cast.bob, page, file_kind=kind)
    pages = f"/exports/{export.pk}/download/"
    for answer in (
        browser_of(cast.bob).get(pages),
        browser_of(cast.bob).get(pages, headers={"Range": "bytes=1-"}),
        browser_of(cast.bob).get(pages, headers={"Accept": "text/html"}),
        ApiCaller(cast.bob).get(f"exports/{export.pk}/file"),
    ):
        content_of(answer)
        assert answer["Content-Disposition"].startswith("attachment; ")
        assert answer["Content-Type"] in ("application/zip", "application/x-ndjson", "application/json")
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer["Cache-Control"] == "private, no-store"


def test_program_that_reads_foreign_bytes_knows_no_secret(
    cast: Cast, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in converting.SECRETS:
        monkeypatch.setenv(name, "canary-in-the-environment")
    rows = b'{"canonicalUrl":"https://www.example.com/home","title":"Home"}\n' * 50_000
    export = make_ready_export(cast.acme, cast.bob, rows, file_kind="json_lines")
    job = {"source": str(stored.storage().local_path(export.stored_name)), "target": str(tmp_path / "made.csv")}
    job |= {"source_kind": "json_lines", "format": "csv", "data_type": "page", "delimiter": ","}
    seen: list[dict[str, str]] = []

    def look(_rows: int) -> bool:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            seen.extend(child.environ() for child in psutil.Process().children())
        return True

    ended = converting.run_conversion(job | {"guard": True, "bom": True, "gzip": False}, go_on=look)
    assert ended is not None
    assert ended.status == 0, ended.errors
    assert seen
    assert not [environ for environ in seen if "canary-in-the-environment" in environ.values()]
    assert all(environ.get("PATH") for environ in seen if environ)
