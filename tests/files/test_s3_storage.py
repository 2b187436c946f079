"""Files in object storage, against moto's server."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import boto3
import pytest
from django.conf import LazySettings
from moto.server import ThreadedMotoServer

from exports.files.s3_storage import S3Storage
from exports.files.storage import FileMissing, Storage, StorageUnreachable, storage_from
from exports.models import DerivedFile
from exports.services import stored
from exports.services.formats import MAX_ATTEMPTS, make_format
from tests.engine.test_formats import no_file_beyond
from tests.files.test_local_storage import NAME
from tests.support.cast import make_cast, make_ready_export

SECRET = "s/e+c:r@et"
QUOTED = "s%2Fe%2Bc%3Ar%40et"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    yield f"{host}:{port}"
    moto.stop()


@pytest.fixture
def client(server: str) -> Iterator[object]:
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{server}",
        region_name="us-east-1",
        aws_access_key_id="key",
        aws_secret_access_key=SECRET,
    )
    yield client
    client.close()


@pytest.fixture
def url(server: str, client: object) -> str:
    bucket = f"files-{uuid4()}"
    client.create_bucket(Bucket=bucket)  # type: ignore[attr-defined]
    return f"s3://key:{QUOTED}@{server}/{bucket}?scheme=http&region=us-east-1"


@pytest.fixture(params=["", "/some/prefix"])
def storage(request: pytest.FixtureRequest, tmp_path: Path, url: str) -> Iterator[S3Storage]:
    address, _, options = url.partition("?")
    storage = storage_from(tmp_path / "spool", f"{address}{request.param}?{options}")
    assert isinstance(storage, S3Storage)
    storage.ensure()
    yield storage
    storage._client.close()


def keep(storage: Storage, name: str, content: bytes) -> None:
    storage.part_path(name).write_bytes(content)
    storage.publish(name)


@pytest.mark.parametrize(
    "address",
    [
        "s3://host/bucket",
        "s3://key@host/bucket",
        "s3://key:hidden@host",
        "s3://key:hidden@host/",
        "s3://key:hidden@/bucket",
        "s3://key:hidden@host/bucket?scheme=ftp",
        "s3://key:hidden@host/bucket?unknown=1",
    ],
)
def test_address_that_lacks_something_is_refused_without_being_told(tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="storage address") as caught:
        storage_from(tmp_path, address)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("size", [0, 10, 20_000_000])
def test_published_file_is_read_back(storage: S3Storage, size: int) -> None:
    content = os.urandom(size)
    keep(storage, NAME, content)
    assert storage.size(NAME) == size
    assert not storage.part_path(NAME).exists()
    assert storage.local_path(NAME) is None
    with storage.open(NAME) as file:
        assert file.read() == content
        assert file.seek(-min(size, 7), os.SEEK_END) == size - min(size, 7)
        assert file.read() == content[-7:]
        assert file.seek(size // 2) == size // 2
        assert file.tell() == size // 2
        assert file.read(5) == content[size // 2 : size // 2 + 5]
        assert file.seek(1, os.SEEK_CUR) == min(size // 2 + 5, size) + 1


def test_range_is_read_in_pieces_up_to_its_end(storage: S3Storage) -> None:
    content = os.urandom(1_000_000)
    keep(storage, NAME, content)
    for start, end in [(0, 1_000_000), (5, 6), (5, 5), (999_999, 2_000_000), (300_000, 900_001), (2_000_000, 3)]:
        pieces = list(storage.open_range(NAME, start, end))
        assert b"".join(pieces) == content[start:end]
        assert all(len(piece) <= 256 * 1024 for piece in pieces)
    pieces = storage.open_range(NAME, 0, 1_000_000)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert next(pieces, None) is None


def test_missing_file_is_said_at_once(storage: S3Storage) -> None:
    calls: list[Callable[[str], object]] = [storage.open, storage.size, storage.publish]
    for call in [*calls, lambda name: storage.open_range(name, 0, 1)]:
        with pytest.raises(FileMissing):
            call(NAME)


def test_other_names_are_refused(storage: S3Storage) -> None:
    for call in (storage.open, storage.size, storage.publish, storage.remove, storage.local_path, storage.part_path):
        with pytest.raises(ValueError, match="not the name"):
            call("../" + NAME)


def test_name_that_is_taken_is_not_overwritten(storage: S3Storage) -> None:
    keep(storage, NAME, b"first")
    storage.part_path(NAME).write_bytes(b"second")
    with pytest.raises(FileExistsError):
        storage.publish(NAME)
    assert b"".join(storage.open_range(NAME, 0, 10)) == b"first"


def test_names_lists_objects_and_parts_of_ours_and_strangers_the_rest(storage: S3Storage, client: object) -> None:
    keep(storage, NAME, b"xyz")
    other = f"{uuid4()}-3.csv"
    storage.part_path(other).write_bytes(b"half")
    client.put_object(Bucket=storage._bucket, Key=storage._prefix + "notes.txt", Body=b"1")  # type: ignore[attr-defined]
    assert {(entry.name, entry.bytes, entry.is_part) for entry in storage.names()} == {
        (NAME, 3, False),
        (other, 4, True),
    }
    assert [(entry.name, entry.bytes) for entry in storage.strangers()] == [("notes.txt", 1)]
    assert all(entry.modified_at.tzinfo for entry in storage.names())
    assert storage.free_bytes() > 0


def test_removing_takes_part_and_unfinished_uploads_too_and_may_be_repeated(storage: S3Storage, client: object) -> None:
    keep(storage, NAME, b"x")
    storage.part_path(NAME).write_bytes(b"y")
    key = storage._prefix + NAME
    for each in (key, key + "9"):
        client.create_multipart_upload(Bucket=storage._bucket, Key=each)  # type: ignore[attr-defined]
    storage.remove(NAME)
    storage.remove(NAME)
    assert list(storage.names()) == []
    uploads = client.list_multipart_uploads(Bucket=storage._bucket)["Uploads"]  # type: ignore[attr-defined]
    assert [upload["Key"] for upload in uploads] == [key + "9"]


def test_bucket_that_is_not_there_is_told_without_the_secret(tmp_path: Path, server: str) -> None:
    storage = S3Storage(tmp_path, f"s3://key:{QUOTED}@{server}/nothing-here?scheme=http")
    storage.part_path(NAME).write_bytes(b"x")
    for call in (
        storage.publish,
        storage.size,
        storage.open,
        lambda _: storage.check(),
        lambda _: list(storage.names()),
    ):
        with pytest.raises(StorageUnreachable) as caught:
            call(NAME)
        assert SECRET not in str(caught.value)
    assert storage.part_path(NAME).exists()
    # What is to be removed takes no more room here.
    with pytest.raises(StorageUnreachable):
        storage.remove(NAME)
    assert not storage.part_path(NAME).exists()
    storage._client.close()


def test_store_that_does_not_answer_is_told_and_keeps_the_part(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        storage = S3Storage(tmp_path, f"s3://key:{QUOTED}@127.0.0.1:{port}/bucket?scheme=http")
        storage.part_path(NAME).write_bytes(b"x")
        with pytest.raises(StorageUnreachable, match="cannot be reached"):
            storage.publish(NAME)
    assert storage.part_path(NAME).exists()
    storage._client.close()


@pytest.mark.django_db
def test_file_that_was_altered_in_the_store_is_not_read(url: str, settings: LazySettings, tmp_path: Path) -> None:
    settings.EXPORT_STORAGE_URL, settings.EXPORT_ROOT = url, tmp_path
    cast = make_cast()
    export = make_ready_export(cast.acme, cast.bob, b"rows")
    stored.storage().remove(export.stored_name)
    keep(stored.storage(), export.stored_name, b"cows")  # as long as before
    with pytest.raises(FileMissing), stored.local_source(export, reader=f"{export.stored_name}.1.csv"):
        pass
    assert list(tmp_path.glob("*.source*")) == []


@pytest.mark.django_db
def test_no_room_for_the_copy_of_an_original_fails_no_format(url: str, settings: LazySettings, tmp_path: Path) -> None:
    settings.EXPORT_STORAGE_URL, settings.EXPORT_ROOT = url, tmp_path
    cast = make_cast()
    export = make_ready_export(cast.acme, cast.bob)
    row = DerivedFile.objects.create(export=export, format="csv", variant="csv")
    for _ in range(MAX_ATTEMPTS + 1):
        with no_file_beyond(100):
            assert not make_format(row.pk)
        row.refresh_from_db()
        assert (row.state, row.attempts, row.waits_for) == (DerivedFile.State.WANTED, 0, "storage_full")
    assert list(tmp_path.glob("*.source*")) == []
    assert make_format(row.pk)
    row.refresh_from_db()
    assert (row.state, row.waits_for, row.error_code) == (DerivedFile.State.READY, "", "")


@pytest.mark.django_db
def test_two_that_read_one_file_have_copies_of_their_own(url: str, settings: LazySettings, tmp_path: Path) -> None:
    settings.EXPORT_STORAGE_URL, settings.EXPORT_ROOT = url, tmp_path
    cast = make_cast()
    export = make_ready_export(cast.acme, cast.bob, b"rows")
    with stored.local_source(export, reader=f"{export.stored_name}.1.csv") as one:
        with stored.local_source(export, reader=f"{export.stored_name}.1.xlsx") as other:
            assert one != other
            assert other.read_bytes() == b"rows"
        assert not other.exists()
        assert one.read_bytes() == b"rows"
    assert not one.exists()
