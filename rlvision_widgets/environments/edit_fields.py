"""What the fields of an edit may hold, checked when it is made."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["CHECKS", "Cell", "Point", "an"]

Point = tuple[float, float]
Cell = tuple[int, int]


def an(name: str) -> str:
    """Return a name with its article: "a saw", "an enemy"."""
    return f"an {name}" if name[:1] in tuple("aeiou") else f"a {name}"


def _word(what: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise TypeError(f"{what} must be a name such as 'saw', and {value!r} came.")
    return str(value)


def _number(what: str, value: Any) -> float:
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or abs(value) > 1e6:
        raise ValueError(f"{what} must be finite numbers below a million, and {value!r} came.")
    return float(value) + 0.0  # no -0.0, which reads back as another text


def _whole(what: str, value: Any, least: int | None = 0) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | np.integer):
        raise TypeError(f"{what} must be an integer, and {value!r} came.")
    if not (-(2**31) if least is None else least) <= value < 2**31:
        raise ValueError(f"{what} must be {f'at least {least}' if least is not None else 'an int32'}, and is {value}.")
    return int(value)


def _pair(what: str, value: Any) -> tuple[Any, Any]:
    items = tuple(value) if isinstance(value, tuple | list | np.ndarray) else ()
    if len(items) != 2:
        raise TypeError(f"{what} must be a pair (x, y), and {value!r} came.")
    return items


def _point(what: str, value: Any) -> Point:
    x, y = _pair(what, value)
    return _number(what, x), _number(what, y)


def _cell(what: str, value: Any) -> Cell:
    column, row = _pair(what, value)
    return _whole(what, column, None), _whole(what, row, None)


def _truth(what: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{what} must be True or False, and {value!r} came.")
    return bool(value)


def _positive(what: str, value: Any) -> int:
    return _whole(what, value, 1)


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(("what", "where"), _word),
    **dict.fromkeys(("at", "to", "velocity"), _point),
    **dict.fromkeys(("theme", "index", "seed"), _whole),
    "cell": _cell,
    "shown": _truth,
    "size": _positive,
}
