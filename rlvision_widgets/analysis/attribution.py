"""Attribution of an agent's output to a hidden layer: integrated gradients from zero activations.

1. Take the activations a of the layer, after its ReLU, for one frame.
2. Scale them from 0 to a: the network from the layer on, F, turns each point alpha * a into one number (the value, or
   something about an action).
3. Average the gradient of F over the line and multiply by a. The result says how much each cell and channel
   contributed: it sums to F(a) - F(0), up to the error of the numerical integral (completeness).

The trunk below the layer runs once a frame; points run the head alone. Which points: `integration`.

References
----------
Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", ICML 2017.
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020.
"""

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from jaxtyping import Float
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.layered import NetworkOutput
from rlvision_widgets.analysis.frames import (
    Batch,
    Frames,
    Seen,
    collect,
    coordinates,
    frame_shape,
    leading,
    numbered,
    seen_by,
)
from rlvision_widgets.analysis.integration import (
    FIXED_POINTS,
    Attributed,
    Quadrature,
    Rule,
    Score,
    integrated_gradients,
    path_gradients,
    plain_gradients,
)
from rlvision_widgets.analysis.pooling import smoothed
from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.schema import INPUT_LAYER, Output

__all__ = ["Frames", "attribute", "attribute_batches", "labelled", "output_function", "stands_alone"]


@strict_keywords
def attribute(
    agent: Agent,
    observations: Frames,
    *,
    layer: str,
    output: str = "value",
    rule: Rule = "middle",
    num_points: int | None = None,
    tolerance: float = 0.1,
    max_points: int = 256,
    paths: int | None = None,
    features: xr.Dataset | None = None,
    smooth_max_pool: bool = False,
    seed: int = 0,
    batch_size: int = 32,
) -> xr.DataArray:
    """Attribute an output of the agent to a hidden layer, frame by frame.

    Parameters
    ----------
    agent : Agent
        With float64 weights the result is float64.
    observations : uint8 DataArray or array, (..., height, width, rgb); or Dataset
        Any leading dims, which are kept; those of an array are called (trajectory, step), or step. May be lazy: it is
        read a batch at a time. A recurrent agent needs its memory of each: frames from `remember`. The memory is held
        constant.
    layer : str
        One of ``agent.layers``, or ``"input"``: the pixels, in 0..1, from a black picture.
    output : str
        ``"value"``, an action's name (its logit), or as in `schema.Output.parse`: ``centred:``, ``log_prob:``,
        ``difference:``, ``sum:``. A constant added to all logits changes a plain logit but not what the agent does.
    rule : "middle", "right" or "gradient"
        Where in its interval each of `num_points` equal steps is evaluated. ``rule="right", num_points=10`` is Hilton
        et al. 2020; ``rule="right", num_points=1`` is gradient times activation. ``rule="gradient"`` is the plain
        gradient at the activations themselves, in units of the output per unit of activation.
    num_points : int, optional
        None: 16 points for each frame, 11 of them below alpha = 0.3, and more where its line bends (`refining`), until
        `tolerance` or `max_points`.
    tolerance : float
        Largest completeness error to accept, in units of the output.
    max_points : int
        Most points to spend on a frame that stays above `tolerance`; at least 16.
    paths : int, optional
        Average over this many curved paths (`path_gradients`) instead of the straight line; needs `features`. Always
        right end points; `num_points` is then 10 unless given.
    features : Dataset, optional
        From `fit_nmf`, for `paths`.
    smooth_max_pool : bool
        Let gradients through maximum pooling reach all cells under it (`analysis.pooling`), as an option of Hilton et
        al. 2020 does. The outputs stay, so their sum is missed by what `completeness_error` says, however many points
        there are: `num_points` is then 10 unless given.
    seed : int
        Draws the paths.
    batch_size : int
        Frames that are read at a time; as many batches as torch has threads are worked on side by side.

    Returns
    -------
    DataArray, (..., y, x, channel)
        In units of the output. Sums over y, x, channel to F(a) - F(0) - `completeness_error`, a coordinate over the
        leading dims beside `num_points`. ``attrs["baseline_output"]`` is F(0). A plain gradient has no such sum: there
        the error is that of gradient times activation.

    Raises
    ------
    ValueError
        For an unknown layer, output or rule, with the nearest right one; for shapes that are no frames, and frames
        without memory for a recurrent agent.
    """
    quadrature = Quadrature(rule, num_points, tolerance, max_points, smooth_max_pool)
    explanation = _explanation(agent, observations, layer, output, quadrature)
    if paths is not None:
        explanation = _along_paths(explanation, features, paths, quadrature, seed)
    dims, _ = leading(observations)
    numbers = collect(agent, explanation.explain, observations, batch_size)
    return labelled(numbers, dims, coordinates(observations, dims), explanation.attrs)


