"""Edits that mean nothing, and take as much from the activations as one that is to mean something."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import Ablate, AblateChannels, EraseConcept, NetworkEdit, Steer

__all__ = ["Control", "matched_controls"]

BATCH = 64  # frames through the network at once
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


class _Moments(NamedTuple):
    """Of a layer's activations over frames and cells: mean (channel,), second (channel, channel)."""

    mean: Floats
    second: Floats


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
        towards the axes of large activations, or from them, until its norm is the edit's (as far as that goes).
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
    moments = {layer: _moments(agent, layer, frames) for layer in dict.fromkeys(edit.layer for edit in edits)}
    own = _norm(edits, moments)
    others = [_channels(edit, moments[edit.layer], num_channels, generator) for edit in edits]
    channels = {_channel_names(found): found for found in zip(*others, strict=False)}
    before = {name: tuple(found) for name, found in known.items() if name.startswith("channel")}
    channels = dict(list({**before, **channels}.items())[:num_channels])
    number = num_channels + num_directions - len(channels)
    others = [_directions(edit, moments[edit.layer], number, generator) for edit in edits]
    directions = {f"direction {place}": found for place, found in enumerate(zip(*others, strict=False))}
    directions |= {name: tuple(found) for name, found in known.items() if name in directions}

    def controls(kind: str, made: Mapping[str, tuple[NetworkEdit, ...]]) -> Iterator[Control]:
        for name, found in made.items():
            norm = _norm(found, moments)
            cosine = max(_cosine(a, b, moments[a.layer]) for a, b in zip(edits, found, strict=True))
            yield Control(name, kind, found, norm, norm / own if own else float("nan"), cosine)

    return [*controls("channel", channels), *controls("direction", directions)]


def _moments(agent: Agent, layer: str, frames: npt.NDArray[np.uint8]) -> _Moments:
    mean, second, number = 0.0, 0.0, 0
    for start in range(0, len(frames), BATCH):
        activations = agent.activations(layer, frames[start : start + BATCH]).double().cpu().numpy()
        cells = np.moveaxis(activations, 1, -1).reshape(-1, activations.shape[1])
        mean, second, number = mean + cells.sum(0), second + cells.T @ cells, number + len(cells)
    return _Moments(np.asarray(mean) / number, np.asarray(second) / number)


def _norm(edits: Sequence[NetworkEdit], moments: dict[str, _Moments]) -> float:
    """Return the root mean square of what edits change, each by itself."""
    return float(np.sqrt(sum(_square(edit, moments[edit.layer]) for edit in edits)))


def _square(edit: NetworkEdit, moments: _Moments) -> float:
    """Return the mean square of what one edit takes from the activations of a cell."""
    mean, second = moments
    if isinstance(edit, Ablate):
        unit = _unit(np.array(edit.direction, float))
        change = float(unit @ second @ unit)
    elif isinstance(edit, Steer):
        change = float((_map(edit) ** 2).sum(0).mean())
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


def _basis(edit: NetworkEdit, channels: int) -> Floats:
    """Return orthonormal columns, (channel, k): the directions in which an edit acts."""
    if isinstance(edit, Ablate):
        return _unit(np.array(edit.direction, float))[:, None]
    if isinstance(edit, Steer):
        return np.linalg.svd(_map(edit).reshape(channels, -1), full_matrices=False)[0][:, :1]
    if isinstance(edit, AblateChannels):
        return np.eye(channels)[:, list(edit.channels)]
    _, sizes, rows = np.linalg.svd(np.array(edit.matrix) - np.eye(channels))
    return np.asarray(rows[sizes > 1e-6 * sizes.max()].T)


def _channels(edit: NetworkEdit, moments: _Moments, number: int, generator: np.random.Generator) -> list[NetworkEdit]:
    """Return edits of other channels that fire, those nearest in norm to the edit first."""
    second = moments.second
    taken = np.linalg.norm(_basis(edit, len(second)), axis=1) > SAME
    free = np.flatnonzero((np.diag(second) > 0) & ~taken)
    size = min(len(edit.channels), len(free)) if isinstance(edit, AblateChannels) else 1
    if size == 0 or len(free) == 0:
        return []
    if size == 1:
        sets = [(int(channel),) for channel in free]
    else:
        sets = sorted({tuple(sorted(generator.choice(free, size, False).tolist())) for _ in range(DRAWS)})
    others = [_of_channels(edit, chosen, moments) for chosen in sets]
    own = _square(edit, moments)
    others.sort(key=lambda other: abs(np.log((_square(other, moments) + 1e-30) / (own + 1e-30))))
    return others[:number]


def _directions(edit: NetworkEdit, moments: _Moments, number: int, generator: np.random.Generator) -> list[NetworkEdit]:
    """Return edits of random directions of the edit's norm, at right angles to it."""
    second = moments.second
    basis = _basis(edit, len(second))
    beside = np.eye(len(second)) - basis @ basis.T
    sizes, axes = np.linalg.eigh(beside @ second @ beside)
    live = sizes > 1e-9 * max(sizes.max(), 0)
    if not live.any():
        return []
    sizes, axes = sizes[live], axes[:, live]
    wanted = _square(edit, moments) / edit.strength**2 if edit.strength else float(np.mean(sizes))
    found = []
    for _ in range(number):
        drawn = generator.standard_normal(len(sizes))
        tilt = 0.0 if isinstance(edit, Steer) else _tilt(drawn, sizes, wanted)
        found.append(_along(edit, axes @ _unit(drawn * sizes**tilt)))
    return found


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


def _of_channels(edit: NetworkEdit, channels: tuple[int, ...], moments: _Moments) -> NetworkEdit:
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
        length = float(np.sqrt((_map(edit) ** 2).sum(0).mean()))
        return dataclasses.replace(edit, direction=tuple(length * number for number in direction), name="")
    return Ablate(edit.layer, direction, edit.strength, "layer", "", edit.checkpoint)


def _cosine(edit: NetworkEdit, other: NetworkEdit, moments: _Moments) -> float:
    """Return the largest cosine between a direction of one edit and of another."""
    channels = len(moments.mean)
    return float(np.linalg.norm(_basis(edit, channels).T @ _basis(other, channels), 2))


def _channel_names(edits: Sequence[NetworkEdit]) -> str:
    """Return e.g. "channel 3 of 2b"."""
    names = []
    for edit in edits:
        one_hot = () if isinstance(edit, AblateChannels | EraseConcept) else np.ravel(edit.direction).nonzero()[0]
        channels = edit.channels if isinstance(edit, AblateChannels) else one_hot
        names.append(f"channel {', '.join(map(str, channels))} of {edit.layer}")
    return " and ".join(names)


def _map(edit: Steer) -> Floats:
    """Return what is added, (channel, y, x), or (channel, 1) where all cells get the same."""
    direction = np.array(edit.direction, float)
    return direction[:, None] if direction.ndim == 1 else direction


def _unit(vector: Floats) -> Floats:
    return vector / np.linalg.norm(vector)
