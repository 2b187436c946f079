"""One byte shared by a worker and its children: the worker was asked to stop, hand work back now.

A forked child inherits the mapping, so the parent's signal reaches a download in progress without killing it.
"""

import mmap

_flag = mmap.mmap(-1, 1)


def request_stop() -> None:
    """Ask every step in this worker and its children to hand its export back."""
    _flag[0:1] = b"\x01"


def clear_stop() -> None:
    """Forget an earlier request."""
    _flag[0:1] = b"\x00"


def is_stopping() -> bool:
    """Tell whether this worker was asked to stop."""
    return _flag[0:1] == b"\x01"
