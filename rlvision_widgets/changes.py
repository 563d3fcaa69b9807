"""Telling everyone who shows a study that it has changed."""

import contextlib
from collections.abc import Callable
from typing import Any

__all__ = ["announce", "watch"]

_watchers: list[Callable[[Any], None]] = []


def watch(callback: Callable[[Any], None]) -> Callable[[], None]:
    """Have `callback` called with each study that is announced; return what ends that."""
    _watchers.append(callback)

    def end() -> None:
        with contextlib.suppress(ValueError):
            _watchers.remove(callback)

    return end


def announce(study: Any) -> None:
    """Tell whoever shows this very tree that names, notes or results in it have changed.

    Functions that write into a study call it when they have written; open views then show the change.
    """
    for callback in list(_watchers):
        callback(study)
