"""Dataset examples: the observations that activate each feature of a layer most, and where.

Thumbnails are made of them: a feature's strongest patches, anywhere on screen. The same place must not fill the
picture, so few are taken from one (`assign`). `rlvision_widgets.analysis.grids` has the strongest patch of every place.

Activations are read a batch at a time and only the candidates are kept (`Survey`), so that thousands of observations
of a large layer fit in memory.

References
----------
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020 ("spatially-aware feature visualization").
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.codes import nonnegative_codes
from rlvision_widgets.analysis.frames import Frames, Seen, read, seen_by
from rlvision_widgets.analysis.patches import cut_patches
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["Readable", "StrongestPlaces", "Survey", "assign", "layer_codes", "layer_of", "survey", "top_examples"]


class Readable(Protocol):
    """Observations, (sample, height, width, rgb), that are read a batch at a time: an array, or what reads like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Their size."""

    def __getitem__(self, where: slice, /) -> Any:
        """Return some of them."""


class Survey(Protocol):
    """What gathers something about a layer's features from one pass over observations."""

    def offer(self, codes: Float[Tensor, "sample feature y x"]) -> None:
        """Take note of the next batch of activations along the features."""


def survey(batches: Iterable[Float[Tensor, "sample feature y x"]], surveys: Sequence[Survey]) -> None:
    """Offer each batch of activations to every survey, so that the network runs once for all of them."""
    for codes in batches:
        for one in surveys:
            one.offer(codes)


@strict_keywords
def top_examples(
    agent: Agent,
    observations: Frames,
    features: xr.Dataset,
    *,
    layer: str | None = None,
    count: int = 16,
    per_position: int = 4,
    cells: float = 4.0,
    batch_size: int = 64,
) -> xr.Dataset:
    """Find the patches that activate each feature most: one from an observation, few from one place.

    Parameters
    ----------
    agent : Agent
        Whose layer it is.
    observations : uint8 DataArray or array, (sample, height, width, rgb); or Dataset
        Decorrelated frames (`collect_observations`); read a batch at a time. A recurrent agent needs its memory of
        each, as in `attribute`.
    features : Dataset
        From `fit_nmf`.
    layer : str, optional
        The features' own, unless given.
    count : int
        Patches for each feature.
    per_position : int
        Most patches from the same cell of the layer.
    cells : float
        Side of a patch, in cells of the layer.
    batch_size : int
        Frames that are read and held at a time.

    Returns
    -------
    Dataset
        source (feature, rank) : int32, index of the observation.
        row, column (feature, rank) : int32, cell of the layer, from the top left.
        strength (feature, rank) : float32, the cell's activation along the feature, strongest first; 0 where a feature
        activates fewer than `count` observations.
        patch (feature, rank, patch_height, patch_width, rgb) : uint8, around the cell; beyond the edge of the
        observation a checkerboard of light grey and white pixels.
    """
    if min(count, per_position) < 1 or not cells > 0:
        raise ValueError(f"count, per_position and cells have to be above 0; got {count}, {per_position}, {cells}.")
    strongest = StrongestPlaces(count, per_position)
    survey(layer_codes(agent, observations, features, layer=layer, batch_size=batch_size), [strongest])
    pixels = observations["observation"] if isinstance(observations, xr.Dataset) else observations
    return strongest.examples(pixels, cells).assign_attrs(layer=layer_of(agent, features, layer))


class StrongestPlaces:
    """Gathers each observation's strongest cells, of which `examples` picks.

    Parameters
    ----------
    count : int
        Patches for each feature.
    per_position : int
        Most patches from the same cell.
    """

    def __init__(self, count: int = 16, per_position: int = 4) -> None:
        self.count = count
        self.per_position = per_position
        self._strengths: list[Tensor] = []
        self._places: list[Tensor] = []
        self._layer_cells = (0, 0)

    def offer(self, codes: Float[Tensor, "sample feature y x"]) -> None:
        """Take note of the next batch of activations along the features."""
        self._layer_cells = codes.shape[2], codes.shape[3]
        choices = math.ceil(self.count / self.per_position)  # a place is full after per_position: no more are needed
        best = codes.flatten(2).topk(min(choices, codes[0, 0].numel()), dim=2)
        self._strengths.append(best.values)
        self._places.append(best.indices)

    def examples(self, observations: Frames, cells: float = 4.0) -> xr.Dataset:
        """Return what `top_examples` does, of the observations that were offered."""
        strength, place = (torch.cat(parts).transpose(0, 1).numpy() for parts in (self._strengths, self._places))
        picks = [assign(s, p, self.per_position, self.count) for s, p in zip(strength, place, strict=True)]
        source, choice = (np.array(part) for part in zip(*picks, strict=True))
        feature = np.arange(len(source))[:, None]
        row, column = np.divmod(place[feature, source, choice], self._layer_cells[1])
        patch = cut_patches(observations, source, row=row, column=column, layer_cells=self._layer_cells, cells=cells)
        ranked = ("feature", "rank")
        return xr.Dataset(
            {
                "source": (ranked, source.astype(np.int32)),
                "row": (ranked, row.astype(np.int32)),
                "column": (ranked, column.astype(np.int32)),
                "strength": (ranked, strength[feature, source, choice].astype(np.float32)),
                "patch": ((*ranked, "patch_height", "patch_width", "rgb"), patch),
            },
            attrs={"per_position": self.per_position, "patch_cells": cells},
        )


