"""Integrals of a network's gradient over paths of activations: the numerical half of attribution.

Ten equal steps, as in Hilton et al. 2020, show the picture but not the sum: for an agent that is nearly always sure
of success, F is far from straight below alpha = 0.3 and F(a) is close to F(0). So the default starts with most points
there, and adds more where a frame's line bends until its completeness error is within the tolerance (`refining`).
"""

import functools
import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

from rlvision_widgets.analysis.codes import nonnegative_codes
from rlvision_widgets.analysis.pooling import smoothed
from rlvision_widgets.analysis.refining import FIRST_POINTS, Evaluator, refined
from rlvision_widgets.names import unknown

__all__ = [
    "FIXED_POINTS",
    "Attributed",
    "Quadrature",
    "Rule",
    "Score",
    "integrated_gradients",
    "path_gradients",
    "plain_gradients",
]

FIXED_POINTS = 10  # where none can be added until a tolerance is met; Hilton et al. 2020
CALL_BYTES = 2**22  # of activations in one call of the head on a CPU: what runs from its caches, and worth a call
MOST_LISTED = 20  # features whose splits into halves are listed before some are drawn: 92,378 for 20

Rule = Literal["middle", "right", "gradient"]
Score = Callable[[Tensor, Tensor], Tensor]
"""``score(points, frames)`` maps points, (point channel y x), to one number each, without mixing them; ``frames[i]`` is
the row of the activations that point i belongs to."""


@dataclass(frozen=True)
class Quadrature:
    """Which points of the line from zero to the activations are evaluated.

    Parameters
    ----------
    rule : "middle", "right" or "gradient"
        Where in its interval each of `num_points` equal steps is evaluated; or no integral but one plain gradient.
    num_points : int or None
        None: 16, 11 of them below alpha = 0.3, and more for a frame until `tolerance` or `max_points`.
    tolerance : float
        Largest completeness error to accept, in units of the score.
    max_points : int
        Most points to spend on a frame, at least 16.
    smooth_max_pool : bool
        Take smooth gradients through maximum pooling (`pooling`). No number of points meets a tolerance with them:
        `num_points` is then 10 unless given.
    """

    rule: Rule = "middle"
    num_points: int | None = None
    tolerance: float = 0.1
    max_points: int = 256
    smooth_max_pool: bool = False

    def __post_init__(self) -> None:
        if self.rule not in ("middle", "right", "gradient"):
            raise ValueError(unknown("rule", self.rule, ("middle", "right", "gradient")))
        if self.rule == "gradient" and self.num_points is not None:
            raise ValueError(f"rule='gradient' takes one gradient, no num_points; got num_points={self.num_points}.")
        if self.smooth_max_pool and self.rule != "gradient" and self.num_points is None:
            object.__setattr__(self, "num_points", FIXED_POINTS)  # the one way into a frozen dataclass
        if self.num_points is None and self.rule == "right":
            raise ValueError("rule='right' takes a fixed number of points: pass num_points, e.g. the article's 10.")
        if self.num_points is not None and self.num_points < 1:
            raise ValueError(
                f"num_points has to be 1 or more, or None (as many as a frame needs); got {self.num_points}."
            )
        if not self.tolerance > 0:
            raise ValueError(f"tolerance has to be above 0, in units of the output; got {self.tolerance}.")
        if self.max_points < FIRST_POINTS:
            raise ValueError(f"max_points has to be {FIRST_POINTS} or more; got {self.max_points}.")

    @property
    def name(self) -> str:
        """How attrs call it: the rule, or ``adaptive`` where each frame gets the points that it needs."""
        return "adaptive" if self.rule == "middle" and self.num_points is None else self.rule


class Attributed(NamedTuple):
    """Attribution of a batch of frames, and how far to trust it."""

    attribution: Float[Tensor, "frame channel y x"]
    """In units of the score."""
    completeness_error: Float[Tensor, " frame"]
    """score(a) - score(0) minus the attribution's sum."""
    num_points: Int[Tensor, " frame"]
    """Gradients that the frame took."""


