"""Gymnasium's vector environments, in the manner of this room: no states, no levels."""

import json
import threading
from types import TracebackType
from typing import Any, NoReturn, Self

import gymnasium
import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.environment import Observed, check_actions
from rlvision_widgets.environments.options import check_count

__all__ = ["PREFIX", "GymnasiumEnvironment"]

PREFIX = "gymnasium:"


class GymnasiumEnvironment:
    """A Gymnasium vector environment with images and discrete actions; see `make_environment`.

    Grey images, (height, width) or (height, width, 1), are given in three equal colours.

    Every method may be called from any thread: they wait for one another.

    One that resets in the step after an episode's last (Gymnasium's own default, ``AutoresetMode.NEXT_STEP``) shows
    the last frame of an episode, ignores the action taken there, which earns 0, and has `first` set after that. One
    made from an id resets in the same step, as Procgen does.
    """

    has_states = False

    def __init__(
        self,
        source: str | gymnasium.vector.VectorEnv[Any, Any, Any],
        *,
        num_trajectories: int | None,
        seed: int = 0,
        **options: Any,
    ) -> None:
        self.seed = check_count("seed", seed, 0)
        if isinstance(source, str):
            self.name = source
            self.options = _json_friendly(options)
            self._vector = _make(
                source.removeprefix(PREFIX), 8 if num_trajectories is None else num_trajectories, options
            )
        else:
            self.name, self.options, self._vector = _describe(source, num_trajectories, options)
        self.num_trajectories = int(self._vector.num_envs)
        self.package = f"gymnasium {gymnasium.__version__}"
        self._check_spaces()
        self.action_names = _action_names(self._vector)
        self._resets = _reset_mode(self._vector)
        self._lock = threading.RLock()
        self._closed = False
        self._ended = np.zeros(self.num_trajectories, np.bool_)
        observation, _ = self._vector.reset(seed=self.seed)
        nothing = np.zeros(self.num_trajectories, np.float32)
        self._observed = self._as_observed(observation, nothing, np.ones(self.num_trajectories, np.bool_))

    def _check_spaces(self) -> None:
        space, actions = self._vector.single_observation_space, self._vector.single_action_space
        shape = space.shape or ()
        if space.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in {1, 3})):
            raise ValueError(
                f"{self.name} observes {space}; uint8 images of the shape (height, width, 3), or grey ones of (height, "
                "width, 1) or (height, width), are expected. Wrap it so that it returns them, e.g. with "
                "gymnasium.wrappers.AddRenderObservation."
            )
        if not isinstance(actions, gymnasium.spaces.Discrete):
            raise ValueError(f"{self.name} takes actions from {actions}; a Discrete space is expected.")
        self._first_action = int(actions.start)

    def _as_observed(self, observation: Any, reward: npt.ArrayLike, first: npt.NDArray[np.bool_]) -> Observed:
        no_level = np.full(self.num_trajectories, -1, np.int32)
        pixels = np.asarray(observation)
        pixels = pixels[..., np.newaxis] if pixels.ndim == 3 else pixels
        return Observed(
            np.broadcast_to(pixels, (*pixels.shape[:3], 3)),
            np.asarray(reward, np.float32),
            first,
            no_level,
            no_level.copy(),
            np.zeros(self.num_trajectories, np.bool_),
        )

    def observe(self, *, copy: bool = True) -> Observed:
        """Return what is on show now. `level_seed` is -1, and no level counts as completed."""
        with self._lock:
            self._check_open()
            return Observed._make(array.copy() for array in self._observed) if copy else self._observed

    def act(self, actions: npt.ArrayLike) -> None:
        """Take one step; `observe` returns what came of it."""
        num_actions = len(self.action_names)
        checked = check_actions(actions, self.num_trajectories, num_actions) + self._first_action
        with self._lock:
            self._check_open()
            observation, reward, terminated, truncated, _ = self._vector.step(checked)
            ended = np.logical_or(terminated, truncated)
            first = self._ended if self._resets == "NextStep" else ended
            if self._resets == "Disabled" and ended.any():
                observation, _ = self._vector.reset(options={"reset_mask": ended})
            self._ended = ended
            self._observed = self._as_observed(observation, reward, first)

    def step(self, actions: npt.ArrayLike) -> Observed:
        """Take one step and return copies of what came of it."""
        with self._lock:
            self.act(actions)
            return self.observe()

    def get_state(self, index: int) -> NoReturn:
        """Raise a RuntimeError: there are no states."""
        raise RuntimeError(f"{self.name} is a Gymnasium environment, which cannot save its state; Procgen's can.")

    def set_state(self, index: int, state: bytes) -> NoReturn:
        """Raise a RuntimeError: there are no states."""
        raise RuntimeError(f"{self.name} is a Gymnasium environment, which cannot restore a state; Procgen's can.")

    def load_level(self, index: int, level_seed: int) -> NoReturn:
        """Raise a RuntimeError: there are no levels."""
        raise RuntimeError(f"{self.name} is a Gymnasium environment, which has no numbered levels; Procgen has.")

    def render(self, index: int) -> npt.NDArray[np.uint8]:
        """Return the observation of one world, (height, width, rgb): there is no larger frame."""
        with self._lock:
            self._check_open()
            index = check_count("the index of a trajectory", index, 0, self.num_trajectories - 1)
            frame: npt.NDArray[np.uint8] = self._observed.observation[index].copy()
            return frame

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(f"this {self.name} environment is closed; make another with make_environment.")

    def close(self) -> None:
        """Close the vector environment. May be called twice."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._vector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _json_friendly(options: dict[str, Any]) -> dict[str, Any]:
    try:
        return dict(json.loads(json.dumps(options)))
    except TypeError as error:
        raise TypeError(
            f"the options of a Gymnasium id must go through JSON, so that a study can say what ran: {error}. "
            "Make the vector environment yourself and give it instead of the id."
        ) from error


def _make(identifier: str, num: int, options: dict[str, Any]) -> gymnasium.vector.VectorEnv[Any, Any, Any]:
    modes = getattr(gymnasium.vector, "AutoresetMode", None)  # since 1.1; before, only the next step
    return gymnasium.make_vec(
        identifier,
        num_envs=check_count("num_trajectories", num, 1),
        vectorization_mode="sync",
        vector_kwargs={} if modes is None else {"autoreset_mode": modes.SAME_STEP},
        **options,
    )


def _describe(
    vector: gymnasium.vector.VectorEnv[Any, Any, Any], num_trajectories: int | None, options: dict[str, Any]
) -> tuple[str, dict[str, Any], gymnasium.vector.VectorEnv[Any, Any, Any]]:
    if not isinstance(vector, gymnasium.vector.VectorEnv):
        raise TypeError(
            "an environment is a name or a gymnasium.vector.VectorEnv, and a "
            f"{type(vector).__name__} came. gymnasium.vector.SyncVectorEnv([make, make, …]) makes one of single ones."
        )
    if options:
        raise TypeError(f"a vector environment is made already, so it takes no options; {', '.join(options)} came.")
    if num_trajectories not in (None, vector.num_envs):
        raise ValueError(
            f"the vector environment has {vector.num_envs} worlds, and num_trajectories={num_trajectories}."
        )
    single = getattr(vector.unwrapped, "envs", [None])[0]
    spec = vector.spec or getattr(single, "spec", None)
    return PREFIX + (spec.id if spec else type(getattr(single, "unwrapped", vector.unwrapped)).__name__), {}, vector


def _action_names(vector: gymnasium.vector.VectorEnv[Any, Any, Any]) -> tuple[str, ...]:
    """Return the meanings that some worlds (Atari's) give their actions, or else the numbers."""
    single: Any = getattr(getattr(vector.unwrapped, "envs", [None])[0], "unwrapped", None)
    actions: Any = vector.single_action_space
    names = tuple(single.get_action_meanings()) if hasattr(single, "get_action_meanings") else ()
    return names if len(names) == actions.n else tuple(map(str, range(actions.n)))


def _reset_mode(vector: gymnasium.vector.VectorEnv[Any, Any, Any]) -> str:
    mode = (vector.metadata or {}).get("autoreset_mode", "NextStep")  # 1.0 knows no other
    return str(getattr(mode, "value", mode))
