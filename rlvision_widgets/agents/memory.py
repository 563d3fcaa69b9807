"""What a recurrent agent carries from step to step: its state taken apart into rows, and frames that come with theirs.

A state is what its network makes of it: a tensor, or tuples, lists and dicts of tensors, each with the batch along an
axis of its own (torch's LSTM: a pair of (layer, batch, unit)). Which axis that is shows in the states of two batches of
different sizes. Rows can then be kept, chosen and mixed, whatever the state looks like.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["Remembered", "StateLayout", "converted"]


@dataclass(frozen=True, eq=False)
class Remembered:
    """Frames, each with what a recurrent agent carried when it saw it. Is indexed and sliced like an array of frames.

    Parameters
    ----------
    frames : uint8 array, (..., height, width, rgb)
    first : bool array, (...)
        Which of them open an episode.
    rows : tuple of array, (..., *)
        The state before each frame, as `StateLayout.rows` has it.
    """

    frames: NDArray[np.uint8]
    first: NDArray[np.bool_]
    rows: tuple[NDArray[Any], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the frames."""
        return self.frames.shape

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, where: Any) -> "Remembered":
        return Remembered(self.frames[where], self.first[where], tuple(row[where] for row in self.rows))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.frames, dtype=dtype, copy=copy) if copy else np.asarray(self.frames, dtype=dtype)

    def showing(self, frames: NDArray[np.uint8]) -> "Remembered":
        """Return other frames, (frame, height, width, rgb), seen with the memory of this one, (height, width, rgb)."""
        first, *rows = (_repeated(part, len(frames)) for part in (self.first, *self.rows))
        return Remembered(frames, first, tuple(rows))

    @staticmethod
    def joined(parts: "Sequence[Remembered]") -> "Remembered":
        """Return the frames of all parts, one after another."""
        rows = zip(*(part.rows for part in parts), strict=True)
        return Remembered(
            np.concatenate([part.frames for part in parts]),
            np.concatenate([part.first for part in parts]),
            tuple(map(np.concatenate, rows)),
        )


class StateLayout:
    """How a state is put together, and along which axis of each of its tensors the batch lies.

    Parameters
    ----------
    two, three : state
        Of a batch of two rows, and of three.

    Raises
    ------
    ValueError
        When the two are not put together alike, hold anything but tensors, or do not grow with the batch.
    """

    def __init__(self, two: Any, three: Any) -> None:
        self._template = two
        parts, others = list(_tensors(two)), list(_tensors(three))
        if len(parts) != len(others):
            raise ValueError("the state of three rows is put together in another way than that of two")
        self._axes = tuple(_batch_axis(a, b) for a, b in zip(parts, others, strict=True))

    def rows(self, state: Any) -> tuple[Tensor, ...]:
        """Return the state's tensors, the batch first; raise ValueError for a state that is put together otherwise."""
        parts, known = list(_tensors(state)), list(_tensors(self._template))
        if len(parts) != len(known) or any(
            _beside(a.shape, axis) != _beside(b.shape, axis)
            for a, b, axis in zip(parts, known, self._axes, strict=True)
        ):
            raise ValueError(
                f"the recurrent state holds {_described(parts)}; expected {_described(known)}, for two rows"
            )
        return tuple(part.movedim(axis, 0) for part, axis in zip(parts, self._axes, strict=True))

    def state(self, rows: Sequence[Tensor]) -> Any:
        """Return the state of some rows: the opposite of `rows`."""
        parts = iter([part.movedim(0, axis).contiguous() for part, axis in zip(rows, self._axes, strict=True)])
        return converted(self._template, lambda _: next(parts))


def _repeated(one: NDArray[Any], number: int) -> NDArray[Any]:
    return np.repeat(np.asarray(one)[np.newaxis], number, axis=0)


def converted(state: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """Return a state with each of its tensors changed."""
    if torch.is_tensor(state):
        return change(state)
    if isinstance(state, dict):
        return {name: converted(part, change) for name, part in state.items()}
    if isinstance(state, tuple | list):
        parts = [converted(part, change) for part in state]
        return type(state)(*parts) if hasattr(state, "_fields") else type(state)(parts)
    if state is None:
        return None
    raise ValueError(f"a recurrent state has to be made of tensors, in tuples, lists or dicts; got {_kind(state)}")


def _tensors(state: Any) -> Iterator[Tensor]:
    found: list[Tensor] = []
    converted(state, lambda tensor: found.append(tensor) or tensor)  # type: ignore[func-returns-value]
    yield from found


def _batch_axis(two: Tensor, three: Tensor) -> int:
    grown = [axis for axis, sizes in enumerate(zip(two.shape, three.shape, strict=False)) if sizes == (2, 3)]
    if two.ndim != three.ndim or len(grown) != 1:
        raise ValueError(
            f"a recurrent state's tensors have to grow with the batch along one axis; for batches of 2 and 3 one has "
            f"the shapes {tuple(two.shape)} and {tuple(three.shape)}"
        )
    return grown[0]


def _beside(shape: torch.Size, axis: int) -> tuple[int, ...]:
    return tuple(shape[:axis] + shape[axis + 1 :])


def _described(parts: Sequence[Tensor]) -> str:
    return ", ".join(f"a tensor {tuple(part.shape)}" for part in parts) or "no tensor"


def _kind(thing: Any) -> str:
    return type(thing).__name__