def assign(
    strength: Float[np.ndarray, "slot choice"],
    candidate: Int[np.ndarray, "slot choice"],
    limit: int,
    count: int | None = None,
) -> tuple[Int[np.ndarray, " pick"], Int[np.ndarray, " pick"]]:
    """Give each slot its strongest candidate, but no candidate to more than `limit` slots.

    The strongest pairs go first, so the result is stable: no slot would rather have a candidate that has room, or that
    a weaker slot got. Slots whose candidates are all used up come last and take their strongest all the same.

    Parameters
    ----------
    strength : array, (slot, choice)
        How well each of a slot's candidates suits it, strongest first.
    candidate : int array, (slot, choice)
        Which they are.
    limit : int
        Most slots for the same candidate.
    count : int, optional
        Stop after this many slots.

    Returns
    -------
    slot, choice : int arrays, (pick,)
        In the order in which they were picked.
    """
    slots, choices = strength.shape
    count = slots if count is None else min(count, slots)
    used = [0] * (int(candidate.max()) + 1)
    names = candidate.ravel().tolist()
    picked: dict[int, int] = {}
    for pair in np.argsort(-strength, axis=None, kind="stable").tolist():
        if len(picked) == count:
            break
        slot, choice = divmod(pair, choices)
        if slot not in picked and used[names[pair]] < limit:
            used[names[pair]] += 1
            picked[slot] = choice
    left = [slot for slot in np.argsort(-strength[:, 0], kind="stable").tolist() if slot not in picked]
    picked.update(dict.fromkeys(left[: count - len(picked)], 0))
    return np.array(list(picked)), np.array(list(picked.values()))


def layer_of(agent: Agent, features: xr.Dataset, layer: str | None) -> str:
    """Return the layer that features are of, unless another is given; raise ValueError if the agent has it not."""
    layer = str(features.attrs.get("layer")) if layer is None else layer
    if layer not in agent.layers:
        raise ValueError(unknown("layer", layer, agent.layers, "Pass layer=, the one that the features are of."))
    return layer


def layer_codes(
    agent: Agent,
    observations: Readable | Frames,
    features: xr.Dataset,
    *,
    layer: str | None = None,
    batch_size: int = 64,
) -> Iterator[Float[Tensor, "sample feature y x"]]:
    """Yield a layer's activations along the features, batch by batch and in order.

    Parameters
    ----------
    agent : Agent
        Whose layer it is.
    observations : uint8 DataArray or array, (sample, height, width, rgb); or Dataset
        Read a batch at a time; a Dataset, which has an agent's memory, at once.
    features : Dataset
        direction (feature, channel).
    layer : str, optional
        The features' own, unless given.
    batch_size : int
        Frames that are read at a time.

    Raises
    ------
    ValueError
        At once, for an unknown layer, no observation, or features of another number of channels.
    """
    layer = layer_of(agent, features, layer)
    if isinstance(observations, xr.Dataset):
        observations = read(seen_by(agent, observations))
    if len(observations.shape) != 4 or not observations.shape[0]:
        raise ValueError(f"expected observations (sample, height, width, rgb), at least one; got {observations.shape}.")
    direction = torch.tensor(features["direction"].transpose("feature", "channel").values)
    if (channels := agent.layer_shape(layer)[0]) != direction.shape[1]:
        raise ValueError(
            f"layer {layer!r} has {channels} channels, the features {direction.shape[1]}; "
            "expected features of this layer."
        )

    def codes(frames: Seen) -> Tensor:
        cells = agent.activations(layer, frames).cpu().permute(0, 2, 3, 1)
        found = nonnegative_codes(cells.flatten(0, 2).clamp_min(0), direction.to(cells.dtype))
        return found.reshape(*cells.shape[:3], -1).permute(0, 3, 1, 2)

    starts = range(0, observations.shape[0], batch_size)
    frames = (read(observations[start : start + batch_size]) for start in starts)
    return agent.over_batches(codes, frames)
