"""How much longer things take on a machine that is busy with something else."""

import os

MOST = 4.0


def slowness() -> float:
    """Return by which factor to stretch what waits: 1 on a quiet machine, at most `MOST`."""
    waiting_for_each_core = os.getloadavg()[0] / (os.cpu_count() or 1)
    return min(max(waiting_for_each_core / 2, 1.0), MOST)
