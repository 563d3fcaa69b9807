"""How often an agent completes levels, why it does not, and how sure that is: as it is, edited, in edited worlds."""

import json
import os
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.conditions import Condition, conditions_of
from rlvision_widgets.analysis.levels import LevelEnvironment, Part, draw_levels, play_crews
from rlvision_widgets.analysis.outcome_table import TEXTS, outcome_table
from rlvision_widgets.analysis.outcomes_file import Outcomes, open_outcomes
from rlvision_widgets.analysis.paired import wilson_interval
from rlvision_widgets.analysis.playing import Act
from rlvision_widgets.analysis.precision import check_precision
from rlvision_widgets.analysis.progress import counter
from rlvision_widgets.analysis.stage import Stage
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import strict_keywords

if TYPE_CHECKING:
    from distributed import Client

__all__ = ["Progress", "evaluate", "measure_levels", "wilson_interval"]


class Progress(NamedTuple):
    """How far an evaluation is: `done` of `total` levels, of which `condition` is being played; and what bounds it."""

    condition: str
    done: int
    total: int
    bound: str


Tell = Callable[[Progress], None]


@strict_keywords
def evaluate(
    agent: Act,
    levels: int | Sequence[int] | npt.NDArray[np.integer] = 2048,
    seed: int = 0,
    *,
    edits: Mapping[str, Any] | None = None,
    world: Mapping[str, Any] | None = None,
    num_trajectories: int = 64,
    environment: LevelEnvironment | Mapping[str, Any] | str | None = None,
    causes: bool = True,
    precision: str = "float32",
    path: str | os.PathLike[str] | None = None,
    client: "Client | None" = None,
    progress: bool = True,
) -> xr.Dataset:
    """Let an agent play each of many levels once, with sampled actions: as it is, and under other conditions.

    Parameters
    ----------
    agent : Agent or callable
        See `collect_rollout`.
    levels : int or sequence of int
        How many, drawn from all that there are (fewer are the first ones of more); or the level seeds themselves, each
        once. In a Gymnasium world a level is an episode, and its seed is what the world is reset with.
    seed : int
        Draws the levels and the action noise. The noise of a level depends on the seed and on the level alone, so that
        all conditions, two agents, or the same one elsewhere in a batch, play a level with the same luck.
    edits : dict of list of network edits by name, optional
        A condition each: ``{"saw-blind": [rlv.Ablate.feature(study, "2b", 3)]}`` plays the edited agent.
    world : dict of list of world edits by name, optional
        A condition each: ``{"saws hidden": [rlv.Hide("saw")]}`` plays the original where every level that opens is
        edited.
    num_trajectories : int
        Levels that are played side by side, about; changes the speed and not the outcome.
    environment : mapping, str or Environment, optional
        The game's name as ``name`` and its options, without which they are the agent's own; or a batch of worlds with
        `load_level`, which is left open.
    causes : bool
        Find out why levels ended.
    precision : str
        ``"float32"``, or ``"bfloat16"``: the trunk computes in it and the heads do not. On processors that have it,
        that is about twice as fast; it is another agent by rounding, so compare within one precision.
    path : path, optional
        A text file (``.jsonl``) to which each level is appended when it ends; it is made when it is not there. A call
        with the same question goes on where the last one stopped, whatever stopped it; levels and conditions may be
        added. See `rlvision_widgets.analysis.outcomes_file`.
    client : distributed.Client, optional
        Its workers play the levels, some at a time; a worker that dies costs those it had.
    progress : bool
        Show a progress bar: levels a second, the time that remains, and what the time goes into.

    Returns
    -------
    Dataset, (condition, level)
        success (the level was completed), cause (as in `endings`: "saw", "timeout", …; CoinRun's and Maze's success is
        their goal, "coin" or "cheese"; "" where it was not looked for or cannot be told), length (steps of the
        episode), return (sum of raw rewards). Conditions: ``"original"``, then the names of `edits`, then of `world`.
        Coordinate level_seed (level). attrs: success_rate of the original and its 95 % wilson_interval [low, high];
        its mean_return and that one's 95 % return_interval; agent, checkpoint, environment, environment_options, seed,
        precision; edits and world, JSON: the edits of each condition by its name. Where no level can be completed (in
        Gymnasium's worlds), success is False, success_rate is nan, and attrs has has_success=False: the return says how
        well the agent plays.

    Raises
    ------
    BlockingIOError
        When another process measures into the same file.
    ValueError, TypeError
        When the levels, a name, an edit or the precision is none; when the file answers another question; when the
        worlds cannot open a level by its seed.

    Notes
    -----
    What bounds it is the network, which sees every step of every level: the bar tells its share. Worlds take about a
    tenth of that, and causes one more replay of each failed level without the network. All of torch's threads are used,
    and none waits for another (`rlvision_widgets.analysis.levels`). Memory grows by some 220 bytes a level.

    An interrupt (Ctrl-C) ends it without a result; with `path`, all levels are kept but those that ended in the last
    eight steps, which are played again, and end the same.
    """
    with _bar(progress) as tell:
        return measure_levels(
            agent,
            levels,
            seed,
            edits=edits,
            world=world,
            num_trajectories=num_trajectories,
            environment=environment,
            causes=causes,
            precision=precision,
            path=path,
            client=client,
            tell=tell,
        )


