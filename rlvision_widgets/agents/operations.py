"""What an edit does to a layer's activations, as torch modules that are copied, cast and moved with their network.

Those that are affine in a cell's channels say so (`Affine`), which is what lets them be folded into a kernel.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from rlvision_widgets.agents.edits import Ablate, AblateChannels, NetworkEdit, Steer

__all__ = ["Affine", "EditedStage", "Resample", "Shift", "input_rows", "operation", "projection"]

PRIME = 2**31 - 1

_rows: ContextVar[Any] = ContextVar("the network's inputs, one a row of its activations", default=None)


@contextmanager
def input_rows(inputs: Any) -> Iterator[None]:
    """Say for a block what the network was given: resampling draws by it, not by the activations."""
    token = _rows.set(inputs)
    try:
        yield
    finally:
        _rows.reset(token)


def operation(edit: NetworkEdit, shape: tuple[int, int, int]) -> nn.Module:
    """Return what an edit does to activations, (batch, channel, y, x).

    Parameters
    ----------
    edit : network edit
        Not one of a kernel.
    shape : (int, int, int)
        Channels, height and width of the layer.

    Raises
    ------
    ValueError
        When the edit's sizes are not the layer's.
    """
    channels = shape[0]
    if isinstance(edit, Ablate):
        return Affine(projection(edit, channels), torch.zeros(channels, dtype=torch.float64))
    if isinstance(edit, AblateChannels):
        return _replacing(edit, shape)
    if isinstance(edit, Steer):
        direction = torch.tensor(edit.direction, dtype=torch.float64)
        expected = (channels,) if direction.ndim == 1 else shape
        _check_size(edit, tuple(direction.shape), expected)
        added = edit.strength * direction
        return Affine(torch.eye(channels, dtype=torch.float64), added) if direction.ndim == 1 else Shift(added)
    _check_size(edit, (len(edit.bias),), (channels,))
    matrix, eye = torch.tensor(edit.matrix, dtype=torch.float64), torch.eye(channels, dtype=torch.float64)
    return Affine(eye + edit.strength * (matrix - eye), edit.strength * torch.tensor(edit.bias, dtype=torch.float64))


def projection(edit: Ablate, channels: int) -> Tensor:
    """Return I - strength · v vᵀ / |v|², float64 (channel, channel)."""
    direction = torch.tensor(edit.direction, dtype=torch.float64)
    _check_size(edit, tuple(direction.shape), (channels,))
    unit = direction / direction.norm()
    return torch.eye(channels, dtype=torch.float64) - edit.strength * torch.outer(unit, unit)


class Affine(nn.Module):
    """matrix · a + offset, at every cell.

    Parameters
    ----------
    matrix : Tensor, (channel, channel)
        From the channels that come (columns) to those that go.
    offset : Tensor, (channel,)
    """

    matrix: Tensor
    offset: Tensor

    def __init__(self, matrix: Tensor, offset: Tensor) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)
        self.register_buffer("offset", offset)

    def forward(self, activations: Tensor) -> Tensor:
        """Return the edited activations."""
        dtype = activations.dtype
        return functional.conv2d(activations, self.matrix.to(dtype)[:, :, None, None], self.offset.to(dtype))


class Shift(nn.Module):
    """a + added, (channel, y, x)."""

    added: Tensor

    def __init__(self, added: Tensor) -> None:
        super().__init__()
        self.register_buffer("added", added)

    def forward(self, activations: Tensor) -> Tensor:
        """Return the edited activations."""
        return activations + self.added.to(activations.dtype)


class Resample(nn.Module):
    """Put a share of another observation's maps in place of some channels; which one, a hash of the input says.

    Parameters
    ----------
    channels : sequence of int
        Which are replaced.
    maps : array, (sample, channel, y, x)
        What may come in their place.
    share : float
        1: all of it.
    """

    channels: Tensor
    maps: Tensor

    def __init__(self, channels: tuple[int, ...], maps: Any, share: float) -> None:
        super().__init__()
        self.share = share
        self.register_buffer("channels", torch.tensor(channels))
        self.register_buffer("maps", torch.tensor(np.array(maps, np.float32)))

    def forward(self, activations: Tensor) -> Tensor:
        """Return the edited activations."""
        inputs = _rows.get()
        if not torch.is_tensor(inputs) or len(inputs) != len(activations):
            raise ValueError(
                "a channel that is resampled depends on the observation, not on the activations that came: pass the "
                "observations too, one a row, e.g. agent.head(layer, observations). (A wrapped agent's preprocess has "
                "to give one tensor.)"
            )
        drawn = self.maps[_hashes(inputs) % len(self.maps)].to(activations.dtype)
        here = activations[:, self.channels]
        return activations.index_copy(1, self.channels, here + self.share * (drawn - here))


class EditedStage(nn.Module):
    """A stage of a network and what is done to its activations after it."""

    def __init__(self, stage: nn.Module, edit: nn.Module) -> None:
        super().__init__()
        self.stage = stage
        self.edit = edit

    def forward(self, x: Tensor) -> Tensor:
        """Return the stage's activations, edited."""
        edited: Tensor = self.edit(self.stage(x))
        return edited


def _replacing(edit: AblateChannels, shape: tuple[int, int, int]) -> nn.Module:
    channels = shape[0]
    if edit.channels[-1] >= channels:
        raise ValueError(f"layer {edit.layer!r} has channels 0 to {channels - 1}, and {edit.channels[-1]} is ablated.")
    if edit.method == "resample":
        _check_size(edit, edit.maps.shape[2:], shape[1:])
        return Resample(edit.channels, edit.maps, edit.strength)
    chosen = torch.tensor(edit.channels)
    kept, offset = torch.ones(channels, dtype=torch.float64), torch.zeros(channels, dtype=torch.float64)
    kept[chosen] = 1 - edit.strength
    if edit.method == "mean":
        offset[chosen] = edit.strength * torch.tensor(edit.values, dtype=torch.float64)
    return Affine(kept.diag(), offset)


def _check_size(edit: NetworkEdit, found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if found != expected:
        raise ValueError(
            f"the edit of layer {edit.layer!r} has size {found}, and the layer {expected}: it was made for another "
            "layer or another agent's study."
        )


def _hashes(inputs: Tensor) -> Tensor:
    """Return a number for each row, of its pixels alone: the same in any batch, and in float32 and float64."""
    pixels = (255 * inputs.double()).round().to(torch.int64).flatten(1)
    place = torch.arange(1, pixels.shape[1] + 1, device=pixels.device)
    weights = place * place * 48271 % PRIME  # no two neighbours alike, so that order counts
    return (pixels * weights).sum(1) % PRIME
