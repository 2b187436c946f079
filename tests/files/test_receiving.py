"""Receiving a body onto disk."""

import hashlib
import os
import resource
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exports.files.receiving import Received, StorageFull, free_bytes, receive

MIB = 1024**2


def nothing(_: int) -> None:
    return None


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=50)))
def test_body_is_kept_as_it_came(tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]) -> None:
    part = tmp_path_factory.mktemp("receive") / "x.part"
    seen: list[int] = []
    got = receive(chunks, part, min_free_bytes=0, on_progress=seen.append)
    body = b"".join(chunks)
    assert part.read_bytes() == body
    assert got == Received(len(body), hashlib.sha256(body).hexdigest())
    assert seen == [sum(map(len, chunks[: n + 1])) for n in range(len(chunks))]


def test_part_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    receive([b"secret"], tmp_path / "x.part", min_free_bytes=0, on_progress=nothing)
    assert stat.S_IMODE((tmp_path / "x.part").stat().st_mode) == 0o600


def test_part_that_exists_is_never_written_again(tmp_path: Path) -> None:
    part = tmp_path / "x.part"
    part.write_bytes(b"earlier")
    with pytest.raises(FileExistsError):
        receive([b"later"], part, min_free_bytes=0, on_progress=nothing)
    assert part.read_bytes() == b"earlier"


def test_link_in_place_of_the_part_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "x.part").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(FileExistsError):
        receive([b"x"], tmp_path / "x.part", min_free_bytes=0, on_progress=nothing)
    assert not (tmp_path / "elsewhere").exists()


def test_body_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"x" * 100
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        receive(broken(), tmp_path / "x.part", min_free_bytes=0, on_progress=nothing)
    assert list(tmp_path.iterdir()) == []


def test_progress_that_raises_ends_it_and_leaves_nothing(tmp_path: Path) -> None:
    def lost(_: int) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        receive([b"x"], tmp_path / "x.part", min_free_bytes=0, on_progress=lost)
    assert list(tmp_path.iterdir()) == []


def test_too_little_free_space_stops_before_the_first_byte(tmp_path: Path) -> None:
    def untouched() -> Iterator[bytes]:
        raise AssertionError("asked for a chunk")
        yield b""

    with pytest.raises(StorageFull):
        receive(untouched(), tmp_path / "x.part", min_free_bytes=2**62, on_progress=nothing)
    assert list(tmp_path.iterdir()) == []


def test_floor_reached_while_writing_stops_and_leaves_nothing(tmp_path: Path) -> None:
    floor = free_bytes(tmp_path) - 100 * MIB
    filler = tmp_path / "filler"

    def chunks() -> Iterator[bytes]:
        yield bytes(MIB)
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, 3 * 1024 * MIB)
        for _ in range(40):
            yield bytes(MIB)

    sizes: list[int] = []
    try:
        with pytest.raises(StorageFull):
            receive(chunks(), tmp_path / "x.part", min_free_bytes=floor, on_progress=sizes.append)
    finally:
        filler.unlink()
    assert max(sizes) < 40 * MIB
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_told_and_its_room_given_back(tiny_disk: Path) -> None:
    with pytest.raises(StorageFull):
        receive([bytes(MIB)] * 5, tiny_disk / "x.part", min_free_bytes=0, on_progress=nothing)
    assert list(tiny_disk.iterdir()) == []
    assert free_bytes(tiny_disk) >= MIB
    assert receive([bytes(MIB)], tiny_disk / "x.part", min_free_bytes=0, on_progress=nothing).bytes == MIB


LIMITED = """
import resource, sys
from pathlib import Path
from exports.files.receiving import StorageFull, receive
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    receive([bytes(600)] * 3, Path(sys.argv[1]), min_free_bytes=0, on_progress=lambda _: None)
except StorageFull as full:
    print("full", full)
"""


def test_limit_on_the_size_of_files_counts_as_full(tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path / "x.part"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("full")
    assert list(tmp_path.iterdir()) == []


def test_other_faults_of_the_system_stay_themselves(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NotADirectoryError):
        receive([b"x"], tmp_path / "file" / "x.part", min_free_bytes=0, on_progress=nothing)