def measure_levels(
    agent: Act,
    levels: int | Sequence[int] | npt.NDArray[np.integer],
    seed: int,
    *,
    tell: Tell,
    edits: Mapping[str, Any] | None = None,
    world: Mapping[str, Any] | None = None,
    num_trajectories: int = 64,
    environment: LevelEnvironment | Mapping[str, Any] | str | None = None,
    causes: bool = True,
    precision: str = "float32",
    path: str | os.PathLike[str] | None = None,
    client: "Client | None" = None,
) -> xr.Dataset:
    """Evaluate as `evaluate` does, and `tell` how far it is, often; what that raises ends it, and `path` keeps all."""
    seeds = draw_levels(levels, check_count("seed", seed, 0))
    check_count("num_trajectories", num_trajectories, 1)
    check_precision(agent, precision)
    conditions = conditions_of(agent, edits, world)
    stage = Stage(agent, environment, num_trajectories)
    question = _question(stage, seed, precision)
    told = {condition.name: condition.to_dict() for condition in conditions}
    options = {"seed": int(seed), "precision": precision, "causes": causes}
    with open_outcomes(path, question) as outcomes:
        for condition in conditions:
            if condition.name not in outcomes.conditions:
                stage.check(condition)  # before it is written down: mended, it may have the same name
        outcomes.begin(told)
        missing = {condition: _missing(outcomes, condition, seeds, causes) for condition in conditions}
        total = len(conditions) * len(seeds)
        done = total - sum(map(len, missing.values()))
        for condition, left in missing.items():
            tell(Progress(condition.name, done, total, ""))
            with closing(_play(stage, condition, left, client, options)) as parts:  # worlds close after their last turn
                for part in parts:
                    outcomes.add(condition.name, part.outcomes)
                    done += len(part.outcomes)
                    tell(Progress(condition.name, done, total, _bound(part.seconds)))
    return outcome_table(question, told, outcomes.conditions, seeds.tolist())


@contextmanager
def _bar(progress: bool) -> Iterator[Tell]:
    """Give what shows one bar for all conditions; what is known from before counts for no rate."""
    with ExitStack() as stack:
        shown: list[Any] = []

        def tell(state: Progress) -> None:
            if not shown:
                shown.append(stack.enter_context(counter("levels", "level", progress, state.total, state.done)))
            shown[0].set_description(f"levels, {state.condition}", refresh=False)
            shown[0].set_postfix_str(state.bound, refresh=False)
            shown[0].update(state.done - shown[0].n)

        yield tell


def _question(stage: Stage, seed: int, precision: str) -> dict[str, Any]:
    """Return what all conditions have in common, and two outcomes must to be compared; JSON-friendly."""
    told = {**stage.described, "seed": int(seed), "precision": precision}
    told["agent_edits"] = told.pop("edits")  # `edits` are the conditions'
    return {name: json.loads(value) if name in TEXTS else value for name, value in told.items()}


def _missing(outcomes: Outcomes, condition: Condition, seeds: npt.NDArray[np.int64], causes: bool) -> list[int]:
    """Return the levels that are still to be played: also those played when nobody asked for causes."""
    known = outcomes.conditions[condition.name]
    return [level for level in seeds.tolist() if level not in known or (causes and known[level].cause is None)]


def _play(
    stage: Stage, condition: Condition, levels: list[int], client: "Client | None", options: Mapping[str, Any]
) -> Generator[Part, None, None]:
    """Play a condition's levels, here or on a cluster; yield each soon after it is over."""
    if not levels:
        return
    if client is not None:
        from rlvision_widgets.analysis.dask_levels import play_on

        yield from play_on(client, stage, condition, levels, options)
        return
    with stage.crews(condition, levels, **options) as crews, closing(play_crews(crews)) as parts:
        yield from parts


def _bound(seconds: Mapping[str, float]) -> str:
    """Return what most of the time goes into, e.g. "network 93 %"."""
    whole = sum(seconds.values())
    most = max(seconds, key=lambda what: seconds[what])
    return f"{most} {seconds[most] / whole:.0%}" if whole else ""
