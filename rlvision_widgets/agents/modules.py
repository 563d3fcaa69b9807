"""Modules as users have them: what torch puts around them, what they take and what they return."""

import copy
from typing import Any

import torch
from torch import Tensor, nn

from rlvision_widgets.agents.layered import NetworkOutput

__all__ = ["channels_first", "parsed", "unwrapped"]


def unwrapped(module: nn.Module) -> nn.Module:
    """Return a copy without what torch.compile and data parallelism put around it or its parts: hooks need these."""
    plain = copy.deepcopy(_inner(module))
    for part in list(plain.modules()):
        part._compiled_call_impl = None
        for name, child in part.named_children():
            if _inner(child) is not child:
                setattr(part, name, _inner(child))
    return plain


def _inner(module: nn.Module) -> nn.Module:
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            module = module.module
        elif isinstance(getattr(module, "_orig_mod", None), nn.Module):
            module = module._orig_mod  # type: ignore[assignment]
        else:
            return module


def channels_first(observations: Tensor) -> Tensor:
    """Return (batch, rgb, height, width) in 0..1 of uint8 observations, or of floating point in 0..255."""
    # contiguous: policies that flatten by .view need it
    first = observations.permute(0, 3, 1, 2).contiguous()
    return (first if first.is_floating_point() else first.float()) / 255


def parsed(returned: Any) -> tuple[NetworkOutput, Any]:
    """Return logits, value and state of what a policy returned; raise ValueError for what is none of the usual."""
    policy, value, state, *more = (
        (*returned, None, None) if isinstance(returned, tuple | list) else (returned, None, None)
    )
    logits = getattr(policy, "logits", policy)
    if more[:-2] or not torch.is_tensor(logits) or not (value is None or torch.is_tensor(value)):
        kinds = ", ".join(type(part).__name__ for part in (returned if isinstance(returned, tuple) else (returned,)))
        raise ValueError(
            f"the policy returned ({kinds}); expected logits, (logits, value) or (logits, value, state), with tensors "
            "or a Categorical for logits. Pass forward=, which picks them: forward=lambda module, x: (…, …)."
        )
    if value is not None and value.ndim == 2 and value.shape[1] == 1:
        value = value.squeeze(1)
    if logits.ndim != 2 or (value is not None and value.shape != logits.shape[:1]):
        shapes = f"logits {tuple(logits.shape)}" + ("" if value is None else f" and value {tuple(value.shape)}")
        raise ValueError(
            f"the policy returned {shapes}; expected logits (batch, logit) and value (batch,) or (batch, 1)"
        )
    return NetworkOutput(logits, value), state
