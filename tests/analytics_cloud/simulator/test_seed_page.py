"""The seed's page, followed to the letter with a real curl: its lines, its answers (docs: exporting-data.ja.md)."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from exports.analytics_cloud.simulator import Simulator, VirtualClock

TOKEN = "100dnsjvw78q2p3a5zsxxa61a0x7o8wtfx8z39z8gm2fvdq5lp7dfen"
# Both lines and the answer stand here as the page prints them.
REQUEST = (
    f'curl -H "Authorization: Bearer {TOKEN}" -L http://analytics.liferay.com/api/reports/export/page'
    "?fromDate=2022-01-01'T'00:00:01.000'Z'&toDate=2022-01-05'T'23:59:59.000'Z'"
)
DOWNLOAD = REQUEST + " >> page-data.json"
ANSWER = (
    '{"fromDate":"2022-01-01T00:00:01.000Z","createdDate":"2022-06-29T17:50:46.824Z",'
    '"toDate":"2022-01-05T23:59:59.000Z","message":"A new data export file for this date range and type will be '
    'created. Please come back later.","type":"PAGE","status":"PENDING"}'
)
URL = re.compile(r"(https?://\S+)")

# Three ways in which people keep their shell from reading the & of the page's line.
QUOTINGS = {
    "single": r"'\1'",  # the page's own quotes then end and begin the quoting around T and Z
    "double": r'"\1"',  # the page's own quotes then travel
    "backslash": None,
}


def quoted(line: str, base_url: str, quoting: str) -> str:
    """The page's line with host and port replaced and the URL quoted for the shell."""
    line = line.replace("http://analytics.liferay.com", base_url)
    replacement = QUOTINGS[quoting]
    return line.replace("&", r"\&") if replacement is None else URL.sub(replacement, line)


def run(line: str, folder: Path) -> str:
    if shutil.which("curl") is None:
        pytest.fail("curl is not installed: the seed's page can't be followed without it (Debian: apt install curl)")
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment["HOME"] = str(folder)
    done = subprocess.run(
        ["/bin/sh", "-c", line], capture_output=True, text=True, timeout=30, cwd=folder, env=environment
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock(datetime(2022, 6, 29, 17, 50, 46, 824_000, tzinfo=UTC))


@pytest.fixture
def simulator(clock):
    with Simulator(clock=clock, rows=20) as simulator:
        yield simulator


@pytest.mark.parametrize("quoting", QUOTINGS)
def test_the_pages_line_answers_what_the_page_prints(simulator, tmp_path, quoting):
    assert run(quoted(REQUEST, simulator.base_url, quoting), tmp_path) == ANSWER


@pytest.mark.parametrize("quoting", QUOTINGS)
def test_the_pages_line_asked_again_goes_from_pending_over_running_to_the_rows(simulator, clock, tmp_path, quoting):
    line = quoted(REQUEST, simulator.base_url, quoting)
    run(line, tmp_path)
    assert json.loads(run(line, tmp_path))["status"] == "PENDING"
    clock.advance(301)
    running = json.loads(run(line, tmp_path))
    assert running["status"] == "RUNNING"
    assert running["startedDate"] == "2022-06-29T17:55:46.824Z"
    clock.advance(300)
    rows = [json.loads(row) for row in run(line, tmp_path).splitlines()]
    assert len(rows) == 20
    assert all("2022-01-01 00:00:01 UTC" <= row["eventDate"] <= "2022-01-05 23:59:59 UTC" for row in rows)


def test_the_download_line_leaves_the_rows_in_the_named_file(simulator, clock, tmp_path):
    run(quoted(REQUEST, simulator.base_url, "single"), tmp_path)
    clock.advance(1_000)
    assert run(quoted(DOWNLOAD, simulator.base_url, "single"), tmp_path) == ""
    rows = (tmp_path / "page-data.json").read_text(encoding="utf-8").splitlines()
    assert len([json.loads(row) for row in rows]) == 20


@pytest.mark.parametrize("type_", ["individual", "page", "segment"])
def test_each_type_of_the_page_can_be_asked_for(simulator, tmp_path, type_):
    line = quoted(REQUEST, simulator.base_url, "single").replace("/page?", f"/{type_}?")
    assert json.loads(run(line, tmp_path))["type"] == type_.upper()


def test_a_second_request_waits_while_the_first_is_made(simulator, clock, tmp_path):
    lines = [quoted(REQUEST, simulator.base_url, "single").replace("/page?", f"/{t}?") for t in ("page", "segment")]
    for line in lines:
        run(line, tmp_path)
    clock.advance(301)
    assert sorted(json.loads(run(line, tmp_path))["status"] for line in lines) == ["PENDING", "RUNNING"]


def test_the_command_with_now_answers_the_pages_line(tmp_path):
    """Exactly what a reader does: start `manage.py simulator --now`, paste the line with another host."""
    root = Path(__file__).parents[3]
    server = subprocess.Popen(
        [sys.executable, "manage.py", "simulator", "--port", "0", "--now", "2022-06-29T17:50:46"],
        cwd=root,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        announced = re.search(r"http://127\.0\.0\.1:\d+", server.stdout.readline())
        assert announced, "the command did not print its address"
        answer = run(quoted(REQUEST, announced[0], "single"), tmp_path)
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=10) == 0
        server.stdout.close()
    printed = json.loads(answer)
    # The clock runs on from where it was set, so only the created moment differs from the page.
    assert "2022-06-29T17:50:46" <= printed["createdDate"] < "2022-06-29T17:51:16"
    assert printed | {"createdDate": ""} == json.loads(ANSWER) | {"createdDate": ""}


def test_quotes_that_travel_to_a_later_server_are_refused(clock, tmp_path):
    clock.advance(365 * 86_400)
    with Simulator(clock=clock) as simulator:
        answer = json.loads(run(quoted(REQUEST, simulator.base_url, "double"), tmp_path))
        assert answer["status"] == "ERROR"
        assert "yyyy-MM-dd'T'HH:mm[:ss.SSS'Z']" in answer["message"]
        assert any(line.startswith("bad-date") for line in simulator.violations())
