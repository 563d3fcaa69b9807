"""Edits that mean nothing, and take as much from the activations as one that is to mean something."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import Ablate, AblateChannels, EraseConcept, NetworkEdit, Steer
from rlvision_widgets.analysis.edit_norms import (
    Moments,
    added_by,
    cosine_of,
    directions_of,
    mean_square,
    moments_of,
    norm_of,
    unit,
)

__all__ = ["Control", "matched_controls"]

TILT = 4.0  # the most that a random direction is turned towards (or from) where activations are large
DRAWS = 200  # sets of channels of which the nearest are taken
SAME = 0.5  # cosine from which a channel is the edit itself rather than another

Floats = npt.NDArray[np.float64]


class Control(NamedTuple):
    """One control of an edit: what takes its place, of which kind, and how alike the two are."""

    name: str
    kind: str
    edits: tuple[NetworkEdit, ...]
    norm: float
    norm_ratio: float
    cosine: float


def matched_controls(
    agent: Agent,
    edits: Sequence[NetworkEdit],
    frames: npt.NDArray[np.uint8],
    *,
    num_channels: int = 20,
    num_directions: int = 20,
    seed: int = 0,
    known: Mapping[str, Sequence[NetworkEdit]] = MappingProxyType({}),
) -> list[Control]:
    """Return controls of a list of edits, each with another channel or direction in the place of each edit's.

    Parameters
    ----------
    agent : Agent
    edits : sequence of network edits
    frames : uint8 array, (frame, height, width, rgb)
        On which the norm is measured: the root mean square, over frames and cells, of what an edit takes from (or
        adds to) its layer's activations.
    num_channels : int
        Controls that remove another channel: of those that ever fire, those nearest in norm. Where fewer fire, there
        are fewer, and as many more directions.
    num_directions : int
        Controls that remove a random direction at right angles to the edit's, among the channels that fire, turned
        towards the axes of large activations, or from them, until its norm is the edit's (as far as that goes). Of an
        erasure along several directions: the same change along randomly turned axes, as large.
    seed : int
    known : mapping
        Controls that were made before, by name: they are taken again, so that what rounding does to others does not
        matter.

    Returns
    -------
    list of Control
        Channels first. norm_ratio is the control's norm over the edit's.
    """
    generator = np.random.default_rng(seed)
    moments = {layer: moments_of(agent, layer, frames) for layer in dict.fromkeys(edit.layer for edit in edits)}
    own = norm_of(edits, moments)
    taken = {
        layer: _span([directions_of(edit, moments[layer]) for edit in edits if edit.layer == layer])
        for layer in moments
    }
    candidates = [_channels(edit, moments[edit.layer], taken[edit.layer], generator) for edit in edits]
    channels = {_channel_names(found): found for found in _side_by_side(candidates)}
    before = {name: tuple(found) for name, found in known.items() if name.startswith("channel")}
    channels = dict(list({**before, **channels}.items())[:num_channels])
    number = num_channels + num_directions - len(channels)
    others = [_directions(edit, moments[edit.layer], taken[edit.layer], number, generator) for edit in edits]
    directions = {f"direction {place}": found for place, found in enumerate(zip(*others, strict=True))}
    directions |= {name: tuple(found) for name, found in known.items() if name in directions}

    def controls(kind: str, made: Mapping[str, tuple[NetworkEdit, ...]]) -> Iterator[Control]:
        for name, found in made.items():
            norm = norm_of(found, moments)
            cosine = max(cosine_of(a, b, moments[a.layer]) for a, b in zip(edits, found, strict=True))
            yield Control(name, kind, found, norm, norm / own if own else float("nan"), cosine)

    return [*controls("channel", channels), *controls("direction", directions)]


def _span(bases: Sequence[Floats]) -> Floats:
    """Return orthonormal columns that span what several span."""
    axes, sizes, _ = np.linalg.svd(np.concatenate(bases, axis=1), full_matrices=False)
    return np.asarray(axes[:, sizes > 1e-6])


def _channels(edit: NetworkEdit, moments: Moments, taken: Floats, generator: np.random.Generator) -> list[NetworkEdit]:
    """Return edits of other channels that fire, those nearest in norm to the edit first."""
    loudness = np.diag(moments.second)
    # where an edit reaches nearly everywhere, the axis along which it changes most is what a channel must not be
    apart = taken if taken.shape[1] < len(loudness) / 2 else directions_of(edit, moments)[:, :1]
    free = np.flatnonzero((loudness > 0) & (np.linalg.norm(apart, axis=1) <= SAME))
    size = min(len(edit.channels), len(free)) if isinstance(edit, AblateChannels) else 1
    if len(free) == 0 or size == 0:
        return []
    if size == 1:
        sets = [(int(channel),) for channel in free]
    else:
        sets = sorted({tuple(sorted(generator.choice(free, size, False).tolist())) for _ in range(DRAWS)})
    others = [_of_channels(edit, chosen, moments) for chosen in sets]
    own = mean_square(edit, moments)
    return sorted(others, key=lambda other: abs(np.log((mean_square(other, moments) + 1e-30) / (own + 1e-30))))


def _side_by_side(candidates: Sequence[Sequence[NetworkEdit]]) -> Iterator[tuple[NetworkEdit, ...]]:
    """Yield controls with one candidate for each edit, near ones first; no channel of a layer comes twice in one."""
    for start in range(min(map(len, candidates))):
        chosen: list[NetworkEdit] = []
        for others in candidates:
            chosen += [other for other in others[start:] if not _overlaps(other, chosen)][:1]
        if len(chosen) == len(candidates):
            yield tuple(chosen)


def _overlaps(edit: NetworkEdit, others: Sequence[NetworkEdit]) -> bool:
    return any(other.layer == edit.layer and set(_numbers(other)) & set(_numbers(edit)) for other in others)


def _directions(
    edit: NetworkEdit, moments: Moments, taken: Floats, number: int, generator: np.random.Generator
) -> list[NetworkEdit]:
    """Return edits of random directions of the edit's norm, at right angles to it."""
    if isinstance(edit, EraseConcept) and directions_of(edit, moments).shape[1] > 1:
        return [_turned(edit, moments, generator) for _ in range(number)]
    beside = np.eye(len(taken)) - taken @ taken.T
    sizes, axes = _live(beside @ moments.second @ beside)
    if not len(sizes):  # the edits reach everywhere: nothing stands at right angles to all
        sizes, axes = _live(moments.second)
    wanted = mean_square(edit, moments) / edit.strength**2 if edit.strength else float(np.mean(sizes))
    found = []
    for _ in range(number):
        drawn = generator.standard_normal(len(sizes))
        tilt = 0.0 if isinstance(edit, Steer) else _tilt(drawn, sizes, wanted)
        found.append(_along(edit, axes @ unit(drawn * sizes**tilt)))
    return found


