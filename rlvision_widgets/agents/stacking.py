"""Frame stacks: agents that see the last k frames at once, as one picture of k times the colours, oldest first.

Such an agent gets one frame a step like any other; the k - 1 before it are its memory.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor

__all__ = ["StackState", "check_stack", "stacked"]


class StackState(NamedTuple):
    """What an agent with a frame stack carries from step to step."""

    frames: Tensor
    """uint8 (batch, stack - 1, height, width, rgb): the frames before, oldest first."""
    own: Any = None
    """The state of the network itself, where it is recurrent as well."""


def stacked(frames: Tensor, before: Tensor, first: Tensor) -> tuple[Tensor, Tensor]:
    """Return the pictures that the network sees, and the frames to remember for the next step.

    Parameters
    ----------
    frames : Tensor, (batch, height, width, rgb)
        Those of this step: uint8, or floating point in 0..255 where gradients are wanted.
    before : uint8 Tensor, (batch, stack - 1, height, width, rgb)
    first : bool Tensor, (batch,)
        Where an episode opens: its first frame stands for those before it.

    Returns
    -------
    pictures : Tensor, (batch, height, width, stack * rgb)
        Oldest frame first, in the dtype of `frames`.
    remembered : uint8 Tensor, (batch, stack - 1, height, width, rgb)
    """
    now = frames[:, None]
    past = torch.where(first.reshape(-1, 1, 1, 1, 1), now, before.to(frames.dtype))
    film = torch.cat([past, now], 1)
    pictures = film.permute(0, 2, 3, 1, 4).flatten(3)
    return pictures.contiguous(), film[:, 1:].detach().to(torch.uint8)


def check_stack(stack: int, colours: int | None = None) -> int:
    """Return the number of frames in a stack; raise ValueError when the network's colours are no multiple of it."""
    if isinstance(stack, bool) or not isinstance(stack, int) or stack < 1:
        raise ValueError(f"stack has to be a whole number of frames, 1 or more; got {stack!r}")
    if colours is not None and colours % stack:
        raise ValueError(
            f"the network sees {colours} colours, which are not those of {stack} frames: expected {stack} times 1 "
            "(grey) or 3 (rgb)"
        )
    return stack
