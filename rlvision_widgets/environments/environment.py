"""What every batch environment offers, wherever it comes from."""

from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

__all__ = ["Environment", "Observed", "check_actions"]


class Observed(NamedTuple):
    """What a batch of environments shows after a step; every array starts with the axis `trajectory`.

    Attributes
    ----------
    observation : uint8 array, (trajectory, height, width, rgb)
        The frames, 0 to 255. With `first` set, a frame is already the new level's: the last frame of the episode that
        ended is never shown.
    reward : float32 array, (trajectory,)
        What the last action earned, in the task's own units.
    first : bool array, (trajectory,)
        This observation opens an episode, so the last action ended the one before.
    level_seed : int32 array, (trajectory,)
        The level on show; -1 where the world has no levels.
    previous_level_seed : int32 array, (trajectory,)
        The level in which the last action was taken: with `first` the one that ended, otherwise the one on show.
    previous_level_complete : bool array, (trajectory,)
        Whether the last action completed that level; False again after the next action.
    """

    observation: npt.NDArray[np.uint8]
    reward: npt.NDArray[np.float32]
    first: npt.NDArray[np.bool_]
    level_seed: npt.NDArray[np.int32]
    previous_level_seed: npt.NDArray[np.int32]
    previous_level_complete: npt.NDArray[np.bool_]


class Environment(Protocol):
    """A batch of worlds that step together, each of which starts its next episode by itself.

    Attributes
    ----------
    name : str
        The game, e.g. ``"coinrun"``.
    num_trajectories : int
        How many worlds step together.
    options : dict
        Everything but the seed that makes the world what it is; goes through JSON unchanged.
    seed : int
        What drives the choice of levels.
    action_names : tuple of str
        One name for each action, in the order of the action's number.
    package : str
        What runs the world, with its version.
    """

    name: str
    num_trajectories: int
    options: dict[str, Any]
    seed: int
    action_names: tuple[str, ...]
    package: str

    @property
    def has_states(self) -> bool:
        """Whether `get_state` and `set_state` work."""
        ...

    def observe(self, *, copy: bool = True) -> Observed:
        """Return what is on show now."""
        ...

    def act(self, actions: npt.ArrayLike) -> None:
        """Start one step; `observe` then returns what came of it."""
        ...

    def step(self, actions: npt.ArrayLike) -> Observed:
        """Take one step and return what came of it."""
        ...

    def get_state(self, index: int) -> bytes:
        """Return all that decides the future of one world."""
        ...

    def set_state(self, index: int, state: bytes) -> None:
        """Put one world into a state that `get_state` returned."""
        ...

    def load_level(self, index: int, level_seed: int) -> None:
        """Start an episode of one level in one world; where there are no levels, of one seed."""
        ...

    def render(self, index: int) -> npt.NDArray[np.uint8]:
        """Return a large frame of one world, (height, width, rgb)."""
        ...

    def close(self) -> None:
        """Free what the worlds hold. May be called twice."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def check_actions(actions: npt.ArrayLike, num_trajectories: int, num_actions: int) -> npt.NDArray[np.int32]:
    """Return `actions` as int32, or refuse them.

    Parameters
    ----------
    actions : array of int, (trajectory,)
        One action for each world, from 0 to `num_actions` - 1.
    num_trajectories, num_actions : int
        What is expected.

    Raises
    ------
    TypeError
        When `actions` are not integers.
    ValueError
        When their number or range is wrong.
    """
    array = np.asarray(actions)
    if array.dtype.kind not in "iu":
        raise TypeError(
            f"actions must be integers, and {array.dtype} came. "
            "Round them yourself, or sample them from the agent's policy logits."
        )
    if array.shape != (num_trajectories,):
        raise ValueError(
            f"actions must have the shape ({num_trajectories},), one for each trajectory, and {array.shape} came."
        )
    if array.min() < 0 or array.max() >= num_actions:
        wrong = int(np.flatnonzero((array < 0) | (array >= num_actions))[0])
        raise ValueError(
            f"actions must be from 0 to {num_actions - 1}, and trajectory {wrong} got {array[wrong]}. "
            "Their names, in order, are in `action_names`."
        )
    return array.astype(np.int32, copy=False)
