"""Progress bars, in a notebook or a terminal."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tqdm import auto

__all__ = ["Cancelled", "Report", "bars", "counter", "passed_on", "track"]

T = TypeVar("T")

# Takes a stage, how much of it is done, and how much there is.
Report = Callable[[str, int, int], None]


class Cancelled(Exception):
    """Computing was cancelled before there was a result."""


def passed_on(
    items: Iterable[T], stage: str, total: int, report: Report | None, cancelled: Callable[[], bool] | None
) -> Iterator[T]:
    """Pass items on and report each; raise Cancelled between two of them when that is wanted."""
    for done, item in enumerate(items, start=1):
        if cancelled is not None and cancelled():
            raise Cancelled
        yield item
        if report is not None:
            report(stage, done, total)


def track(items: Iterable[T], label: str, unit: str, progress: bool, total: int | None = None) -> Iterable[T]:
    """Return the items with a progress bar around them, if `progress`."""
    return _bar(items, desc=label, unit=unit, total=total, disable=not progress)  # type: ignore[no-any-return]


def counter(label: str, unit: str, progress: bool, total: int, initial: int = 0) -> Any:
    """Return a bar for `update(number)`, with a context; rate and remaining time leave out the `initial` ones."""
    calm = {"mininterval": 1.0, "smoothing": 0.05}  # seldom enough for a log, and a remaining time that does not jump
    return _bar(desc=label, unit=unit, total=total, initial=initial, disable=not progress, **calm)


@contextmanager
def bars(progress: bool) -> Iterator[Report]:
    """Give a function that shows one bar after another: a new one for each new stage."""
    shown: dict[str, Any] = {}

    def report(stage: str, done: int, total: int) -> None:
        if stage not in shown:
            close()
            shown[stage] = _bar(desc=stage, total=total, disable=not progress)
        shown[stage].update(done - shown[stage].n)

    def close() -> None:
        while shown:
            shown.popitem()[1].close()

    try:
        yield report
    finally:
        close()


_bar: Any = auto.tqdm  # which class that is depends on where Python runs, so type checkers cannot know
