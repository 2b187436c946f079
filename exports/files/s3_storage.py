"""Files in S3-compatible object storage, with a folder of this machine as spool.

Parts are written, and pass the gate, in the spool; the upload under the fenced name takes the place of rename. An
object appears whole or not at all, so nothing else is needed to keep a crash from leaving half of one.
"""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast
from urllib.parse import parse_qs, unquote, urlsplit

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from exports.files.faults import FileMissing, StorageFull, StorageUnreachable
from exports.files.local_storage import LocalStorage
from exports.files.names import StoredName, checked_name, is_stored_name

_READ_STEP: Final = 256 * 1024
_MIB: Final = 1024 * 1024
_UPLOAD: Final = TransferConfig(multipart_threshold=16 * _MIB, multipart_chunksize=16 * _MIB, max_concurrency=2)
_MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
_FULL: Final = frozenset({"507", "InsufficientStorage", "QuotaExceeded", "XMinioStorageFull", "EntityTooLarge"})


class S3Storage:
    """The same face as `LocalStorage`, which documents each method; only differences are noted here.

    Every method that talks to the store raises `StorageUnreachable` when it cannot be reached or refuses.
    """

    def __init__(self, spool_root: Path, url: str) -> None:
        """`url` is `s3://key:secret@host[:port]/bucket[/prefix]`, with `?region=…` and `?scheme=http` at will.

        Raises `ValueError`, which never repeats the address: it holds the secret.
        """
        parts = urlsplit(url)
        bucket, _, prefix = parts.path.strip("/").partition("/")
        options = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        region, scheme = options.pop("region", "us-east-1"), options.pop("scheme", "https")
        known = not options and scheme in ("http", "https")
        if parts.scheme != "s3" or not (parts.hostname and parts.username and parts.password and bucket and known):
            raise ValueError("the storage address must read s3://key:secret@host/bucket")
        self._spool = LocalStorage(spool_root)
        self._bucket = bucket
        self._prefix = prefix + "/" if prefix else ""
        self._client: Any = boto3.session.Session().client(
            "s3",
            endpoint_url=f"{scheme}://{parts.netloc.rpartition('@')[2]}",
            region_name=region,
            aws_access_key_id=unquote(parts.username),
            aws_secret_access_key=unquote(parts.password),
            config=Config(
                connect_timeout=10,
                read_timeout=60,
                retries={"mode": "standard", "max_attempts": 4},
                s3={"addressing_style": "path"},
            ),
        )

    def ensure(self) -> None:
        """Make the spool. The bucket is its owner's to make."""
        self._spool.ensure()

    def check(self) -> None:
        """Ask for as little as can be."""
        with _translated(self._bucket):
            self._client.list_objects_v2(Bucket=self._bucket, Prefix=self._prefix, MaxKeys=1)

    def part_path(self, name: str) -> Path:
        """In the spool."""
        return self._spool.part_path(name)

    def publish(self, name: str) -> None:
        """Upload the part under the name, then drop it from the spool."""
        part = self.part_path(name)
        if not part.is_file():
            raise FileMissing(name)
        try:
            self._head(name)
        except FileMissing:
            pass
        else:
            raise FileExistsError(f"{name} is published already")
        with _translated(name):
            self._client.upload_file(str(part), self._bucket, self._key(name), Config=_UPLOAD)
        if self.size(name) != part.stat().st_size:
            raise StorageUnreachable("the store kept another number of bytes")
        part.unlink()

    def open(self, name: str) -> BinaryIO:
        """A reader that streams from its place onwards and asks anew after a seek."""
        raw = _Object(self, name, self.size(name))
        return cast(BinaryIO, io.BufferedReader(raw, _READ_STEP))

    def open_range(self, name: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to but not including `end`."""
        end = min(end, self.size(name))
        return _Pieces(self.body(name, start, end) if start < end else None, name)

    def body(self, name: str, start: int, end: int) -> Any:
        """The open reply with those bytes; there must be some."""
        with _translated(name):
            wanted = {"Bucket": self._bucket, "Key": self._key(name), "Range": f"bytes={start}-{end - 1}"}
            return self._client.get_object(**wanted)["Body"]

    def local_path(self, name: str) -> Path | None:
        """None: the file is not on this machine."""
        checked_name(name)
        return None

    def size(self, name: str) -> int:
        """Length of the object in bytes.

        A bucket that is not there, of a setting that is wrong, has no object missing: that is `StorageUnreachable`.
        """
        try:
            return self._head(name)
        except FileMissing:
            self.check()  # HEAD answers without a body: 404 doesn't say what is missing
            raise

    def remove(self, name: str) -> None:
        """Delete its part, the object, and what a killed process uploaded of it.

        The part first: it takes room here, also while the store is away.
        """
        key = self._key(name)
        self._spool.remove(name)
        with _translated(name):
            unfinished = self._client.list_multipart_uploads(Bucket=self._bucket, Prefix=key).get("Uploads", [])
            for upload in unfinished:
                if upload["Key"] == key:
                    self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload["UploadId"])
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def names(self) -> Iterator[StoredName]:
        """What lies in the spool, then objects of ours: what is published meanwhile is met twice, never missed."""
        yield from self._spool.names()
        yield from (entry for entry in self._objects() if is_stored_name(entry.name))

    def strangers(self) -> Iterator[StoredName]:
        """Objects and spooled files that this store did not name."""
        yield from (entry for entry in self._objects() if not is_stored_name(entry.name))
        yield from self._spool.strangers()

    def free_bytes(self) -> int:
        """Room in the spool."""
        return self._spool.free_bytes()

    def _head(self, name: str) -> int:
        with _translated(name):
            return int(self._client.head_object(Bucket=self._bucket, Key=self._key(name))["ContentLength"])

    def _key(self, name: str) -> str:
        return self._prefix + checked_name(name)

    def _objects(self) -> Iterator[StoredName]:
        with _translated("the bucket"):
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix
            ):
                for found in page.get("Contents", []):
                    name = found["Key"].removeprefix(self._prefix)
                    yield StoredName(name, found["Size"], found["LastModified"], is_part=False)


class _Pieces:
    """The bytes of a reply, piece by piece; closes it at the end and when told."""

    def __init__(self, body: Any, name: str) -> None:
        self._body = body
        self._name = name

    def __iter__(self) -> "_Pieces":
        return self

    def __next__(self) -> bytes:
        with _translated(self._name):
            piece: bytes = self._body.read(_READ_STEP) if self._body is not None else b""
        if not piece:
            self.close()
            raise StopIteration
        return piece

    def close(self) -> None:
        """Let go of the connection."""
        if self._body is not None:
            self._body.close()
            self._body = None


class _Object(io.RawIOBase):
    """One object as a file that can seek."""

    def __init__(self, store: S3Storage, name: str, size: int) -> None:
        super().__init__()
        self._store = store
        self._name = name
        self._size = size
        self._position = 0
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset != self._position:
            self._let_go()
            self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self._size:
            return 0
        if self._body is None:
            self._body = self._store.body(self._name, self._position, self._size)
        with _translated(self._name):
            piece = self._body.read(len(buffer))
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def close(self) -> None:
        self._let_go()
        super().close()

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """The store's faults in our words, without its own: they may repeat headers of the request."""
    try:
        yield
    except ClientError as fault:
        code = str(fault.response.get("Error", {}).get("Code", ""))
        if code in _MISSING:
            raise FileMissing(name) from None
        if code in _FULL:
            raise StorageFull("the object store is full") from None
        raise StorageUnreachable(f"the object store refused: {code}") from None
    except (BotoCoreError, HTTPClientError, boto3.exceptions.Boto3Error) as fault:
        cause = fault.__context__
        if isinstance(cause, ClientError) and str(cause.response.get("Error", {}).get("Code")) in _FULL:
            raise StorageFull("the object store is full") from None
        raise StorageUnreachable(f"the object store cannot be reached: {type(fault).__name__}") from None
