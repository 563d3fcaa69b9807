"""Where the time of an iteration goes."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Stopwatch"]


class Stopwatch:
    """Seconds of each part, by the clock of the thread that drives the loop.

    On a GPU, which works while that thread goes on, "inference" is what it takes to ask and "copies" holds the wait for
    the answer, as "learning" does for its last step. The parts add up to the time that passed all the same.
    """

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.begun = time.monotonic()

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Count the block's time as `part`."""
        start = time.monotonic()
        try:
            yield
        finally:
            self.seconds[part] += time.monotonic() - start

    def rates(self, steps: int) -> dict[str, float]:
        """Return steps per second of each part and of all together, and start anew."""
        now = time.monotonic()
        seconds = {**self.seconds, "all": now - self.begun}
        self.seconds.clear()
        self.begun = now
        return {part: round(steps / max(taken, 1e-9), 2) for part, taken in seconds.items()}
