"""How much an edit changes a layer's activations, and along which directions: what makes two edits comparable."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import Ablate, AblateChannels, NetworkEdit, Steer

__all__ = ["Moments", "added_by", "cosine_of", "directions_of", "mean_square", "moments_of", "norm_of", "unit"]

BATCH = 64  # frames through the network at once
MOST = 0.9  # share of what an edit changes that its directions account for

Floats = npt.NDArray[np.float64]


class Moments(NamedTuple):
    """Of a layer's activations over frames and cells: mean (channel,), second (channel, channel)."""

    mean: Floats
    second: Floats


def moments_of(agent: Agent, layer: str, frames: npt.NDArray[np.uint8]) -> Moments:
    """Return the moments of a layer on frames, (frame, height, width, rgb)."""
    mean, second, number = 0.0, 0.0, 0
    for start in range(0, len(frames), BATCH):
        activations = agent.activations(layer, frames[start : start + BATCH]).double().cpu().numpy()
        cells = np.moveaxis(activations, 1, -1).reshape(-1, activations.shape[1])
        mean, second, number = mean + cells.sum(0), second + cells.T @ cells, number + len(cells)
    return Moments(np.asarray(mean) / number, np.asarray(second) / number)


def norm_of(edits: Sequence[NetworkEdit], moments: Mapping[str, Moments]) -> float:
    """Return the root mean square of what edits change, each by itself."""
    return float(np.sqrt(sum(mean_square(edit, moments[edit.layer]) for edit in edits)))


def mean_square(edit: NetworkEdit, moments: Moments) -> float:
    """Return the mean square of what one edit takes from the activations of a cell."""
    mean, second = moments
    if isinstance(edit, Ablate):
        direction = unit(np.array(edit.direction, float))
        change = float(direction @ second @ direction)
    elif isinstance(edit, Steer):
        change = float((added_by(edit) ** 2).sum(0).mean())
    elif isinstance(edit, AblateChannels):
        own, average = np.diag(second)[list(edit.channels)], mean[list(edit.channels)]
        # a resampled map is an independent draw, so that its distance has twice the variance
        given = np.array(edit.values or 0.0)
        apart = 2 * (own - average**2) if edit.method == "resample" else own - 2 * average * given + given**2
        change = float(apart.sum())
    else:
        taken, bias = np.array(edit.matrix) - np.eye(len(edit.bias)), np.array(edit.bias)
        change = float(np.trace(taken @ second @ taken.T) + 2 * bias @ taken @ mean + bias @ bias)
    return edit.strength**2 * max(0.0, change)


def directions_of(edit: NetworkEdit, moments: Moments) -> Floats:
    """Return orthonormal columns, (channel, k): the directions along which an edit changes activations."""
    channels = len(moments.mean)
    if isinstance(edit, Ablate):
        return unit(np.array(edit.direction, float))[:, None]
    if isinstance(edit, Steer):
        return np.linalg.svd(added_by(edit).reshape(channels, -1), full_matrices=False)[0][:, :1]
    if isinstance(edit, AblateChannels):
        return np.eye(channels)[:, list(edit.channels)]
    change = np.array(edit.matrix) - np.eye(channels)
    sizes, axes = np.linalg.eigh(change @ moments.second @ change.T)
    beyond = np.cumsum(sizes[::-1]) / max(sizes.sum(), 1e-30) >= MOST
    return np.asarray(axes[:, ::-1][:, : 1 + int(np.argmax(beyond))])


def cosine_of(edit: NetworkEdit, other: NetworkEdit, moments: Moments) -> float:
    """Return the cosine between the directions of two edits; of several directions, the root of their mean square."""
    cosines = np.linalg.svd(directions_of(edit, moments).T @ directions_of(other, moments), compute_uv=False)
    return float(np.sqrt((cosines**2).mean()))


def added_by(edit: Steer) -> Floats:
    """Return what is added, (channel, y, x), or (channel, 1) where all cells get the same."""
    direction = np.array(edit.direction, float)
    return direction[:, None] if direction.ndim == 1 else direction


def unit(vector: Floats) -> Floats:
    """Return a vector of length 1 along the one given."""
    return vector / np.linalg.norm(vector)