def integrated_gradients(
    score: Score,
    activations: Float[Tensor, "frame channel y x"],
    quadrature: Quadrature = Quadrature(),
    baseline: float | None = None,
) -> Attributed:
    """Attribute `score` to `activations`, integrating its gradient along the line from zero.

    Parameters
    ----------
    score : callable
        See `Score`.
    activations : Float[Tensor, "frame channel y x"]
        The layer's output; detached.
    quadrature : Quadrature
        Which points of the line are evaluated.
    baseline : float, optional
        The score of zero activations, where it is the same for all frames and known; computed when None.

    Returns
    -------
    Attributed
        The attribution sums over channel, y, x to score(a) - score(0) - completeness_error.

    Notes
    -----
    How points are added without `num_points`: `refining`.
    """
    frames = torch.arange(len(activations), device=activations.device)
    ends = _ends(score, activations, frames, baseline)
    change = ends[1] - ends[0]
    score = smoothed(score) if quadrature.smooth_max_pool else score
    if quadrature.num_points is not None:
        points = quadrature.num_points
        gradient = _weighted_gradient(score, activations, frames, _equal(quadrature.rule, points))
        return _attributed(activations, gradient, change, torch.full_like(frames, points))
    gradients = functools.partial(_gradient, score)
    evaluator = Evaluator(activations, score, gradients, _frames_per_call(activations))
    gradient, spent = refined(evaluator, ends, quadrature.tolerance, quadrature.max_points)
    return _attributed(activations, gradient, change, spent)


def plain_gradients(
    score: Score,
    activations: Float[Tensor, "frame channel y x"],
    baseline: float | None = None,
    *,
    smooth: bool = False,
) -> Attributed:
    """Return the gradient of `score` at the activations: what more of each would do, not what there is of it.

    Parameters
    ----------
    score, activations, baseline
        As in `integrated_gradients`.
    smooth : bool
        Take smooth gradients through maximum pooling.

    Returns
    -------
    Attributed
        `attribution` is in units of the score per unit of activation. The completeness error is that of gradient
        times activation: how far the score is from a line.
    """
    frames = torch.arange(len(activations), device=activations.device)
    at_zero, there = _ends(score, activations, frames, baseline)
    gradient = _weighted_gradient(smoothed(score) if smooth else score, activations, frames, ([1.0], [1.0]))
    return Attributed(gradient, there - at_zero - (activations * gradient).sum((1, 2, 3)), torch.ones_like(frames))


def path_gradients(
    score: Score,
    activations: Float[Tensor, "frame channel y x"],
    direction: Float[Tensor, "feature channel"],
    *,
    paths: int = 50,
    num_points: int = 10,
    seed: int = 0,
) -> Attributed:
    """Attribute `score` to `activations` along paths on which half of the features come before the others.

    The activations are codes h on the features plus a rest. On each path one half of the features follows alpha ** 2,
    the other 1 - (1 - alpha) ** 2, the rest alpha; every split into halves is followed in both orders. What two
    features do only together is then shared between them whichever comes first.

    Parameters
    ----------
    score, activations, num_points
        As in `integrated_gradients`; each step of a path takes the gradient at its right end.
    direction : Float[Tensor, "feature channel"]
        Non-negative, as from `fit_nmf`; at least two features.
    paths : int
        Drawn without repetition; an odd number is rounded up, and at most all there are (70 for 8 features) are used.
    seed : int
        Draws the splits.

    Returns
    -------
    Attributed
        `num_points` counts all gradients of a frame: points times paths.

    References
    ----------
    Lucid, ``scratch/rl_util/attribution.py``, used by Hilton et al. 2020 as an option.
    """
    frames = torch.arange(len(activations), device=activations.device)
    at_zero, there = _ends(score, activations, frames)
    cells = activations.permute(0, 2, 3, 1)
    codes = nonnegative_codes(cells.flatten(0, 2).clamp_min(0), direction).reshape(*cells.shape[:3], -1)
    rest = activations - (codes @ direction).permute(0, 3, 1, 2)
    early = _halves(len(direction), paths, seed)
    total = torch.zeros_like(activations)
    for half in early:
        slow = torch.as_tensor(half, device=activations.device)
        before = torch.zeros_like(activations)
        for i in range(1, num_points + 1):
            alpha = i / num_points
            pace = torch.where(slow, alpha**2, 1 - (1 - alpha) ** 2).to(activations.dtype)
            point = ((codes * pace) @ direction).permute(0, 3, 1, 2) + alpha * rest
            total += (point - before) * _gradient(score, point, frames)
            before = point
    attribution = total / len(early)
    error = there - at_zero - attribution.sum((1, 2, 3))
    return Attributed(attribution, error, torch.full_like(frames, len(early) * num_points))