def _turned(edit: EraseConcept, moments: Moments, generator: np.random.Generator) -> EraseConcept:
    """Return the same change of activations along randomly turned axes, as large as the edit's own."""
    channels = len(moments.mean)
    axes = _live(moments.second)[1]
    turn, triangle = np.linalg.qr(generator.standard_normal((axes.shape[1],) * 2))
    turn = axes @ (turn * np.sign(np.diag(triangle)) - np.eye(axes.shape[1])) @ axes.T + np.eye(channels)
    change, bias = turn @ (np.array(edit.matrix) - np.eye(channels)) @ turn.T, turn @ np.array(edit.bias)

    def scaled(factor: float) -> EraseConcept:
        matrix = tuple(map(tuple, (np.eye(channels) + factor * change).tolist()))
        return dataclasses.replace(edit, matrix=matrix, bias=tuple((factor * bias).tolist()), concept="")

    return scaled(float(np.sqrt(mean_square(edit, moments) / mean_square(scaled(1.0), moments))))


def _live(second: Floats) -> tuple[Floats, Floats]:
    """Return how large activations are along the axes along which they are not 0, and those axes as columns."""
    sizes, axes = np.linalg.eigh(second)
    live = sizes > 1e-9 * max(sizes.max(), 0)
    return sizes[live], axes[:, live]


def _tilt(drawn: Floats, sizes: Floats, wanted: float) -> float:
    """Return the power of the activations' size by which a direction takes as much from them as is wanted."""

    def taken(tilt: float) -> float:
        weight = (drawn * sizes**tilt) ** 2
        return float(weight @ sizes / weight.sum())

    low, high = -TILT, TILT  # what is taken never falls as the power grows
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if taken(middle) < wanted else (low, middle)
    return (low + high) / 2


def _of_channels(edit: NetworkEdit, channels: tuple[int, ...], moments: Moments) -> NetworkEdit:
    if isinstance(edit, AblateChannels):
        means = () if edit.method == "zero" else tuple(float(moments.mean[channel]) for channel in channels)
        method = "zero" if edit.method == "zero" else "mean"
        return AblateChannels(edit.layer, channels, edit.strength, method, means, "", edit.checkpoint)
    return _along(edit, np.eye(len(moments.mean))[channels[0]])


def _along(edit: NetworkEdit, unit: Floats) -> NetworkEdit:
    """Return the edit with another direction in the place of its own."""
    direction = tuple(float(number) for number in unit)
    if isinstance(edit, Ablate):
        return dataclasses.replace(edit, direction=direction, name="")
    if isinstance(edit, Steer):
        length = float(np.sqrt((added_by(edit) ** 2).sum(0).mean()))
        return dataclasses.replace(edit, direction=tuple(length * number for number in direction), name="")
    return Ablate(edit.layer, direction, edit.strength, "layer", "", edit.checkpoint)


def _numbers(edit: NetworkEdit) -> Sequence[int]:
    """Return the channels that an edit of channels is about; none of another edit."""
    if isinstance(edit, AblateChannels):
        return edit.channels
    return [] if isinstance(edit, EraseConcept) else np.ravel(edit.direction).nonzero()[0].tolist()


def _channel_names(edits: Sequence[NetworkEdit]) -> str:
    """Return e.g. "channel 3 of 2b"."""
    return " and ".join(f"channel {', '.join(map(str, _numbers(edit)))} of {edit.layer}" for edit in edits)
