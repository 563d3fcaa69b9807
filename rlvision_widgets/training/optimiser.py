"""How weights follow gradients: Adam, Muon, and the running average that is exported."""

from typing import Any, cast

import torch
from torch import Tensor, nn

from rlvision_widgets.training.options import TrainingOptions

__all__ = ["Optimiser", "follow", "orthogonal"]


class Optimiser:
    """Adam (Kingma & Ba 2015), with Muon (Jordan et al. 2024) for the trunk's kernels if asked for.

    Muon makes the step of a kernel, read as a matrix (out, in * height * width), orthogonal: all its directions move
    alike, however small their share of the gradient.
    """

    def __init__(self, network: nn.Module, options: TrainingOptions) -> None:
        self.options = options
        named = list(network.named_parameters())
        kernels = {name for name, each in named if name.startswith("trunk.") and each.ndim > 1}
        muon = kernels if options.optimiser == "muon" else set()
        self.parameters = [each for _, each in named]
        self.kernels = [each for name, each in named if name in muon]
        self.momenta = [torch.zeros_like(each) for each in self.kernels]
        self.adam = torch.optim.Adam([each for name, each in named if name not in muon], eps=1e-5)

    def step(self, loss: Tensor, share: float) -> None:
        """Go down the gradient of `loss`, at `share` of the full rates."""
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, self.options.max_gradient_norm)
        self.adam.param_groups[0]["lr"] = self.options.learning_rate * share
        self.adam.step()
        with torch.no_grad():
            for kernel, momentum in zip(self.kernels, self.momenta, strict=True):
                momentum.lerp_(cast(Tensor, kernel.grad), 0.05)
                ahead = cast(Tensor, kernel.grad).lerp(momentum, 0.95)  # Nesterov's
                kernel.sub_(orthogonal(ahead.flatten(1)).view_as(kernel), alpha=self.options.muon_rate * share)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        return {"name": self.options.optimiser, "adam": self.adam.state_dict(), "momenta": self.momenta}

    def load(self, state: dict[str, Any]) -> None:
        """Take the state of an earlier leg; after another optimiser start afresh."""
        if state["name"] == self.options.optimiser:
            self.adam.load_state_dict(state["adam"])
            for own, momentum in zip(self.momenta, state["momenta"], strict=True):
                own.copy_(momentum)


def orthogonal(matrix: Tensor) -> Tensor:
    """Return a matrix with the singular vectors of `matrix`, and singular values near 1 (about 0.7 to 1.2).

    Five steps of the quintic Newton-Schulz iteration, with Jordan's coefficients.
    """
    wide: Tensor = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-12)
    for _ in range(5):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.775 * square + 2.0315 * square @ square) @ wide
    return wide if len(matrix) <= matrix.shape[1] else wide.T


def follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move `average` towards `network`: decay * average + (1 - decay) * network."""
    with torch.no_grad():
        for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
            slow.lerp_(fast, 1 - decay)
