"""Procgen's saved states: bytes to named values and back, byte for byte."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.layout import ARRAYS, END, ENTITY, LAYOUT, TAILS, VERSION, Numbers, program
from rlvision_widgets.names import unknown

__all__ = ["State", "parse_state", "serialise_state", "with_level"]


@dataclass(frozen=True, eq=False)
class State:
    """One moment of one game.

    Attributes
    ----------
    game : str
        The game's name.
    values : mapping of str to int or float
        Every single number, under Procgen's own name.
    arrays : mapping of str to array
        "entities" (entity,) of `ENTITY`; "grid" (y, x) int32, row 0 at the bottom; and the game's own lists. Read-only:
        copy one to change it.
    generators : mapping of str to bytes
        The random generators, as stored.
    """

    game: str
    values: Mapping[str, int | float]
    arrays: Mapping[str, npt.NDArray[Any]]
    generators: Mapping[str, bytes]

    @property
    def entities(self) -> npt.NDArray[Any]:
        """The things in the world, (entity,) of `ENTITY`; the agent is the last one of type 0."""
        return self.arrays["entities"]

    @property
    def grid(self) -> npt.NDArray[np.int32]:
        """What each cell holds, (y, x); row 0 is the bottom."""
        return self.arrays["grid"]

    def replace(self, **changes: Any) -> Self:
        """Return a copy in which the named values, arrays or generators are others.

        Raises
        ------
        ValueError
            When a name is none of this game's.
        """
        parts: dict[str, dict[str, Any]] = {
            "values": dict(self.values),
            "arrays": dict(self.arrays),
            "generators": dict(self.generators),
        }
        for name, new in changes.items():
            home = next((part for part in parts.values() if name in part), None)
            if home is None:
                known = [field for part in parts.values() for field in part]
                raise ValueError(unknown(f"field of a {self.game} state", name, known))
            home[name] = new
        return type(self)(self.game, **{part: MappingProxyType(content) for part, content in parts.items()})


class _Reader:
    """Bytes that are taken from the front; taking more than there are is a ValueError."""

    def __init__(self, data: bytes) -> None:
        self.data, self.offset = data, 0

    def take(self, size: int) -> int:
        """Return where the next `size` bytes begin, and move behind them."""
        start = self.offset
        if size < 0 or start + size > len(self.data):
            raise ValueError(
                f"this state is cut short or no state of Procgen 0.10.7: at byte {start} it announces {size} more, "
                f"and has {len(self.data) - start}. Use the bytes that get_state returned, unchanged."
            )
        self.offset += size
        return start

    def integers(self, count: int = 1) -> tuple[int, ...]:
        start = self.take(4 * count)
        return struct.unpack_from(f"<{count}i", self.data, start)

    def text(self) -> bytes:
        (size,) = self.integers()
        start = self.take(size)
        return self.data[start : self.offset]

    def generator(self) -> bytes:
        start = self.offset
        self.integers()
        self.text()
        return self.data[start : self.offset]

    def array(self, kind: str) -> npt.NDArray[Any]:
        width, height = self.integers(2) if kind == "G" else (0, 0)
        (count,) = self.integers()
        if kind == "G" and (width < 0 or count != width * height):
            raise ValueError(f"the grid of this state is {width} x {height} cells and has {count} values.")
        dtype = ARRAYS[kind]
        array = np.frombuffer(self.data, dtype, count, self.take(count * dtype.itemsize)) if count else _EMPTY[dtype]
        return array.reshape(height, width) if kind == "G" else array


_EMPTY = {dtype: np.frombuffer(b"", dtype) for dtype in ARRAYS.values()}


def parse_state(data: bytes) -> State:
    """Read a state that `get_state` returned, of any of the sixteen games.

    Parameters
    ----------
    data : bytes

    Returns
    -------
    State
        From which `serialise_state` makes the same bytes again.

    Raises
    ------
    ValueError
        When the bytes are not exactly one state of Procgen 0.10.7. (Forks that add fields are refused too.)
    """
    reader = _Reader(bytes(data))
    (version,) = reader.integers()
    if version != VERSION:
        raise ValueError(f"this is no state of Procgen 0.10.7: its version is {version}, and {VERSION} is expected.")
    game = reader.text().decode("ascii", "replace")
    if game not in TAILS:
        raise ValueError(unknown("game in this state", game, GAMES))
    values: dict[str, int | float] = {}
    arrays: dict[str, npt.NDArray[Any]] = {}
    generators: dict[str, bytes] = {}
    for step in (*program(LAYOUT), *program(TAILS[game])):
        if isinstance(step, Numbers):
            start = reader.take(step.packing.size)
            values.update(zip(step.names, step.packing.unpack_from(reader.data, start), strict=True))
        elif step[0] == "r":
            generators[step[1]] = reader.generator()
        else:
            arrays[step[1]] = reader.array(step[0])
    if reader.data[reader.offset :] != END:
        raise ValueError(
            f"this is no {game} state of Procgen 0.10.7: after its last field it should end with {END.hex()}, and "
            f"{len(reader.data) - reader.offset} bytes follow. Use the bytes that get_state returned, unchanged."
        )
    return State(game, MappingProxyType(values), MappingProxyType(arrays), MappingProxyType(generators))


def serialise_state(state: State) -> bytes:
    """Return the bytes of `state`, for `set_state`.

    Raises
    ------
    ValueError
        When a value does not fit its field; `set_state` then checks what the values mean.
    """
    name = state.game.encode()
    parts = [struct.pack("<ii", VERSION, len(name)), name]
    for step in (*program(LAYOUT), *program(TAILS[state.game])):
        if isinstance(step, Numbers):
            parts.append(_pack(step, state.values))
        elif step[0] == "r":
            parts.append(state.generators[step[1]])
        else:
            parts.extend(_array_bytes(step[0], step[1], state.arrays[step[1]]))
    return b"".join([*parts, END])


def _pack(step: Numbers, values: Mapping[str, int | float]) -> bytes:
    try:
        return step.packing.pack(*[values[name] for name in step.names])
    except (struct.error, OverflowError) as error:
        kinds = step.packing.format[1:]
        for kind, name in zip(kinds, step.names, strict=True):
            try:
                struct.pack(f"<{kind}", values[name])
            except (struct.error, OverflowError):
                expected = "an int32" if kind == "i" else "a float32"
                raise ValueError(f"{name} must be {expected}, and {values[name]!r} came.") from error
        raise


def _array_bytes(kind: str, name: str, array: npt.NDArray[Any]) -> list[bytes]:
    dtype, ndim = ARRAYS[kind], 2 if kind == "G" else 1
    array = np.asarray(array)
    if array.ndim != ndim or not np.can_cast(array.dtype, dtype, "same_kind"):
        raise ValueError(
            f"{name} must have {ndim} axes and the dtype {'ENTITY' if dtype == ENTITY else dtype.name}, and "
            f"{array.ndim} axes of {array.dtype} came."
        )
    sizes = array.shape[::-1] if kind == "G" else ()
    return [struct.pack(f"<{len(sizes) + 1}i", *sizes, array.size), array.astype(dtype, copy=False).tobytes()]


def with_level(state: State, level_seed: int) -> State:
    """Return `state`, changed so that its next reset opens the level `level_seed` and no other.

    The range and the random generator of level seeds stay as they are: levels after that one are drawn as before.

    Parameters
    ----------
    state : State
    level_seed : int
        From 0 to 2**31 - 2.
    """
    if not 0 <= level_seed < 2**31 - 1:
        raise ValueError(f"level_seed must be from 0 to {2**31 - 2}, and {level_seed} came.")
    # with an episode remaining, a reset repeats the current level instead of drawing one
    return state.replace(current_level_seed=int(level_seed), episodes_remaining=1)
