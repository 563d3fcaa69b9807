"""Goes through a rollout again: from a known moment by the recorded actions, to the emulator's states on the way."""

import json
from collections.abc import Iterator

import numpy as np
import xarray as xr

from rlvision_widgets.environments.environment import Environment
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.states import parse_state, serialise_state

__all__ = ["Replay"]

NUM_MOVES, STAY = 9, 4  # Procgen's first actions are moves, and this one is none


class Replay:
    """A rollout that can be gone through again.

    It starts at a state that the study keeps; without those, where a level begins, which is made from its seed.

    Parameters
    ----------
    study : DataTree
        The root of a study, or a bare rollout with its states among its variables.

    Raises
    ------
    TypeError, ValueError
        When it is neither.
    """

    def __init__(self, study: xr.DataTree) -> None:
        _check_is_study(study)
        # copies that share the arrays: what held the tree would keep it alive
        self._rollout, self._kept = study.to_dataset(), _kept_states(study)
        self._small = {name: self._rollout[name].values for name in ("action", "first", "level_seed")}
        self.attrs = self._rollout.attrs
        self.shape = self._rollout.sizes["trajectory"], self._rollout.sizes["step"]

    def states(self, world: Environment, trajectory: int, start: int, stop: int) -> Iterator[bytes]:
        """Let a single world go from the last known moment before `start` to `stop`; yield the states from `start` on.

        Raises
        ------
        ValueError
            When it has no states or shows another frame than the recorded one, or when there is no known moment.
        """
        if not world.has_states:
            raise ValueError(f"this study's world, {world.name!r}, has no states: its frames cannot be entered again.")
        origin, kept = self._origin(trajectory, start)
        if kept is not None:
            world.set_state(0, kept)
        for step in range(origin, stop):
            if kept is None and self._opens(trajectory, step):
                self._open_level(world, trajectory, step)
            elif step > origin:
                world.step(self._small["action"][trajectory, step - 1 : step])
            if step in (origin, start):
                self._compare(world, trajectory, step)
            if step >= start:
                yield world.get_state(0)

    def _open_level(self, world: Environment, trajectory: int, step: int) -> None:
        """Make the level that begins at a step, with what of the past outlives a level: Dodgeball shows it."""
        world.load_level(0, int(self._small["level_seed"][trajectory, step]))
        actions = self._small["action"][trajectory, :step]
        moves = actions[(actions < NUM_MOVES) & (actions != STAY)]
        if world.name in GAMES and moves.size:
            state = parse_state(world.get_state(0)).replace(last_move_action=int(moves[-1]))
            world.set_state(0, serialise_state(state))

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

    def _compare(self, world: Environment, trajectory: int, step: int) -> None:
        """Refuse a world that does not show what was recorded; another build of Procgen may differ in some pixels."""
        if world.package != self.attrs["environment_package"]:
            return
        recorded = self._rollout["observation"][trajectory, step].values
        if not np.array_equal(world.observe().observation[0], recorded):
            raise ValueError(
                f"trajectory {trajectory}, step {step} cannot be entered: the world made from this study's "
                f"{world.name} and its options ({json.dumps(world.options, sort_keys=True)}) shows another frame than "
                "the recorded one. The rollout was edited, or played in another world; give what makes that world as "
                "`environment`."
            )


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
