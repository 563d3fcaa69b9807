"""Any frame of a study, entered again: the emulator's state at that step, and worlds that go on from there.

A step is reached from what lies before it: the emulator state that the rollout kept (a keyframe), or else the start of
the level, which Procgen makes anew from its seed; then the recorded actions are repeated.
"""

import json
import threading
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import xarray as xr

from rlvision_widgets.analysis.replay import Replay
from rlvision_widgets.environments import make_environment
from rlvision_widgets.environments.binding import find_installation
from rlvision_widgets.environments.edited import edited_environment
from rlvision_widgets.environments.edits import Edit, edits_from
from rlvision_widgets.environments.environment import Environment
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.masks import Seer
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import strict_keywords
from rlvision_widgets.schema import CHUNK

__all__ = ["MakeEnvironment", "World", "edited", "resume", "world_of"]

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
        self._replay = Replay(study)
        self.make = environment or _maker(self._replay.attrs)
        self.lock = threading.RLock()
        self._chunks: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._replayer: Environment | None = None
        self._seer: Seer | None = None

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
        return self.make(num_trajectories=num_trajectories, seed=int(self._replay.attrs.get("environment_seed", 0)))

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
            self._replayer = self._replayer or self.environment()
            stop = min(first + CHUNK, self._replay.shape[1])
            self._chunks[key] = list(self._replay.states(self._replayer, trajectory, first, stop))
            if len(self._chunks) > MOST_CHUNKS:
                self._chunks.popitem(last=False)
        self._chunks.move_to_end(key)
        return self._chunks[key]

    def _check(self, trajectory: int, start: int, stop: int) -> None:
        number, steps = self._replay.shape
        check_count("trajectory", trajectory, 0, number - 1)
        check_count("step", start, 0, steps - 1)
        check_count("the step after the last", stop, start + 1, steps)


@strict_keywords
def resume(
    study: xr.DataTree,
    trajectory: int,
    step: int,
    *,
    edits: str | Edit | Iterable[Edit | Mapping[str, Any]] = (),
    environment: MakeEnvironment | None = None,
) -> Environment:
    """Enter a frame of a study again.

    Parameters
    ----------
    study : DataTree
    trajectory, step : int
        The observation that is to be on show.
    edits : edits
        Made in that frame, once; as for `edits_from`, e.g. ``[rlv.Remove("saw")]``.
    environment : callable, optional
        Makes the worlds of a study that is not Procgen's, given ``num_trajectories=`` and ``seed=``.

    Returns
    -------
    Environment
        One world, which shows the recorded observation; without edits, the recorded actions lead to the recorded
        future, bit for bit. In a study without emulator states that holds until the end of the episode: the level is
        made again from its seed, and the levels after it are others. A context manager; closing it frees the world.

    Raises
    ------
    ImportError, ValueError
        As `World`; for a trajectory or step that is not there; when the world shows another frame; for an edit that
        cannot be made in this frame.
    """
    world, wanted = world_of(study, environment), edits_from(edits)
    state = world.state(trajectory, step)
    entered = world.environment()
    try:
        entered.set_state(0, state)
        return edited(entered, wanted) if wanted else entered
    except BaseException:
        entered.close()
        raise


def edited(worlds: Environment, edits: Sequence[Edit]) -> Environment:
    """Make edits in what worlds show now, once; raise ValueError where that cannot be."""
    if worlds.name not in GAMES:
        raise ValueError(f"edits are for Procgen's games, and this study was played in {worlds.name!r}.")
    return edited_environment(worlds, edits, when="once", missing="raise")


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


def _maker(attrs: dict[Any, Any]) -> MakeEnvironment:
    """Return what makes the Procgen worlds that a rollout's attributes describe."""
    name, options = str(attrs["environment"]), json.loads(attrs["environment_options"])
    if name.startswith("gymnasium:"):
        raise ValueError(
            f"this study was played in {name!r}, whose emulator states are not saved: masks, objects, causes, forks "
            "and counterfactuals need them. Attribution, features and edits of the network do not."
        )
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
