"""The machine's clock jumps by 25 hours under running processes."""

from pathlib import Path

import pytest
import requests

from tests.faults.case import Case
from tests.support.stack import BEAT, REPOSITORY, WEB

HANDS = REPOSITORY / "tests" / "support" / "moving_clock"


@pytest.mark.slow
@pytest.mark.parametrize("hours", [-25, 25])
def test_clock_of_the_machine_jumps_under_way_and_all_goes_on(case: Case, hours: int, tmp_path: Path) -> None:
    stack = case.stack
    # Leases end early when the clock is set ahead: whoever held one hangs up a moment after another has begun.
    case.tolerated |= {"asked-after-stored", "two-downloads", "two-questions"}
    case.is_skewed = True
    clock = tmp_path / "clock"
    clock.write_text("0")
    for name in (BEAT, WEB, "worker"):
        stack.restart(name, PYTHONPATH=str(HANDS), LAC_TEST_CLOCK=str(clock))
    stack.wait_until_up()
    place = case.place()
    case.slow_download(place)
    keys = case.queue(place, 4)
    case.wait_for_download(place, share=0.2)
    clock.write_text(str(hours * 3600))
    exports = case.wait_ready(keys)  # the reaper's pass, once a minute, mends what was written before
    exports += case.wait_ready(case.queue(place, 2, first=4))
    for export in exports:
        assert export["attempts"] == 0
        assert case.api.digest_of_file(export["id"]) == export["sha256"]
        case.accept(export["id"], "ready", "expired")  # of a day that is over, once the clock is right again
    health = case.api.until(
        lambda: requests.get(f"{stack.url}/health/ready", timeout=10).status_code == 200, "health good again"
    )
    assert health
