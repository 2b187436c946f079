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
    "format_made",
    "token_resealed",
)

_folder = os.environ.get("LAC_CRASH_POINTS", "")


def reached(point: str) -> None:
    """Send this process a signal when the folder ``LAC_CRASH_POINTS`` holds a file named like the point.

    The file holds the signal's name. It is removed first, so that each armed crash happens once.
    """
    if not _folder:
        return
    marker = Path(_folder) / point
    try:
        name = marker.read_text()
        marker.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.Signals[name])
