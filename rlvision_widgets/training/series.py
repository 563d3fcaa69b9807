"""Agents kept along the way, to follow what they learn through training."""

import math
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from rlvision_widgets.agents import Agent, load_agent, save_agent
from rlvision_widgets.training.exporting import export_agent
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.run import Run

__all__ = ["CheckpointSeries", "checkpoint_series", "keep_agent", "start_series"]

FOLDER = "series"
NAME = re.compile(r"\d{9,}\.safetensors")


class CheckpointSeries(Mapping[int, Agent]):
    """The agents of one run by the steps that they had learned from, in their order; each is opened when asked for.

    Attributes
    ----------
    paths : dict of int to Path
    """

    def __init__(self, paths: Mapping[int, Path]) -> None:
        self.paths = dict(sorted(paths.items()))

    def __getitem__(self, steps: int) -> Agent:
        if steps not in self.paths:
            raise KeyError(f"no agent was kept at {steps} steps; there are {', '.join(map(str, self.paths))}")
        return load_agent(self.paths[steps])

    def __iter__(self) -> Iterator[int]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)

    def __repr__(self) -> str:
        return f"CheckpointSeries of {len(self)} agents, steps {', '.join(f'{steps:,}' for steps in self)}"


def checkpoint_series(folder: str | os.PathLike[str]) -> CheckpointSeries:
    """Open the agents that a training run kept along the way.

    Parameters
    ----------
    folder : path
        Where the run lives, e.g. ``"runs/coinrun"``.

    Returns
    -------
    CheckpointSeries
        A mapping from steps to agents: ``for steps, agent in rlv.checkpoint_series("runs/coinrun").items(): …``

    Raises
    ------
    FileNotFoundError
        When the run kept none.
    """
    paths = _paths(Path(folder) / FOLDER)
    if not paths:
        raise FileNotFoundError(
            f"{folder} keeps no agents along the way; `rlvision train --checkpoint-series 8` keeps eight for each "
            "factor of ten in steps"
        )
    return CheckpointSeries(paths)


def start_series(run: Run, options: TrainingOptions) -> None:
    """Keep the agent that has learned nothing; take away those of a leg that was lost after its last checkpoint."""
    for steps, path in _paths(options.folder / FOLDER).items():
        if steps > run.steps:
            path.unlink()
    if options.checkpoint_series and run.steps == 0:
        _write(run, options)


def keep_agent(run: Run, options: TrainingOptions, before: int) -> None:
    """Keep the agent if the steps since `before` have passed a mark, or are the last."""
    number = options.checkpoint_series
    if number and (_marks(run.steps, number) > _marks(before, number) or run.steps >= options.steps):
        _write(run, options)


def _marks(steps: int, number: int) -> int:
    """Return how many marks lie up to `steps`: `number` for each factor of ten."""
    return 1 + math.floor(number * math.log10(steps)) if steps else 0


def _write(run: Run, options: TrainingOptions) -> None:
    folder = options.folder / FOLDER
    folder.mkdir(exist_ok=True)
    save_agent(export_agent(run, options), folder / f"{run.steps:09d}.safetensors")


def _paths(folder: Path) -> dict[int, Path]:
    return {int(path.stem): path for path in folder.glob("*.safetensors") if NAME.fullmatch(path.name)}
