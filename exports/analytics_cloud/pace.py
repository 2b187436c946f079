"""Whether bytes come fast enough, over a window that slides."""

from collections import deque

SAMPLES_PER_WINDOW = 16


class Pace:
    """The minimum rate of a download.

    Args:
        minimum_rate: bytes per second; 0 asks for none.
        window: seconds.
    """

    def __init__(self, minimum_rate: float, window: float) -> None:
        self._minimum_rate = minimum_rate
        self._window = window
        self._samples: deque[tuple[float, int]] = deque()

    def is_kept(self, clock: float, received: int) -> bool:
        """Return False when the last whole window brought less than the minimum.

        Args:
            clock: seconds waited for bytes, so that a slow disk of ours is not taken for a slow server.
            received: bytes so far.
        """
        samples = self._samples
        if not samples or clock - samples[-1][0] >= self._window / SAMPLES_PER_WINDOW:
            samples.append((clock, received))
        while len(samples) > 1 and samples[1][0] <= clock - self._window:
            samples.popleft()
        began, before = samples[0]
        span = clock - began
        return span < self._window or received - before >= self._minimum_rate * span
