"""Any frame of a study, entered again: the emulator's state at that step, and worlds that go on from there.

A step is reached from what lies before it: the emulator state that the rollout kept (a keyframe), or else the start of
the level, which Procgen makes anew from its seed; then the recorded actions are repeated.
"""

import json
import threading
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.binding import find_installation
from rlvision_widgets.environments.edited import edited_environment
from rlvision_widgets.environments.edits import edits_from
from rlvision_widgets.environments.environment import Environment
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.masks import Seer
from rlvision_widgets.names import strict_keywords
from rlvision_widgets.schema import CHUNK

__all__ = ["MakeEnvironment", "World", "resume", "world_of"]

MakeEnvironment = Callable[..., Environment]  # given num_trajectories= and seed=

MOST_CHUNKS = 8  # kept states: some 40 kB a step, 2.5 MB a chunk


class World:
    """The world of a study: its emulator states at every step.

    From a kept state they are those of the rollout, byte for byte. From a level's seed they give the same frames,
    rewards and openings until the episode ends, and other levels after it. Every method may be called from any thread.

    Parameters
    ----------
    study : DataTree
        A study of a Procgen game, or with `environment` of any world that has states.
    environment : callable, optional
        Makes a batch of worlds, given ``num_trajectories=`` and ``seed=``. None: the study's game and options.

    Attributes
    ----------
    make : callable
        Makes the worlds.
    lock : RLock
        Held while the emulator is used.

    Raises
    ------
    ImportError
        When the study is Procgen's, and Procgen is not there.
    ValueError
        When the study's world is not Procgen's, or one without states.
    """

    def __init__(self, study: xr.DataTree, environment: MakeEnvironment | None = None) -> None:
        _check_is_study(study)
        # copies that share the arrays: a world that held the tree would keep it alive, and itself with it
        self._rollout, self._kept = study.to_dataset(), _kept_states(study)
        self.make = environment or _maker(self._rollout.attrs)
        self.lock = threading.RLock()
        self._chunks: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._replayer: Environment | None = None
        self._seer: Seer | None = None
        self._small = {name: self._rollout[name].values for name in ("action", "first", "level_seed")}

    def state(self, trajectory: int, step: int) -> bytes:
        """Return the emulator's state that shows the observation of a step, before its action."""
        return self.states(trajectory, step, step + 1)[0]

    def states(self, trajectory: int, start: int, stop: int) -> list[bytes]:
        """Return the states of the steps from `start` to `stop`, without the latter."""
        self._check(trajectory, start, stop)
        found: list[bytes] = []
        with self.lock:
            for first in range(start - start % CHUNK, stop, CHUNK):
                chunk = self._chunk(trajectory, first)
                found += chunk[max(start - first, 0) : stop - first]
        return found

    def environment(self, num_trajectories: int = 1) -> Environment:
        """Make fresh worlds like the study's; the caller closes them."""
        return self.make(num_trajectories=num_trajectories, seed=int(self._rollout.attrs.get("environment_seed", 0)))

    @property
    def seer(self) -> Seer:
        """What tells which object is at which pixel; made when first used."""
        with self.lock:
            if self._seer is None:
                with self.environment() as environment:
                    self._seer = Seer(environment)
            return self._seer

    def close(self) -> None:
        """Free the emulators; they are made again when they are needed."""
        with self.lock:
            self._chunks.clear()
            for open_one in (self._replayer, self._seer):
                if open_one is not None:
                    open_one.close()
            self._replayer = self._seer = None

    def _chunk(self, trajectory: int, first: int) -> list[bytes]:
        """Return the states of a chunk of steps, remembered if it was asked for lately."""
        key = trajectory, first
        if key not in self._chunks:
            stop = min(first + CHUNK, self._rollout.sizes["step"])
            self._chunks[key] = list(self._replay(trajectory, first, stop))
            if len(self._chunks) > MOST_CHUNKS:
                self._chunks.popitem(last=False)
        self._chunks.move_to_end(key)
        return self._chunks[key]

    def _replay(self, trajectory: int, start: int, stop: int) -> Iterator[bytes]:
        """Go from the last known moment before `start` to `stop`, and yield the states on the way."""
        world = self._replayer = self._replayer or self.environment()
        if not world.has_states:
            raise ValueError(f"this study's world, {world.name!r}, has no states: its frames cannot be entered again.")
        origin, kept = self._origin(trajectory, start)
        if kept is not None:
            world.set_state(0, kept)
        for step in range(origin, stop):
            if kept is None and self._opens(trajectory, step):
                world.load_level(0, int(self._small["level_seed"][trajectory, step]))
            elif step > origin:
                world.step(self._small["action"][trajectory, step - 1 : step])
            if step in (origin, start):
                self._compare(trajectory, step)
            if step >= start:
                yield world.get_state(0)

    def _origin(self, trajectory: int, step: int) -> tuple[int, bytes | None]:
        """Return the nearest step up to this one that can be entered at once, with its state if that was kept."""
        if self._kept is not None:
            keyframes = self._kept["keyframe_step"].values
            if (before := np.flatnonzero(keyframes <= step)).size:
                place = before[keyframes[before].argmax()]
                size = int(self._kept["size"][trajectory, place])
                state = self._kept["env_state"][trajectory, place, :size].values.tobytes()
                return int(keyframes[place]), state
        for earlier in range(step, -1, -1):
            if self._opens(trajectory, earlier):
                return earlier, None
        raise ValueError(
            f"trajectory {trajectory}, step {step} cannot be entered: this study keeps no emulator states, and its "
            "episode had begun before the rollout did, so that its level cannot be played from the start."
        )

    def _opens(self, trajectory: int, step: int) -> bool:
        """Tell whether a level begins at a step."""
        seed = self._small["level_seed"][trajectory]
        return bool(self._small["first"][trajectory, step]) or (step > 0 and seed[step] != seed[step - 1])

    def _compare(self, trajectory: int, step: int) -> None:
        """Refuse a world that does not show what was recorded; another build of Procgen may differ in some pixels."""
        world = self._replayer
        assert world is not None
        if world.package != self._rollout.attrs["environment_package"]:
            return
        recorded = self._rollout["observation"][trajectory, step].values
        if not np.array_equal(world.observe().observation[0], recorded):
            raise ValueError(
                f"trajectory {trajectory}, step {step} cannot be entered: the world made from this study's "
                f"{world.name} and its options ({json.dumps(world.options, sort_keys=True)}) shows another frame than "
                "the recorded one. The rollout was edited, or played in another world; give what makes that world as "
                "`environment`."
            )

    def _check(self, trajectory: int, start: int, stop: int) -> None:
        number, steps = self._rollout.sizes["trajectory"], self._rollout.sizes["step"]
        if not 0 <= trajectory < number:
            raise ValueError(f"trajectory must be from 0 to {number - 1}, and {trajectory} came.")
        if not 0 <= start < stop <= steps:
            wrong = start if not 0 <= start < steps else stop - 1
            raise ValueError(f"step must be from 0 to {steps - 1}, and {wrong} came.")


