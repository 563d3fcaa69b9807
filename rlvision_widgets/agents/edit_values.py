"""What the fields of a network edit may hold, checked when it is made; arrays become tuples of numbers."""

import base64
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from rlvision_widgets.names import unknown

__all__ = [
    "STRONGEST",
    "Maps",
    "channels",
    "maps_from",
    "maps_to_text",
    "matrix",
    "option",
    "short",
    "strength",
    "text",
    "vector",
]

STRONGEST = 2.0
Maps = npt.NDArray[np.float16]


def strength(what: str, value: Any) -> float:
    """Return a strength: from -2 to 2."""
    number = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or abs(value) > STRONGEST:
        raise ValueError(
            f"{what} must be a number from {-STRONGEST:g} to {STRONGEST:g} (0 leaves all as it is, 1 is the whole "
            f"edit), and {value!r} came."
        )
    return float(value) + 0.0


def text(what: str, value: Any, empty: bool = False) -> str:
    """Return a text of one line."""
    if not isinstance(value, str) or not (empty or value.strip()):
        raise TypeError(f"{what} must be a text{'' if empty else ' such as 2b'}, and {value!r} came.")
    return str(value)


def option(what: str, value: Any, options: tuple[str, ...]) -> str:
    """Return one of `options`."""
    if value not in options:
        raise ValueError(unknown(what, value, options))
    return str(value)


def vector(what: str, value: Any, dims: tuple[int, ...] = (1,), zero: bool = False) -> Any:
    """Return finite numbers with one of some numbers of dims, as nested tuples; not all of them zero, unless `zero`."""
    array = _finite(what, value)
    if array.ndim not in dims or not array.size:
        shapes = " or ".join({1: "(channel)", 2: "(channel, channel)", 3: "(channel, y, x)"}[n] for n in dims)
        raise ValueError(f"{what} must be numbers {shapes}, and an array of shape {array.shape} came.")
    if not zero and not array.any():
        raise ValueError(f"{what} is zero everywhere, so that it points nowhere.")
    return _tuples(array)


def matrix(what: str, value: Any) -> tuple[tuple[float, ...], ...]:
    """Return a square matrix of finite numbers."""
    rows: tuple[tuple[float, ...], ...] = vector(what, value, (2,), zero=True)
    if len(rows) != len(rows[0]):
        raise ValueError(f"{what} must be square (channel, channel), and is {len(rows)} x {len(rows[0])}.")
    return rows


def channels(what: str, value: Any) -> tuple[int, ...]:
    """Return numbers of channels, each once, in ascending order."""
    given = (value,) if isinstance(value, int | np.integer) else value
    items = tuple(given) if isinstance(given, tuple | list | range | np.ndarray) else ()
    if not items or not all(isinstance(item, int | np.integer) and not isinstance(item, bool) for item in items):
        raise TypeError(f"{what} must be numbers of channels, such as (3, 7), and {value!r} came.")
    numbers = tuple(sorted(int(item) for item in items))
    if numbers[0] < 0 or len(set(numbers)) < len(numbers):
        raise ValueError(f"{what} must be different and at least 0, and {value!r} came.")
    return numbers


def maps_to_text(maps: npt.ArrayLike) -> str:
    """Return activations, (sample, channel, y, x), as text: their shape and the base64 of float16."""
    array = np.ascontiguousarray(maps, "<f2")
    return f"{'x'.join(map(str, array.shape))}:{base64.b64encode(array.tobytes()).decode()}"


def maps_from(what: str, value: str) -> Maps:
    """Return the activations that a text of `maps_to_text` holds, float16 (sample, channel, y, x)."""
    try:
        sizes, _, content = value.partition(":")
        shape = tuple(int(size) for size in sizes.split("x"))
        maps = np.frombuffer(base64.b64decode(content, validate=True), "<f2").reshape(shape)
    except ValueError as error:
        raise ValueError(f"{what} is damaged: {error}.") from error
    if maps.ndim != 4 or not maps.size or not np.isfinite(maps).all():
        raise ValueError(f"{what} must be finite activations (sample, channel, y, x), and has shape {maps.shape}.")
    return maps


def short(array: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return float32 numbers as the float64 that their shortest decimals stand for: 0.1, not 0.10000000149."""
    given = np.asarray(array, np.float32)
    return np.array([float(str(number)) for number in given.ravel()]).reshape(given.shape)


def _finite(what: str, value: Any) -> npt.NDArray[np.float64]:
    try:
        array = np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} must be numbers, and {value!r} came.") from error
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise ValueError(f"{what} must be finite, and is {array[at]} at {at if len(at) > 1 else at[0]}.")
    return array + 0.0  # no -0.0, which reads back as another text


def _tuples(array: npt.NDArray[np.float64]) -> Any:
    return tuple(array.tolist()) if array.ndim == 1 else tuple(_tuples(row) for row in array)
