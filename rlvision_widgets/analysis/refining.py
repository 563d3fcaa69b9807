"""The gradient's mean over the line from zero to the activations, with points where the score bends.

The line starts as 16 intervals, each with the gradient at its middle. Over an interval the score changes by what its
ends say; what the gradient makes of that is off by the interval's own error. While a frame's errors sum to more than
the tolerance, the intervals that hold most of the error are cut into thirds, so that the middle third keeps its
gradient. A network with ReLUs bends at few places of the line: they get the points, and the rest keeps its few.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int
from torch import Tensor

__all__ = ["FIRST_POINTS", "LOW", "LOW_SHARE", "Evaluator", "refined"]

FIRST_POINTS = 16  # of a frame, before any refinement
LOW, LOW_SHARE = 0.3, 11 / 16  # this share of the first points lies below alpha = LOW; a multiple of 1 / FIRST_POINTS
CUT = 0.75  # of a frame's absolute error lies in the intervals that are cut at a time
STORED_BYTES = 2**27  # of gradients that frames which are worked on together may come to hold


@dataclass(frozen=True)
class Evaluator:
    """What a score says on lines from zero to activations, in calls of a bounded size.

    Parameters
    ----------
    activations : Float[Tensor, "frame channel y x"]
    values : callable
        The score at points, (point channel y x), of the frames with these numbers, (point,).
    gradients : callable
        Its gradients there, (point channel y x).
    per_call : int
        Points in one call.
    """

    activations: Float[Tensor, "frame channel y x"]
    values: Callable[[Tensor, Tensor], Tensor]
    gradients: Callable[[Tensor, Tensor], Tensor]
    per_call: int

    def values_at(self, where: Sequence[tuple[int, float]]) -> list[float]:
        """Return the score at points given by frame and alpha."""
        with torch.no_grad():
            return [float(value) for points, frames in self._calls(where) for value in self.values(points, frames)]

    def gradients_at(self, where: Sequence[tuple[int, float]]) -> list[tuple[Tensor, float]]:
        """Return the gradient at points, each with its sum over activations: the score's slope along the line."""
        found = []
        for points, frames in self._calls(where):
            gradient = self.gradients(points, frames)
            slope = (gradient * self.activations[frames]).sum((1, 2, 3), dtype=torch.float64)
            found += list(zip(gradient, slope.tolist(), strict=True))
        return found

    def _calls(self, where: Sequence[tuple[int, float]]) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(where), self.per_call):
            frames, alphas = zip(*where[start : start + self.per_call], strict=True)
            which = torch.tensor(frames, device=self.activations.device)
            scale = torch.tensor(alphas, dtype=torch.float64).to(self.activations)
            yield scale[:, None, None, None] * self.activations[which], which


def refined(
    evaluator: Evaluator, ends: Float[Tensor, "end frame"], tolerance: float, max_points: int
) -> tuple[Float[Tensor, "frame channel y x"], Int[Tensor, " frame"]]:
    """Return the mean gradient over each frame's line, and how many gradients it took.

    Parameters
    ----------
    evaluator : Evaluator
    ends : Float[Tensor, "end frame"]
        The score at zero, and at the activations.
    tolerance : float
        Largest error of a frame's sum to accept, in units of the score.
    max_points : int
        Most gradients of a frame; at least 16.
    """
    activations = evaluator.activations
    mean, spent = torch.zeros_like(activations), torch.zeros(len(activations), dtype=torch.int64)
    most = STORED_BYTES if activations.device.type == "cpu" else 16 * STORED_BYTES
    together = max(1, most // max(1, max_points * activations[:1].nbytes))
    at = ends.double().T.tolist()
    for start in range(0, len(activations), together):
        lines = [_Line(frame, *at[frame]) for frame in range(start, min(start + together, len(activations)))]
        _refine(evaluator, lines, tolerance, max_points)
        for line in lines:
            for interval in line.intervals:
                mean[line.frame].add_(interval.gradient, alpha=interval.high - interval.low)
            spent[line.frame] = len(line.intervals)
    return mean, spent.to(activations.device)


@dataclass
class _Interval:
    """A part of a line, with the gradient at its middle and the score's slope there."""

    low: float
    high: float
    gradient: Tensor
    slope: float

    @property
    def change(self) -> float:
        return (self.high - self.low) * self.slope


@dataclass
class _Line:
    """The way from zero to a frame's activations."""

    frame: int
    at_zero: float
    at_activations: float
    intervals: list[_Interval] = field(default_factory=list)
    values: dict[float, float] = field(default_factory=dict)  # alpha → score, between the ends

    @property
    def error(self) -> float:
        return self.at_activations - self.at_zero - sum(interval.change for interval in self.intervals)

    def nodes(self) -> list[float]:
        """Return the ends of intervals at which the score is not known yet."""
        inner = {interval.low for interval in self.intervals} | {interval.high for interval in self.intervals}
        return sorted(inner - {0.0, 1.0} - set(self.values))

    def cut(self, most: int) -> list[tuple[float, float]]:
        """Narrow the intervals that hold most of the error to their middle third; return the other thirds."""
        values = {**self.values, 0.0: self.at_zero, 1.0: self.at_activations}
        errors = [values[one.high] - values[one.low] - one.change for one in self.intervals]
        bare = []
        for worst in _worst(np.abs(errors), most):
            one = self.intervals[worst]
            low, high, third = one.low, one.high, (one.high - one.low) / 3
            one.low, one.high = low + third, high - third
            bare += [(low, one.low), (one.high, high)]
        return bare


def _worst(errors: npt.NDArray[np.float64], most: int) -> npt.NDArray[np.intp]:
    """Return the fewest that hold `CUT` of the sum, or the `most` largest."""
    order = np.argsort(-errors, kind="stable")
    held = np.cumsum(errors[order])
    return order[: min(most, int(np.searchsorted(held, CUT * held[-1])) + 1)]


def _refine(evaluator: Evaluator, lines: list[_Line], tolerance: float, max_points: int) -> None:
    first = [_spread(i / FIRST_POINTS) for i in range(FIRST_POINTS + 1)]
    _fill(evaluator, [(line, part) for line in lines for part in itertools.pairwise(first)])
    while True:
        lines = [  # what is no number never gets better
            line for line in lines if tolerance < abs(line.error) < np.inf and len(line.intervals) + 2 <= max_points
        ]
        if not lines:
            return
        _know(evaluator, lines)
        bare = [(line, part) for line in lines for part in line.cut((max_points - len(line.intervals)) // 2)]
        _fill(evaluator, bare)


def _fill(evaluator: Evaluator, bare: list[tuple[_Line, tuple[float, float]]]) -> None:
    """Give new intervals their gradients."""
    found = evaluator.gradients_at([(line.frame, (low + high) / 2) for line, (low, high) in bare])
    for (line, (low, high)), (gradient, slope) in zip(bare, found, strict=True):
        line.intervals.append(_Interval(low, high, gradient, slope))


def _know(evaluator: Evaluator, lines: list[_Line]) -> None:
    """Evaluate the score where intervals meet."""
    where = [(line, alpha) for line in lines for alpha in line.nodes()]
    found = evaluator.values_at([(line.frame, alpha) for line, alpha in where])
    for (line, alpha), value in zip(where, found, strict=True):
        line.values[alpha] = value


def _spread(u: float) -> float:
    """Return alpha for u in 0..1: `LOW_SHARE` of u is spent on alpha below `LOW`."""
    if u < LOW_SHARE:
        return LOW * u / LOW_SHARE
    return 1.0 if u == 1 else LOW + (1 - LOW) * (u - LOW_SHARE) / (1 - LOW_SHARE)
