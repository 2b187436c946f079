"""The comparison of downloads runs."""

import os
import subprocess
import sys
from shutil import which

from benchmarks.portal import REPOSITORY
from tests.support.presence import missing


def test_downloads_are_compared() -> None:
    if which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin") is None:
        missing("nginx", "Install Debian's `nginx-light` to compare downloads.")
    command = [sys.executable, "-m", "benchmarks.downloads", "--megabytes", "1", "--rounds", "1"]
    out = subprocess.run(command, cwd=REPOSITORY, text=True, check=True, stdout=subprocess.PIPE).stdout
    assert "production" in out
    assert "demo" in out
