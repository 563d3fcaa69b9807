"""What a layer says of a class of objects, as an edit: erased by least squares, or the difference that objects make.

References
----------
Belrose et al., "LEACE: Perfect linear concept erasure in closed form", NeurIPS 2023. The package ``concept-erasure`` is
theirs.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from scipy.ndimage import binary_dilation
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edit_fitting import check_layer
from rlvision_widgets.agents.edits import EraseConcept, Steer
from rlvision_widgets.analysis.cells import ObjectCells
from rlvision_widgets.analysis.edit_internals import evenly
from rlvision_widgets.analysis.pairs import object_pairs
from rlvision_widgets.analysis.progress import track
from rlvision_widgets.analysis.remembering import seen_at
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import strict_keywords

__all__ = ["difference_vector", "erase_concept"]

BATCH = 64
WEAKEST = 1e-3  # multiple correlation of a concept with a cell's channels below which there is nothing to erase

Cells = npt.NDArray[np.bool_]


@strict_keywords
def erase_concept(
    agent: Agent,
    study: xr.DataTree,
    layer: str,
    concept: str,
    *,
    reach: int = 0,
    num_frames: int = 1024,
    strength: float = 1.0,
    progress: bool = True,
) -> EraseConcept:
    """Fit the edit after which no linear predictor can tell a class of objects from a cell's activations.

    Parameters
    ----------
    agent : Agent
        Whose activations; edited ones, where it is edited.
    study : DataTree
        Of the agent, with the node ``/world``, or of a Procgen game with states.
    layer : str
        One of the agent's.
    concept : str
        A class of objects, also ``"enemy moving left"`` (`ObjectCells`).
    reach : int
        Cells around an object that count as showing it, in each direction: layers often know a thing at its edge.
    num_frames : int
        Frames of the rollout that are looked at, evenly spaced; every cell of each is a sample.
    strength : float
        As in `EraseConcept`.
    progress : bool
        Show a progress bar.

    Returns
    -------
    EraseConcept
        P x + (1 - P) μ with P = I - W⁺ u uᵀ W, W whitening the activations and u along W Σ_xz (theorem 4.3). On the
        samples the covariance of what is left with the concept is 0, so that no linear predictor does better than a
        constant. (The rounding of a float32 network leaves a trace, for coefficients in the millions.) The package's
        limit on the trace of the covariance is off, because it gives that up.

    Raises
    ------
    ValueError
        For an unknown layer or class; when the class is at no cell of these frames, or at all; when no linear
        predictor could tell it anyway.
    ImportError
        Without the package ``concept-erasure``; or when the study's world cannot be entered.
    """
    check_count("reach", reach, 0)
    fitter = _fitter(check_layer(agent, layer))
    options: dict[str, Any] = {"reach": reach, "num_frames": num_frames, "progress": progress}
    positive = total = 0
    for activations, shown in _samples(agent, study, layer, concept, **options):
        fitter.update(activations, shown)
        positive, total = positive + int(shown.sum()), total + len(shown)
    if not 0 < positive < total:
        raise ValueError(
            f"{concept!r} is at {positive} of {total} cells of layer {layer!r} in {num_frames} frames: there is "
            "nothing to tell apart. Take more frames, or another class."
        )
    share = positive / total
    fitter.svd_tol = WEAKEST * (share * (1 - share)) ** 0.5  # the package's own cuts off what is rare
    eraser = fitter.eraser
    kept = eraser.P
    if torch.equal(kept, torch.eye(len(kept), dtype=kept.dtype)):
        raise ValueError(f"no linear predictor can tell {concept!r} from layer {layer!r}: there is nothing to erase.")
    bias = eraser.bias - kept @ eraser.bias
    return EraseConcept(layer, kept.numpy(), bias.numpy(), strength, concept, agent.checkpoint)


@strict_keywords
def difference_vector(
    agent: Agent,
    study: xr.DataTree,
    layer: str,
    concept: str,
    *,
    num_pairs: int = 64,
    per_cell: bool = False,
    strength: float = 1.0,
    progress: bool = True,
) -> Steer:
    """Return the mean difference that a class of objects makes in a layer: frames as recorded, and without it.

    Parameters
    ----------
    agent, study, layer, strength, progress
        As in `erase_concept`.
    concept : str
        A class of objects that can be hidden, ``"saw"``; or ``"enemy moving left"``.
    num_pairs : int
        Frames with the class, evenly spaced; each is drawn again without it (`object_pairs`).
    per_cell : bool
        One vector for each cell instead of their mean.

    Returns
    -------
    Steer
        At strength -1, the mean is as if the class were not there.

    Raises
    ------
    ValueError
        For an unknown layer or class; when the class is in no frame, in all, or cannot be hidden.
    ImportError
        When the study's world cannot be entered.
    """
    check_layer(agent, layer)
    pairs = object_pairs(study, concept, check_count("num_pairs", num_pairs, 1), 2, progress=progress)
    return Steer.difference(agent, layer, pairs.shown, pairs.hidden, strength=strength, per_cell=per_cell, name=concept)


def _fitter(channels: int) -> Any:
    try:
        from concept_erasure import LeaceFitter
    except ImportError as error:
        raise ImportError(
            "erasing a concept needs the package concept-erasure: pip install 'rlvision-widgets[edit]'."
        ) from error
    return LeaceFitter(channels, 1, dtype=torch.float64, constrain_cov_trace=False)


def _samples(
    agent: Agent, study: xr.DataTree, layer: str, concept: str, *, reach: int, num_frames: int, progress: bool
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield activations, (cell, channel), and whether each cell shows the concept, (cell, 1), a batch at a time."""
    everything = np.arange(study.sizes["trajectory"] * study.sizes["step"])
    chosen = evenly(everything, check_count("num_frames", num_frames, 2))
    size = agent.layer_shape(layer)[1:]
    shown = _within(ObjectCells(study, size, chosen).of(concept), reach)
    for start in track(range(0, len(chosen), BATCH), f"{concept} in {layer}", "batch", progress):
        frames = seen_at(agent, study, chosen[start : start + BATCH])
        cells = agent.activations(layer, frames).cpu().double().permute(0, 2, 3, 1).flatten(0, 2)
        yield cells, torch.from_numpy(shown[start : start + BATCH].reshape(-1, 1))


def _within(shown: Cells, reach: int) -> Cells:
    if not reach:
        return shown
    around: Cells = binary_dilation(shown, np.ones((1, 2 * reach + 1, 2 * reach + 1), bool))
    return around
