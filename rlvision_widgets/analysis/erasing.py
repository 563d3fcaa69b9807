"""The affine edit of a layer that takes away, as far as a matrix can, what a class of objects adds to its activations.

Erasing what a linear predictor can tell of an object (`concepts`) does not ask what the network makes of it: the
nonlinear layers after it may still tell, and other things may be lost. Here the emulator says what should be there
instead: x are a cell's activations in a frame with the object, y the same cell's in the frame drawn again without it.
The matrix M and bias b minimise

    mean |M x + b - y|² over cells that the object changes  +  keep * mean |M x + b - x|² over frames without it,

which is linear least squares: a regression that natural activations hold near the identity.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.editing import original_checkpoint
from rlvision_widgets.agents.edits import EraseConcept
from rlvision_widgets.analysis.pairs import Pairs, object_pairs
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["erase_object", "fit_erasure"]

BATCH = 64
CHANGED = 1e-4  # of a cell's largest activation: what differs less is rounding
RIDGE = 1e-9  # of the mean diagonal: channels that never fire stay as they are

Floats = npt.NDArray[np.float64]


@strict_keywords
def erase_object(
    agent: Agent,
    study: xr.DataTree,
    layer: str,
    target: str,
    *,
    keep: float = 3.0,
    num_pairs: int = 512,
    strength: float = 1.0,
    progress: bool = True,
) -> EraseConcept:
    """Fit the edit of a layer that makes its activations, with a class of objects in sight, most like those without.

    Parameters
    ----------
    agent : Agent
        Whose activations.
    study : DataTree
        Of the agent, of a Procgen game with states.
    layer : str
        One of the agent's.
    target : str
        A class of objects that can be hidden, ``"saw"``; or ``"enemy moving left"``.
    keep : float
        How much frames without the object weigh, which are to stay as they are: less erases more, and harms more.
    num_pairs : int
        Most frames with the object, and most without.
    strength : float
        Of the edit.
    progress : bool
        Show a progress bar.

    Returns
    -------
    EraseConcept

    Raises
    ------
    ImportError, ValueError
        As `resume`; for an unknown layer or class, a class that is in no frame or changes nothing in the layer, or
        `keep` that is not above 0.
    """
    if layer not in agent.layers:
        raise ValueError(unknown("layer", layer, agent.layers, f"They are those of agent {agent.name!r}."))
    pairs = object_pairs(study, target, num_pairs, num_pairs, progress=progress)
    return fit_erasure(agent, agent, pairs, layer, keep=keep, strength=strength)


def fit_erasure(
    original: Agent, edited: Agent, pairs: Pairs, layer: str, *, keep: float, strength: float = 1.0
) -> EraseConcept:
    """Fit as `erase_object` does, on an agent that is edited before this layer; what should be is the original's."""
    if not keep > 0:
        raise ValueError(f"keep has to be above 0, and {keep!r} came.")
    channels = original.layer_shape(layer)[0]
    erased, kept = _Normal(channels), _Normal(channels)
    for start in range(0, max(len(pairs.shown), len(pairs.others)), BATCH):
        part = slice(start, start + BATCH)
        shown, hidden = (_cells(edited, layer, frames[part]) for frames in (pairs.shown, pairs.hidden))
        wanted = _cells(original, layer, pairs.hidden[part])
        changed = np.abs(shown - hidden).max(1, initial=0) > CHANGED * np.abs(shown).max(initial=1)
        erased.add(shown[changed], wanted[changed])
        for frames in (pairs.hidden[part], pairs.others[part]):
            kept.add(_cells(edited, layer, frames), _cells(original, layer, frames))
    if not erased.count:
        raise ValueError(
            f"{pairs.target!r} changes nothing in layer {layer!r} in {len(pairs.shown)} frames: there is nothing to "
            "erase."
        )
    (gram, against), (own, same) = erased.mean(), kept.mean()
    gram, against = gram + keep * own, against + keep * same
    size = channels + 1
    damping = RIDGE * np.trace(gram) / size * np.eye(size)
    change = np.linalg.solve(gram + damping, against - gram[:, :channels])
    named = f"{pairs.target} (as if it were not there)"
    matrix: Any = np.eye(channels) + change[:-1].T
    bias: Any = change[-1]
    return EraseConcept(layer, matrix, bias, strength, named, original_checkpoint(original.checkpoint))


class _Normal:
    """Sums of the normal equations of y = M x + b."""

    def __init__(self, channels: int) -> None:
        self.count = 0
        self._gram: Floats = np.zeros((channels + 1, channels + 1))
        self._against: Floats = np.zeros((channels + 1, channels))

    def add(self, rows: Floats, wanted: Floats) -> None:
        """Take note of cells: activations, (cell, channel), and what they should be."""
        with_one = np.concatenate([rows, np.ones((len(rows), 1))], 1)
        self._gram += with_one.T @ with_one
        self._against += with_one.T @ wanted
        self.count += len(rows)

    def mean(self) -> tuple[Floats, Floats]:
        """Return means over all cells."""
        return self._gram / max(self.count, 1), self._against / max(self.count, 1)


def _cells(agent: Agent, layer: str, frames: npt.NDArray[np.uint8]) -> Any:
    if not len(frames):
        return np.empty((0, agent.layer_shape(layer)[0]))
    return agent.activations(layer, frames).double().cpu().permute(0, 2, 3, 1).flatten(0, 2).numpy()
