"""Plays branches: every one starts in the emulator state of one frame, edited or not, in a world of its own.

What differs between branches is the luck of their actions: branch number k of a seed has always the same, so that two
sets of branches of one seed are paired.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.memory import Remembered
from rlvision_widgets.analysis.branch_tape import BranchTape, survival
from rlvision_widgets.analysis.frames import Seen
from rlvision_widgets.analysis.playing import Act, Player, describe, ended, streams
from rlvision_widgets.analysis.progress import Report, passed_on
from rlvision_widgets.analysis.reentry import World, edited, world_of
from rlvision_widgets.analysis.situation import action_number, listed_actions
from rlvision_widgets.environments.edits import Edit, edits_from, edits_to_json
from rlvision_widgets.environments.edits import describe as in_words
from rlvision_widgets.environments.endings import explain_end
from rlvision_widgets.environments.environment import Environment, Observed
from rlvision_widgets.environments.games import GAMES
from rlvision_widgets.environments.options import check_count

__all__ = ["Actions", "Fork", "grow", "survival"]

MOST_FRAMES = 200_000  # 2.5 GB

Actions = Iterable[int | str] | str | None


@dataclass(frozen=True)
class Fork:
    """Where branches leave a study, and how; see `branch`."""

    trajectory: int
    step: int
    num_branches: int = 8
    num_steps: int = 50
    actions: Actions = None
    seed: int = 0
    edits: Sequence[Edit] = ()
    keep_noise: bool = False

    def __post_init__(self) -> None:
        frames = check_count("num_branches", self.num_branches, 1) * check_count("num_steps", self.num_steps, 1)
        if frames > MOST_FRAMES:
            raise ValueError(
                f"{self.num_branches} branches of {self.num_steps} steps are {frames} frames, and at most "
                f"{MOST_FRAMES} are kept: take fewer branches or steps."
            )
        check_count("seed", self.seed, 0)
        if isinstance(self.actions, str) and self.actions != "recorded":
            raise ValueError(f"actions must be 'recorded', a list of actions or None, and {self.actions!r} came.")
        if self.actions is not None and not isinstance(self.actions, str):
            object.__setattr__(self, "actions", listed_actions(self.actions))
        object.__setattr__(self, "edits", edits_from(self.edits))


def grow(
    agent: Act,
    study: xr.DataTree,
    fork: Fork,
    report: Report | None = None,
    cancelled: Callable[[], bool] | None = None,
    *,
    start: bytes | None = None,
    presses: int = 0,
    memory: Seen | None = None,
) -> xr.Dataset:
    """Play the branches of a fork; see `branch`. Between two steps it can be cancelled, which raises `Cancelled`.

    `start` is a state to begin in instead of the recorded one, and `presses` how many steps lie between the two, whose
    noise `keep_noise` passes over; `memory` is the frame there as a recurrent agent sees it (`recollection.seen_then`),
    who otherwise remembers the recorded frames before the fork.
    """
    world = world_of(study)
    start = world.state(fork.trajectory, fork.step) if start is None else start
    with _edited_worlds(world, fork, start) as worlds:
        forced = _forced(study, fork, worlds.action_names)
        player = Player(agent, worlds.action_names)
        whole = bool(getattr(agent, "recurrent", False))  # its state is opaque: no branch can be taken out of the batch
        if whole and isinstance(agent, Agent) and isinstance(memory, Remembered):
            player.state = agent.state_before(memory.showing(np.stack([memory.frames] * fork.num_branches)))
        elif whole:
            _warm_up(player, study, fork)
        noise = _noise(study, fork, presses)
        tape = BranchTape(fork.num_branches, fork.num_steps)
        observed = worlds.observe()
        for step in passed_on(range(fork.num_steps), "branches", fork.num_steps, report, cancelled):
            if not tape.going.any():
                if report is not None:
                    report("branches", fork.num_steps, fork.num_steps)
                break
            index = np.arange(fork.num_branches) if whole else np.flatnonzero(tape.going)
            played = player.play(_some(observed, index), [noise[number] for number in index])
            action = np.zeros(fork.num_branches, np.int32)  # those of ended branches are of no account
            action[index] = forced[step] if step < len(forced) else played.action
            tape.before = [
                worlds.get_state(number) if tape.going[number] else tape.before[number]
                for number in range(fork.num_branches)
            ]
            after = worlds.step(action)
            tape.write(step, observed, index, played, action, after, ended(observed, after))
            observed = after
        attrs = _attrs(agent, study, fork, worlds, forced)
    _explain(world, tape)
    return tape.dataset(attrs)


def _some(observed: Observed, index: npt.NDArray[np.int_]) -> Observed:
    return Observed._make(array[index] for array in observed)


@contextmanager
def _edited_worlds(world: World, fork: Fork, start: bytes) -> Iterator[Environment]:
    """Give a batch of worlds in the state at which the branches start."""
    with world.environment(fork.num_branches) as worlds:
        for index in range(fork.num_branches):
            worlds.set_state(index, start)
        # even without edits: the start may hold a hidden enemy, whose trail has to go
        yield edited(worlds, fork.edits) if fork.edits or worlds.name in GAMES else worlds


def _forced(study: xr.DataTree, fork: Fork, names: Sequence[str]) -> npt.NDArray[np.int32]:
    """Return the first actions, as numbers."""
    if fork.actions is None:
        return np.zeros(0, np.int32)
    if isinstance(fork.actions, str):
        recorded = study.dataset["action"][fork.trajectory, fork.step : fork.step + fork.num_steps]
        return np.asarray(recorded.values, np.int32)
    numbers = [action_number(action, names) for action in fork.actions]
    if len(numbers) > fork.num_steps:
        raise ValueError(f"{len(numbers)} actions came, and num_steps is {fork.num_steps}: take more steps.")
    return np.array(numbers, np.int32)


def _noise(study: xr.DataTree, fork: Fork, presses: int) -> list[np.random.Generator]:
    """Return the random stream of each branch; the first is the rollout's own, from this step on, if it is kept."""
    noise = streams(fork.seed, range(fork.num_branches))
    if fork.keep_noise:
        attrs = study.attrs
        noise[0] = streams(int(attrs.get("rollout_seed", attrs["seed"])), [fork.trajectory])[0]
        noise[0].gumbel(size=(fork.step + presses, min(len(attrs["action_names"]), study.sizes["logit"])))
    return noise


