"""The one seam through which the fault tests stop or kill a process at a named point; off in production.

Off means: the variable is absent at start, and `reached` is a comparison with an empty text.
"""

import os
import signal
from pathlib import Path

POINTS = (
    "question_sent",
    "download_started",
    "download_done",
    "in_gate",
    "before_publish",
    "after_publish",
    "ready",
)

_armed = os.environ.get("LAC_CRASH_POINT", "")  # "<point>:<signal name>:<marker file>"


def reached(point: str) -> None:
    """Kill or stop this process when ``LAC_CRASH_POINT`` names the point and its marker file is still there.

    The marker file is removed first, so that each armed crash happens once.
    """
    if not _armed or not _armed.startswith(point + ":"):
        return
    _, name, marker = _armed.split(":", 2)
    try:
        Path(marker).unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.Signals[name])