@strict_keywords
def attribute_batches(
    agent: Agent,
    observations: Frames,
    *,
    layer: str,
    output: str = "value",
    rule: Rule = "middle",
    num_points: int | None = None,
    tolerance: float = 0.1,
    max_points: int = 256,
    smooth_max_pool: bool = False,
    batch_size: int = 32,
) -> Iterator[xr.DataArray]:
    """Yield what `attribute` returns in batches of frames, so that a long trajectory fits in memory.

    Parameters
    ----------
    agent, layer, output, rule, num_points, tolerance, max_points, smooth_max_pool
        As in `attribute`.
    observations : uint8 DataArray or array, (one leading dim, height, width, rgb); or Dataset
        As in `attribute`. Read a batch at a time.
    batch_size : int
        Frames in one DataArray; the last may be shorter.

    Yields
    ------
    DataArray, (the leading dim, y, x, channel)
        In order; concatenated they are what `attribute` returns.
    """
    dims, shape = leading(observations)
    if len(shape) != 1:
        raise ValueError(f"expected one dim before height, width, rgb; got {dims}. Select a trajectory, or stack dims.")
    quadrature = Quadrature(rule, num_points, tolerance, max_points, smooth_max_pool)
    explanation = _explanation(agent, observations, layer, output, quadrature)

    def batches() -> Iterator[xr.DataArray]:  # so that wrong arguments raise at the call, not at the first batch
        found = agent.over_batches(explanation.explain, numbered(observations, batch_size))
        for start, numbers in zip(range(0, shape[0], batch_size), found, strict=True):
            yield labelled(numbers, dims, _coordinates(observations, dims, start, len(numbers[0])), explanation.attrs)

    return batches()


def output_function(output: Output) -> Callable[[NetworkOutput], Float[Tensor, " batch"]]:
    """Return the function that reads `output`, one number a frame, from what the network says."""
    actions = list(output.actions)

    def value(out: NetworkOutput) -> Tensor:
        if out.value is None:
            raise ValueError("this agent has a policy but no value function; ask for an action, e.g. output='RIGHT'.")
        return out.value

    readers: dict[str, Callable[[NetworkOutput], Tensor]] = {
        "value": value,
        "logit": lambda out: out.logits[:, actions[0]],
        "centred": lambda out: out.logits[:, actions[0]] - out.logits.mean(1),
        "log_prob": lambda out: out.logits.log_softmax(1)[:, actions[0]],
        "difference": lambda out: out.logits[:, actions[0]] - out.logits[:, actions[1]],
        "sum": lambda out: out.logits[:, actions].sum(1),
    }
    return readers[output.kind]


class _Explanation(NamedTuple):
    """How frames are explained, and what the result says about it."""

    activations: Callable[[Seen], Tensor]
    score: Callable[[Seen], Score]
    integrate: Callable[[Score, Tensor], Attributed]
    attrs: dict[str, Any]

    def explain(self, batch: Batch) -> tuple[npt.NDArray[Any], ...]:
        """Return attribution (frame, y, x, channel), completeness_error and num_points."""
        frames = batch.frames
        found = self.integrate(self.score(frames), self.activations(frames))
        attribution, error, points = (part.cpu().numpy() for part in found)
        return attribution.transpose(0, 2, 3, 1), error, points.astype(np.int32)


