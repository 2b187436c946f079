"""A ZIP made while it is sent: what other programs unpack of it."""

import io
import shutil
import subprocess
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from exports.files.zip_stream import LARGEST_PLAIN, ZipStream
from tests.support.presence import missing

AT = datetime(2026, 10, 31, 14, 5, 9)


def packed(entries: Iterable[tuple[str, bytes]], *, largest_plain: int = LARGEST_PLAIN, piece: int = 7) -> bytes:
    stream, sent = ZipStream(largest_plain), []
    for name, content in entries:
        pieces = [content[start : start + piece] for start in range(0, len(content), piece)]
        sent += list(stream.entry(name, len(content), AT, pieces))
    return b"".join([*sent, stream.end()])


ENTRIES = [("acme.zip", b"PK not really"), ("東京-ページ.zip", bytes(range(256)) * 300), ("empty.jsonl", b"")]


@pytest.mark.parametrize("largest_plain", [LARGEST_PLAIN, 100, 0])
def test_entries_come_out_as_they_went_in_plain_or_zip64(largest_plain: int) -> None:
    with zipfile.ZipFile(io.BytesIO(packed(ENTRIES, largest_plain=largest_plain))) as archive:
        assert archive.testzip() is None
        assert [(info.filename, archive.read(info)) for info in archive.infolist()] == ENTRIES
        assert archive.infolist()[0].date_time == (2026, 10, 31, 14, 5, 8)


@pytest.mark.parametrize("largest_plain", [LARGEST_PLAIN, 100])
def test_unzip_finds_no_fault(largest_plain: int, tmp_path: Path) -> None:
    unzip = shutil.which("unzip")
    if unzip is None:
        missing("unzip", "Install Debian's `unzip` to have another program read what we pack.")
    file = tmp_path / "parcel.zip"
    file.write_bytes(packed(ENTRIES[:1] + ENTRIES[2:] + ENTRIES[1:2], largest_plain=largest_plain))
    done = subprocess.run([unzip, "-t", str(file)], capture_output=True, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert b"No errors detected" in done.stdout


def test_nothing_is_held_back_while_a_large_entry_is_sent() -> None:
    piece, sent, given = b"x" * 100_000, 0, 0

    def pieces() -> Iterable[bytes]:
        nonlocal given
        for _number in range(50):
            assert given - sent < 300_000
            given += len(piece)
            yield piece

    stream = ZipStream()
    for part in stream.entry("large", 50 * len(piece), AT, pieces()):
        sent += len(part)
    assert sent > given


@pytest.mark.parametrize("size", [2, 4])
def test_entry_of_another_length_than_announced_breaks_off(size: int) -> None:
    with pytest.raises(ValueError, match="3 bytes came"):
        list(ZipStream().entry("a", size, AT, [b"abc"]))
