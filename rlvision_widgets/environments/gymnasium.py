"""Gymnasium's vector environments, in the manner of this room: no states, and levels are the seeds of episodes."""

import json
import threading
from types import TracebackType
from typing import Any, NoReturn, Self

import gymnasium
import numpy as np
import numpy.typing as npt

from rlvision_widgets.environments.atari import atari_package, preprocessed, register_atari
from rlvision_widgets.environments.environment import Observed, check_actions
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.environments.pictures import EXPECTED, frames_of

__all__ = ["PREFIX", "GymnasiumEnvironment"]

PREFIX = "gymnasium:"


class GymnasiumEnvironment:
    """A Gymnasium vector environment with images and discrete actions; see `make_environment`.

    Grey images, (height, width) or (height, width, 1), are given in three equal colours. Of a stack of the last
    frames, (frame, height, width) or with colours, the newest is given: an agent that wants several keeps them itself.

    A level is the seed that one world is reset with; after the episode it draws its next one itself, of which no seed
    is known.

    Every method may be called from any thread: they wait for one another.

    One that resets in the step after an episode's last (Gymnasium's own default, ``AutoresetMode.NEXT_STEP``) shows
    the last frame of an episode, ignores the action taken there, which earns 0, and has `first` set after that. One
    made from an id resets in the same step, as Procgen does.
    """

    has_states = False
    has_success = False

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
        self.package = f"gymnasium {gymnasium.__version__}{atari_package(self._vector)}"
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
        frames = frames_of(space.shape or (), space.dtype)
        if frames is None:
            raise ValueError(
                f"{self.name} observes {space}; {EXPECTED}. Wrap it so that it returns them, e.g. with "
                "gymnasium.wrappers.AddRenderObservation."
            )
        if not isinstance(actions, gymnasium.spaces.Discrete):
            raise ValueError(f"{self.name} takes actions from {actions}; a Discrete space is expected.")
        self._frames = frames
        self._first_action = int(actions.start)

    def _as_observed(
        self,
        observation: Any,
        reward: npt.ArrayLike,
        first: npt.NDArray[np.bool_],
        levels: npt.NDArray[np.int32] | None = None,
    ) -> Observed:
        no_level = np.full(self.num_trajectories, -1, np.int32)
        before = no_level if levels is None else levels
        return Observed(
            self._frames(observation),
            np.asarray(reward, np.float32),
            first,
            np.where(first, no_level, before),
            before.copy(),
            np.zeros(self.num_trajectories, np.bool_),
        )

    def observe(self, *, copy: bool = True) -> Observed:
        """Return what is on show now. No level counts as completed, and without `load_level` its seed is -1."""
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
            self._observed = self._as_observed(observation, reward, first, self._observed.level_seed)

    def step(self, actions: npt.ArrayLike) -> Observed:
        """Take one step and return copies of what came of it."""
        with self._lock:
            self.act(actions)
            return self.observe()

    def get_state(self, index: int) -> NoReturn:
        """Raise a RuntimeError: there are no states."""
        raise RuntimeError(f"{self.name} is a Gymnasium environment, whose state is not saved; Procgen's is.")

    def set_state(self, index: int, state: bytes) -> NoReturn:
        """Raise a RuntimeError: there are no states."""
        raise RuntimeError(f"{self.name} is a Gymnasium environment, which cannot restore a state; Procgen's can.")

    def load_level(self, index: int, level_seed: int) -> None:
        """Reset one world with a seed, and leave the others as they are; `observe` then shows its first frame.

        Raises
        ------
        RuntimeError
            Where worlds cannot be reset one by one: before Gymnasium 1.1, and in vector environments that are neither
            its own two nor ale-py's.
        """
        index = check_count("the index of a trajectory", index, 0, self.num_trajectories - 1)
        level_seed = check_count("level_seed", level_seed, 0)
        with self._lock:
            self._check_open()
            alone = np.arange(self.num_trajectories) == index
            observation, _ = self._vector.reset(seed=self._seeds(index, level_seed), options={"reset_mask": alone})
            self._ended[index] = False
            now = self._observed
            self._observed = Observed(
                np.where(alone[:, None, None, None], self._frames(observation), now.observation),
                np.where(alone, np.float32(0), now.reward),
                now.first | alone,
                np.where(alone, np.int32(level_seed), now.level_seed),
                np.where(alone, np.int32(level_seed), now.previous_level_seed),
                now.previous_level_complete,
            )

    def _seeds(self, index: int, seed: int) -> Any:
        """Return the seed of one world as the vector environment wants it."""
        inner, vectors = self._vector.unwrapped, gymnasium.vector
        if hasattr(vectors, "AutoresetMode"):
            if isinstance(inner, vectors.SyncVectorEnv | vectors.AsyncVectorEnv):
                return [seed if place == index else None for place in range(self.num_trajectories)]
            if hasattr(inner, "ale"):
                return np.array([seed])
        raise RuntimeError(
            f"the worlds of {self.name} cannot be reset one by one: that takes Gymnasium 1.1 and its SyncVectorEnv or "
            f"AsyncVectorEnv; this is a {type(inner).__name__} of gymnasium {gymnasium.__version__}."
        )

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
    register_atari(identifier)
    if "preprocessing" in options:
        rest = {name: value for name, value in options.items() if name != "preprocessing"}
        options = preprocessed(identifier, options["preprocessing"], rest)
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
    base: Any = vector.unwrapped
    single: Any = getattr(getattr(base, "envs", [None])[0], "unwrapped", None)
    actions: Any = vector.single_action_space
    names: tuple[str, ...] = ()
    if hasattr(single, "get_action_meanings"):
        names = tuple(single.get_action_meanings())
    elif hasattr(base, "ale"):
        names = tuple(action.name for action in base.ale.get_action_set())
    return names if len(names) == actions.n else tuple(map(str, range(actions.n)))


def _reset_mode(vector: gymnasium.vector.VectorEnv[Any, Any, Any]) -> str:
    mode = (vector.metadata or {}).get("autoreset_mode", "NextStep")  # 1.0 knows no other
    return str(getattr(mode, "value", mode))