def _explanation(agent: Agent, observations: Frames, layer: str, output: str, quadrature: Quadrature) -> _Explanation:
    """Check the options and prepare for batches of frames."""
    if layer not in (INPUT_LAYER, *agent.layers):
        raise ValueError(unknown("layer", layer, (INPUT_LAYER, *agent.layers)))
    parsed = Output.parse(output, agent.action_names)
    read = output_function(parsed)
    black = np.zeros((1, *frame_shape(seen_by(agent, observations))), np.uint8)
    zero = torch.zeros_like(agent.activations(layer, black))
    head = agent.head(layer)
    with torch.no_grad():
        # the pixels of a frame are no more than a recurrent agent's state lets them be
        alone = stands_alone(head, zero) and not (layer == INPUT_LAYER and agent.recurrent)
        at_zero = float(read((head if alone else agent.head(layer, black))(zero)))

    def score(frames: Seen) -> Score:
        if alone:
            return lambda points, which: read(head(points))
        return lambda points, which: read(agent.head(layer, frames[which.cpu().numpy()])(points))

    attrs = {
        "layer": layer,
        "output": parsed.name,
        "rule": quadrature.name,
        "tolerance": quadrature.tolerance,
        # where something goes around the layer, F(0) differs from frame to frame
        "baseline_output": at_zero if alone else math.nan,
        **({"smooth_max_pool": True} if quadrature.smooth_max_pool else {}),
    }
    baseline = at_zero if alone else None
    if quadrature.rule == "gradient":
        integrate = functools.partial(plain_gradients, baseline=baseline, smooth=quadrature.smooth_max_pool)
    else:
        integrate = functools.partial(integrated_gradients, quadrature=quadrature, baseline=baseline)
    return _Explanation(functools.partial(agent.activations, layer), score, integrate, attrs)


def _coordinates(observations: Frames, dims: tuple[str, ...], start: int, number: int) -> dict[Any, Any]:
    """Return the coordinates of some of the frames along one dim."""
    if not isinstance(observations, xr.DataArray | xr.Dataset):
        return {}
    return coordinates(observations.isel({dims[0]: slice(start, start + number)}), dims)


def stands_alone(function: Callable[[Tensor], Any], activations: Tensor) -> bool:
    """Whether what follows a layer follows from it alone; where it does not, the agent asks for observations."""
    try:
        function(activations)
    except ValueError:
        return False
    return True


def _along_paths(
    straight: _Explanation, features: xr.Dataset | None, paths: int, quadrature: Quadrature, seed: int
) -> _Explanation:
    if features is None:
        raise ValueError("paths go through features: pass features=fit_nmf(...) of the same layer.")
    direction = torch.tensor(features["direction"].transpose("feature", "channel").values)
    points, smooth = quadrature.num_points or FIXED_POINTS, quadrature.smooth_max_pool

    def integrate(score: Score, activations: Tensor) -> Attributed:
        own = direction.to(activations)
        score = smoothed(score) if smooth else score
        return path_gradients(score, activations, own, paths=paths, num_points=points, seed=seed)

    attrs = {**straight.attrs, "rule": "paths", "paths": paths, "seed": seed}
    return straight._replace(integrate=integrate, attrs=attrs)


def labelled(
    numbers: tuple[npt.NDArray[Any], ...], dims: tuple[str, ...], known: dict[Any, Any], attrs: dict[str, Any]
) -> xr.DataArray:
    """Make a DataArray of attribution, (..., y, x, channel), completeness error and number of points."""
    attribution, error, points = numbers
    own = {"completeness_error": (dims, error), "num_points": (dims, points)}
    return xr.DataArray(attribution, {**known, **own}, (*dims, "y", "x", "channel"), "attribution", dict(attrs))
