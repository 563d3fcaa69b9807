"""What an agent is given and what its network gives, looked at before it is used."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from rlvision_widgets.agents.memory import StateLayout
from rlvision_widgets.agents.weights import no_numbers

__all__ = ["check_observation_shape", "check_outputs", "check_state", "checked_observations"]

LISTED = 5  # weights that a message names


def checked_observations(observations: Any, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Return observations of this (height, width, rgb) as a network takes them.

    Where it sees grey, of three equal colours one.

    Raises
    ------
    TypeError, ValueError
        When they are not uint8, or not of that shape.
    """
    expected = f"uint8 (batch, {', '.join(map(str, shape))}), rows before columns, colours last"
    if not isinstance(observations, np.ndarray):
        raise TypeError(f"observations are {type(observations).__name__}; expected a numpy array, {expected}")
    if observations.dtype != np.uint8:
        raise TypeError(
            f"observations have dtype {observations.dtype}; expected {expected}: "
            "values 0-255 as the environment gives them, not scaled"
        )
    if shape[2] == 1 and observations.shape[1:] == (*shape[:2], 3):
        return observations[..., :1]
    if observations.ndim != 4 or observations.shape[1:] != shape:
        raise ValueError(
            f"observations have shape {observations.shape}; expected {expected}. Is it an agent of another world?"
        )
    return observations


def check_observation_shape(shape: Any) -> None:
    """Raise ValueError unless this is None or the (height, width, colours) of an observation."""
    if shape is None:
        return
    whole = isinstance(shape, Sequence) and all(isinstance(length, int) and length > 0 for length in shape)
    if not whole or len(shape) != 3:
        raise ValueError(f"observation_shape is (height, width, colours) of one frame, and {shape!r} came")


def check_outputs(name: str, network: nn.Module, outputs: Sequence[Any], num_actions: int) -> None:
    """Raise ValueError unless logits and value of two black observations are finite and of the right shape."""
    logits, value = outputs
    if logits.shape != (2, num_actions):
        raise ValueError(
            f"agent {name!r}: the network gives logits {logits.shape} for 2 observations, "
            f"but there are {num_actions} action names; expected (2, {num_actions})"
        )
    if value is not None and value.shape != (2,):
        raise ValueError(f"agent {name!r}: the network gives values {value.shape} for 2 observations, not (2,)")
    if not np.isfinite(logits).all() or (value is not None and not np.isfinite(value).all()):
        raise ValueError(f"agent {name!r}: {_not_finite(network)}")


def check_state(name: str, layout: StateLayout, state: Any) -> None:
    """Raise ValueError unless a state after a step is put together like the one before the first."""
    try:
        layout.rows(state)
    except ValueError as error:
        raise ValueError(f"agent {name!r}, its state after a step: {error}") from error


def _not_finite(network: nn.Module) -> str:
    wrong = no_numbers(network)
    if not wrong:
        return "logits or value of a black frame are not finite, though all weights are; check what scales it"
    listed = ", ".join(wrong[:LISTED]) + (f" and {len(wrong) - LISTED} more" if len(wrong) > LISTED else "")
    return f"these weights hold NaN or infinity: {listed}. Its training diverged; take an earlier checkpoint"