@strict_keywords
def resume(
    study: xr.DataTree, trajectory: int, step: int, *, environment: MakeEnvironment | None = None
) -> Environment:
    """Enter a frame of a study again.

    Parameters
    ----------
    study : DataTree
    trajectory, step : int
        The observation that is to be on show.
    environment : callable, optional
        Makes the worlds of a study that is not Procgen's, given ``num_trajectories=`` and ``seed=``.

    Returns
    -------
    Environment
        One world, which shows the recorded observation; the recorded actions lead to the recorded future, bit for
        bit. In a study without emulator states that holds until the end of the episode: the level is made again from
        its seed, and the levels after it are others. A context manager; closing it frees the world.

    Raises
    ------
    ImportError, ValueError
        As `World`; for a trajectory or step that is not there; when the world shows another frame.
    """
    world = world_of(study, environment)
    state = world.state(trajectory, step)
    entered = world.environment()
    entered.set_state(0, state)
    return entered


_worlds: dict[int, World] = {}
_worlds_lock = threading.Lock()


def world_of(study: xr.DataTree, environment: MakeEnvironment | None = None) -> World:
    """Return the world of a study: one for each study, which is closed when the study is gone.

    Parameters
    ----------
    study : DataTree
        The root of a study.
    environment : callable, optional
        As for `World`; from then on this is the study's world.
    """
    with _worlds_lock:
        known = _worlds.get(id(study))
        if known is not None and environment in (None, known.make):
            return known
        world = _worlds[id(study)] = World(study, environment)
        if known is None:
            weakref.finalize(study, _forget, id(study))
        else:
            known.close()
        return world


def _forget(key: int) -> None:
    world = _worlds.pop(key, None)
    if world is not None:
        world.close()


def _check_is_study(study: object) -> None:
    if not isinstance(study, xr.DataTree):
        raise TypeError(
            f"a study is an xarray.DataTree, got {type(study).__name__}; of a rollout, xarray.DataTree(it)."
        )
    lacking = [name for name in ("observation", "action", "first", "level_seed") if name not in study.dataset]
    if lacking:
        raise ValueError(f"this is not the root of a study: it has no {', '.join(lacking)}.")


def _kept_states(study: xr.DataTree) -> xr.Dataset | None:
    """Return the states that a study keeps, as `schema.STATES`; those of a bare rollout are among its variables."""
    if "states" in study.children:
        return study.children["states"].to_dataset(inherit=False)
    if "env_state" in study.dataset:
        return study.to_dataset()[["env_state", "env_state_size", "keyframe_step"]].rename(env_state_size="size")
    return None


def _maker(attrs: dict[Any, Any]) -> MakeEnvironment:
    """Return what makes the Procgen worlds that a rollout's attributes describe."""
    name, options = str(attrs["environment"]), json.loads(attrs["environment_options"])
    if name not in GAMES:
        raise ValueError(
            f"this study was played in {name!r}, which is no game of Procgen: its frames can be entered again only "
            "with `environment`, a callable that makes its worlds, given num_trajectories= and seed=."
        )
    if options.get("use_generated_assets"):
        raise ValueError(
            f"this study was played in {name} with use_generated_assets=True, whose pictures Procgen does not save: "
            "its frames cannot be entered again. Record one without that option."
        )
    package, recorded = find_installation().package, attrs["environment_package"]
    if package != recorded:
        warnings.warn(
            f"this study was recorded with {recorded}, and {package} is installed: the worlds go on alike where the "
            "version is the same, but some pixels may differ.",
            stacklevel=4,
        )
    edits, when = edits_from(attrs.get("world_edits", "[]")), attrs.get("world_edits_when", "reset")

    def make(*, num_trajectories: int, seed: int) -> Environment:
        worlds = make_environment(name, num_trajectories=num_trajectories, seed=seed, **options)
        return edited_environment(worlds, edits, when=when) if edits else worlds

    return make
