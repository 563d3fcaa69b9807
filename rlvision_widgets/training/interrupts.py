"""Ctrl-C: the first ends a leg where it can go on, the second at once."""

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

__all__ = ["stop_when_interrupted"]


@contextmanager
def stop_when_interrupted() -> Iterator[list[int]]:
    """Yield a list that the first Ctrl-C (or SIGTERM) makes non-empty; the second interrupts as usual."""
    stopped: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield stopped
        return

    def note(number: int, _: Any) -> None:
        stopped.append(number)
        signal.signal(number, before[number])
        with suppress(RuntimeError):  # when it came while something was being printed
            print("\nStopping after this iteration, and saving; again to stop at once.", file=sys.stderr)

    before = {int(number): signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
