"""The disk is full, or a file is larger than the portal accepts."""

import time
from collections.abc import Iterator

import pytest

from tests.faults.case import Case
from tests.faults.conftest import MAX_BYTES, MAX_UNPACKED_BYTES, MIN_FREE_BYTES
from tests.support.small_disk import SmallDisk
from tests.support.stack import wait_while

# A tenth of a kilobyte each, packed; about half a kilobyte unpacked.
ROWS_OF_A_MEGABYTE = 10_000


@pytest.fixture
def disk(small: SmallDisk | None) -> Iterator[SmallDisk]:
    if small is None:
        pytest.skip("no file system of our own here: it takes the right to mount one")
    yield small
    small.free()


@pytest.fixture
def rows(case: Case) -> Iterator[Case]:
    """Let a case say how many rows the next exports have."""
    before = case.stack.simulator.rows
    yield case
    case.stack.simulator.rows = before


def waits_for(case: Case, key: str) -> str:
    return str((case.api.export(key)["waiting_for"] or {}).get("code"))


def ask_for_csv(case: Case, key: str) -> int:
    return case.api.call("GET", f"exports/{key}/file?format=csv").status_code


def test_full_while_downloading_said_and_resumed_uncharged(case: Case, rows: Case, disk: SmallDisk) -> None:
    rows.stack.simulator.rows = int(1.5 * ROWS_OF_A_MEGABYTE)
    disk.leave(MIN_FREE_BYTES + 200_000)
    place = case.place()
    case.tolerated.add("asked-after-stored")  # whole at their end
    keys = case.queue(place, 2, type="page")
    case.api.until(lambda: waits_for(case, keys[0]) == "storage_full", "storage full")
    assert not [name for name in case.stack.files() if name[:36] in keys and not name.endswith(".part")]
    time.sleep(1)
    disk.free()
    for export in case.wait_ready(keys):
        assert export["attempts"] == 0
    assert len(case.downloads(place)) > 2


def test_less_than_the_floor_free_no_download_begins_until_there_is_more(case: Case, disk: SmallDisk) -> None:
    disk.leave(MIN_FREE_BYTES - 200_000)  # enough for the files, less than must stay free
    place = case.place()
    keys = case.queue(place, 2)
    case.api.until(lambda: all(waits_for(case, key) == "storage_full" for key in keys), "storage full")
    time.sleep(1)
    assert case.downloads(place) == []
    disk.free()
    for export in case.wait_ready(keys):
        assert export["attempts"] == 0


def test_full_while_converting_made_once_there_is_room(case: Case, rows: Case, disk: SmallDisk) -> None:
    rows.stack.simulator.rows = ROWS_OF_A_MEGABYTE
    key = case.queue_one(case.place())
    (export,) = case.wait_ready([key])
    disk.leave(200_000)
    for _ in range(8):  # longer than a format that fails is tried
        assert ask_for_csv(case, key) == 202
        time.sleep(0.7)
    disk.free()
    case.api.until(lambda: ask_for_csv(case, key) == 200, "made at last", seconds=60)
    lines = case.api.call("GET", f"exports/{key}/file?format=csv").text.splitlines()
    assert len(lines) == export["rows"] + 1


@pytest.mark.parametrize(
    ("megabytes", "code"), [(2.5, "file_too_large_unpacked"), (4, "download_too_large")], ids=["unpacked", "packed"]
)
def test_larger_than_accepted_fails_at_once_with_a_way_out(case: Case, rows: Case, megabytes: float, code: str) -> None:
    assert 2_700_000 < MAX_BYTES < 4_000_000 < MAX_UNPACKED_BYTES < 13_000_000
    rows.stack.simulator.rows = int(megabytes * ROWS_OF_A_MEGABYTE)
    place = case.place()
    key = case.queue_one(place)
    case.accept(key, "failed")
    (export,) = case.api.wait_for([key], "failed")
    assert export["error"]["code"] == code
    assert export["error"]["whose_turn"] == "you"
    assert "shorter range" in export["error"]["next_action"]
    assert len(case.downloads(place)) == 1
    wait_while(lambda: any(name.startswith(key) for name in case.stack.files()), "its bytes")
