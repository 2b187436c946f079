"""Workers are killed, frozen and stopped in every phase of an export."""

import os
import signal

import pytest

from tests.faults.case import Case


def test_nothing_hurt_everything_ready(case: Case) -> None:
    keys = case.queue(case.place(), 3)
    case.wait_ready(keys)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_child_killed_in_download_file_arrives_whole_uncharged(case: Case, share: float) -> None:
    place = case.place()
    case.slow_download(place)
    key = case.queue_one(place)
    case.wait_for_download(place, share=share)
    os.kill(case.downloader_of(key), signal.SIGKILL)
    (export,) = case.wait_ready([key])
    assert export["attempts"] == 0
    assert "worker_died" in case.api.codes(key)
    assert len(case.downloads(place)) == 2