def _warm_up(player: Player, study: xr.DataTree, fork: Fork) -> None:
    """Show a recurrent agent the frames of its episode that lie before the fork."""
    opens = np.flatnonzero(study.dataset["first"][fork.trajectory, : fork.step + 1].values)
    before = {"trajectory": fork.trajectory, "step": slice(opens[-1] if opens.size else 0, fork.step)}
    shown = [study.dataset[name].isel(before).values for name in ("observation", "reward", "first")]
    nothing = np.zeros(fork.num_branches, np.int32)
    for moment in zip(*shown, strict=True):
        frame, reward, first = (np.repeat(np.asarray(one)[np.newaxis], fork.num_branches, axis=0) for one in moment)
        player.look(Observed(frame, reward, first, nothing, nothing, nothing.astype(bool)))


def _explain(world: World, tape: BranchTape) -> None:
    """Find what ended each branch, and its terminal frame, which a world that goes on to the next level never shows."""
    over = np.flatnonzero(~tape.going).tolist()
    if not over:
        return
    with world.environment() as spare:
        for number in over:
            if spare.name in GAMES:
                action = int(tape.action[number, tape.num_taken[number] - 1])
                ending = explain_end(spare, tape.before[number], action, check=False)
                tape.cause[number] = ending.cause
                if ending.observation is not None:
                    tape.last[number] = ending.observation
            else:
                tape.cause[number] = "completed" if tape.completed[number].any() else "ended"


def _attrs(
    agent: Act, study: xr.DataTree, fork: Fork, worlds: Environment, forced: npt.NDArray[np.int32]
) -> dict[str, Any]:
    names = list(getattr(agent, "action_names", worlds.action_names))
    return {
        **describe(agent, worlds),
        "name": "",
        "trajectory": int(fork.trajectory),
        "step": int(fork.step),
        "level_seed": int(study.dataset["level_seed"][fork.trajectory, fork.step]),
        "seed": int(fork.seed),
        "keep_noise": bool(fork.keep_noise),
        "edits": edits_to_json(fork.edits),
        "described": "\n".join(in_words(edit) for edit in fork.edits),
        "actions": fork.actions if isinstance(fork.actions, str) else " ".join(map(str, forced)),
        # a world may have more actions than the agent, and they may be forced
        "action_names": [*names, *worlds.action_names[len(names) : int(forced.max(initial=-1)) + 1]],
    }