def _halves(num_features: int, paths: int, seed: int) -> npt.NDArray[np.bool_]:
    """Return which features follow alpha ** 2, (path, feature): splits into halves, each with its complement."""
    if num_features < 2 or paths < 1:
        raise ValueError(
            f"paths need at least one path and two features; got paths={paths}, {num_features} feature(s)."
        )
    if num_features > MOST_LISTED:
        return _drawn_halves(num_features, paths, seed)
    halves = {num_features // 2, num_features - num_features // 2}  # an odd number splits in two ways
    splits = [  # the half with feature 0, so that no split comes twice
        (0, *rest) for half in sorted(halves) for rest in itertools.combinations(range(1, num_features), half - 1)
    ]
    drawn = np.random.default_rng(seed).permutation(len(splits))[: math.ceil(paths / 2)]
    early = np.zeros((len(drawn), num_features), bool)
    for row, split in enumerate(sorted(drawn)):
        early[row, list(splits[split])] = True
    return np.concatenate([early, ~early])


def _drawn_halves(num_features: int, paths: int, seed: int) -> npt.NDArray[np.bool_]:
    """Draw splits one by one, where there are far more of them than paths."""
    rng = np.random.default_rng(seed)
    early = np.zeros((math.ceil(paths / 2), num_features), bool)
    for row in early:
        row[rng.permutation(num_features)[: num_features // 2]] = True
    return np.concatenate([early, ~early])


def _equal(rule: Rule, points: int) -> tuple[list[float], list[float]]:
    """Return alphas and weights of `points` equal intervals, taken in the middle or at the right end."""
    offset = 0.5 if rule == "middle" else 1.0
    return [(i + offset) / points for i in range(points)], [1 / points] * points


def _ends(
    score: Score, activations: Tensor, frames: Tensor, baseline: float | None = None
) -> Float[Tensor, "end frame"]:
    """Return F(0) and F(a)."""
    size = _frames_per_call(activations)
    parts = []
    with torch.no_grad():
        for a, which in zip(torch.split(activations, size), torch.split(frames, size), strict=True):
            there = score(a, which)
            zero = score(torch.zeros_like(a), which) if baseline is None else torch.full_like(there, baseline)
            parts.append(torch.stack([zero, there]))
    return torch.cat(parts, dim=1)


def _attributed(activations: Tensor, gradient: Tensor, change: Tensor, spent: Tensor) -> Attributed:
    attribution = activations * gradient
    return Attributed(attribution, change - attribution.sum((1, 2, 3)), spent)


def _frames_per_call(activations: Tensor) -> int:
    one = activations[:1].nbytes
    return max(1, min(256, (CALL_BYTES if activations.device.type == "cpu" else 64 * CALL_BYTES) // one))


def _weighted_gradient(
    score: Score,
    activations: Float[Tensor, "frame channel y x"],
    frames: Int[Tensor, " frame"],
    points: tuple[list[float], list[float]],
) -> Float[Tensor, "frame channel y x"]:
    """Return the sum over points (alphas, weights) of weight times the gradient of `score` at alpha * activations."""
    total = torch.zeros_like(activations)
    size = _frames_per_call(activations)
    for start in range(0, len(activations), size):
        part, part_frames, part_total = (x[start : start + size] for x in (activations, frames, total))
        together = max(1, size // len(part))  # few frames: several of their points in one call
        for first in range(0, len(points[0]), together):
            alphas, weights = (numbers[first : first + together] for numbers in points)
            scaled = torch.cat([alpha * part for alpha in alphas]) if together > 1 else alphas[0] * part
            gradient = _gradient(score, scaled, part_frames.repeat(len(alphas)))
            for weight, one in zip(weights, torch.split(gradient, len(part)), strict=True):
                part_total.add_(one, alpha=weight)
    return total


def _gradient(score: Score, points: Tensor, frames: Tensor) -> Tensor:
    with torch.enable_grad():
        own = points.detach().requires_grad_()
        scores = score(own, frames)
        if not scores.requires_grad:
            raise ValueError(
                "no gradient reaches this layer: what is explained does not depend on it, or a step on the way "
                "(a preprocess that rounds or looks up, for instance) cannot be differentiated."
            )
        (gradient,) = torch.autograd.grad(scores.sum(), own)
    return gradient
