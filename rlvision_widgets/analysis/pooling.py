"""Smooth gradients through maximum pooling, for networks that were trained with it.

A maximum passes its gradient to one cell of those under it, so that attribution below it is speckled. While a score
is `smoothed`, every two-dimensional maximum gives what it gave, but its gradient is that of the smooth

    mean(x ** 2) / (0.01 + mean(|x|))

over the same cells. Gradients no longer belong to the outputs, so an integral of them does not sum to their change.

References
----------
Lucid, ``scratch/rl_util/attribution.py`` (``maxpool_override``), used by Hilton et al. 2020 as an option.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

__all__ = ["smoothed"]

SOFTENING = 1e-2

Score = Callable[[Tensor, Tensor], Tensor]  # as in `integration`, which imports this


def smoothed(score: Score) -> Score:
    """Return the score with smooth gradients through every maximum pooling that it runs."""

    def smooth(points: Tensor, frames: Tensor) -> Tensor:
        with _SmoothMaximum():  # here, because a mode holds for one thread
            return score(points, frames)

    return smooth


class _SmoothMaximum(TorchFunctionMode):
    """Replaces maximum pooling, whether a module or a function asks for it."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func in (functional.max_pool2d, torch.max_pool2d):
            return _pooled(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _pooled(input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, *rest: Any, **more: Any) -> Tensor:
    """Return the maximum with the smooth one's gradient."""
    dilation, ceil_mode = (*rest, *(1, False)[len(rest) :])[:2]
    dilation, ceil_mode = more.get("dilation", dilation), more.get("ceil_mode", ceil_mode)
    if dilation not in (1, (1, 1), [1, 1]):
        raise ValueError(f"smooth gradients through a dilated maximum (dilation={dilation}) are not known.")
    stride = stride or kernel_size
    maximum = functional.max_pool2d(input.detach(), kernel_size, stride, padding, dilation, ceil_mode)

    def mean(x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, kernel_size, stride, padding, ceil_mode)

    inside = input.isfinite()  # a network may pad with -inf itself; cells that do not exist count for nothing
    x = input.where(inside, 0)
    share = mean(inside.to(x.dtype))
    smooth = mean(x * x) / share / (SOFTENING + mean(x.abs()) / share)
    return maximum + (smooth - smooth.detach())
