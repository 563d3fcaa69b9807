"""All that is looked up of a layer's features in observations: examples, spatial grids, counts, what a cell can see.

It is computed when the layer's features are fitted, in one pass over the observations and one over the rollout, and
stored: a study that is opened without its agent, or a page without a kernel, shows it all the same.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.examples import StrongestPlaces, layer_codes, survey
from rlvision_widgets.analysis.feature_quality import Activity
from rlvision_widgets.analysis.frames import Frames, Seen
from rlvision_widgets.analysis.grids import DENSITIES, StrongestObservations
from rlvision_widgets.analysis.progress import Report
from rlvision_widgets.analysis.remembering import sampled_frames, seen_at
from rlvision_widgets.analysis.sight import gradient_radius, receptive_field

__all__ = ["MOST_FRAMES", "survey_layer"]

MOST_FRAMES = 4096  # of the rollout that are looked at; of more, frames that are spread evenly
BATCH = 64


def survey_layer(
    agent: Agent,
    study: xr.DataTree,
    features: xr.Dataset,
    *,
    layer: str,
    report: Report,
    check: Any = lambda: None,
) -> dict[str, xr.Dataset]:
    """Look a layer's features up in the observations and in the rollout of a study.

    Parameters
    ----------
    agent : Agent
        The study's own.
    study : DataTree
        Is not changed.
    features : Dataset
        direction (feature, channel).
    layer : str
        The features' layer.
    report : callable
        Takes stage, done, total.
    check : callable
        Called between batches; what it raises ends the survey.

    Returns
    -------
    dict of str to Dataset
        Nodes below the layer's own: ``/examples`` (`top_examples`), ``/activity`` (`Activity`, `gradient_radius`;
        attrs receptive_height, receptive_width in pixels, 0 where unknown, and receptive_cut), and
        ``/grids/<source>/<density>`` for the sources observations and rollout (`StrongestObservations`); a frame of the
        rollout has the number trajectory * num_steps + step.
    """
    observations = sampled_frames(agent, study)
    pixels = study.children["observations"].dataset["observation"]
    places, activity = StrongestPlaces(), Activity(int(study.attrs["seed"]))
    diverse = StrongestObservations(list(DENSITIES.values()))
    codes = layer_codes(agent, observations, features, layer=layer, batch_size=BATCH)
    survey(_told("examples", codes, len(pixels), report, check), [places, activity, diverse])
    examples = places.examples(pixels).assign_attrs(layer=layer)
    sight = _sight(agent, observations, features, examples, layer=layer)
    found = {"/examples": examples, "/activity": activity.dataset().merge(sight, combine_attrs="no_conflicts")}
    found |= _nodes("observations", diverse)
    check()
    frames = Flat(study, agent)
    own = StrongestObservations(list(DENSITIES.values()))
    codes = layer_codes(agent, frames, features, layer=layer, batch_size=BATCH)
    survey(_told("grids", codes, len(frames), report, check), [own])
    for path, grid in _nodes("rollout", own).items():
        number = frames.numbers[grid["source"].values].astype(np.int32)
        found[path] = grid.assign(source=(grid["source"].dims, number))
    return found


class Flat:
    """The frames of a rollout as one sequence, at most `MOST_FRAMES` of them, read a few at a time.

    Parameters
    ----------
    study : DataTree
    agent : Agent
        As whom they are seen: a recurrent one brings its memory.
    """

    def __init__(self, study: xr.DataTree, agent: Agent) -> None:
        self._study, self._agent = study, agent
        observation = study.dataset["observation"]
        count = observation.sizes["trajectory"] * observation.sizes["step"]
        self.numbers: npt.NDArray[np.int64] = np.arange(count)
        if count > MOST_FRAMES:
            self.numbers = np.linspace(0, count - 1, MOST_FRAMES).round().astype(np.int64)
        self.shape = (len(self.numbers), *observation.shape[2:])

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, where: slice) -> Seen:
        return seen_at(self._agent, self._study, self.numbers[where])


def _sight(agent: Agent, observations: Frames, features: xr.Dataset, examples: xr.Dataset, *, layer: str) -> xr.Dataset:
    radius = gradient_radius(agent, observations, features, examples, layer=layer)
    height, width, is_cut = receptive_field(agent, layer) or (0, 0, False)
    return radius.assign_attrs(receptive_height=height, receptive_width=width, receptive_cut=int(is_cut))


def _nodes(source: str, strongest: StrongestObservations) -> dict[str, xr.Dataset]:
    names = {density: name for name, density in DENSITIES.items()}
    return {f"/grids/{source}/{names[grid.attrs['density']]}": grid for grid in strongest.grids()}


def _told(stage: str, batches: Iterable[Tensor], total: int, report: Report, check: Any) -> Iterator[Tensor]:
    done = 0
    report(stage, done, total)
    for batch in batches:
        yield batch
        done += len(batch)
        report(stage, done, total)
        check()
