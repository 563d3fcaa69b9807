"""What an agent makes of a single frame: its outputs, and their attribution to a layer's features; remembered.

Every frame is looked at alone, so that equal frames give equal numbers, whatever else is looked at.
"""

import hashlib
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.layered import NetworkOutput
from rlvision_widgets.agents.memory import Remembered
from rlvision_widgets.analysis.attribution import output_function
from rlvision_widgets.analysis.features import reduce_attribution
from rlvision_widgets.analysis.filling import attributed, coded
from rlvision_widgets.analysis.fitting import with_features
from rlvision_widgets.analysis.frames import Frames, Seen, as_dataset
from rlvision_widgets.analysis.remembering import memory_before
from rlvision_widgets.analysis.task import Task, child, options_of
from rlvision_widgets.names import unknown
from rlvision_widgets.schema import INPUT_LAYER, Output

__all__ = ["Eye", "Glimpse", "output_of", "outputs_of"]

REMEMBERED = 64  # glimpses, some 150 kB each

Glimpse = dict[str, npt.NDArray[Any]]  # the arrays of one frame; see `Eye.look`


class Eye:
    """Looks at frames, and remembers what it saw of the last ones."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[Any, ...], Glimpse] = OrderedDict()
        self._features: dict[str, tuple[xr.DataTree, xr.Dataset]] = {}

    def look(self, task: Task, frame: Seen, layer: str, output: str) -> Glimpse:
        """Look at a frame, (height, width, rgb), as the study looks at its own.

        A layer without features gets them. A recurrent agent looks at a frame that comes without its memory as at an
        episode's first.

        Returns
        -------
        dict of str to array
            value () (NaN without one), policy_logits (logit), output_value (): the output that is explained;
            attribution (y, x, feature) and residual (y, x), int8, with scale (); largest (), total (feature),
            residual_total (), completeness_error (), num_points (); and cells (y, x): float32, all of a cell's
            attribution, before rounding.

        Raises
        ------
        Cancelled, ValueError
            As `filling.fill`.
        """
        features = self._features_of(task, layer, output)
        mark = _digest(frame), features["direction"].values.tobytes()
        options = _options(task, layer, output)
        key = (*mark, layer, output, str(sorted(options.items())))
        if key not in self._seen:
            self._seen[key] = _look(task, frame, features, output, options)
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        self._seen.move_to_end(key)
        return self._seen[key]

    def _features_of(self, task: Task, layer: str, output: str) -> xr.Dataset:
        """Return a layer's features, which are fitted where there are none; new ones come with a new node."""
        known = (INPUT_LAYER, *task.agent.layers)
        if layer not in known:
            raise ValueError(unknown("layer", layer, known))
        node = with_features(task, layer, output)
        if layer not in self._features or self._features[layer][0] is not node:
            self._features[layer] = node, node.to_dataset()[["direction"]].load().assign_attrs(node.attrs)
        return self._features[layer][1]


def outputs_of(agent: Agent, frames: Seen) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32] | None]:
    """Return policy logits (frame, logit) and value (frame,) or None; without its memory each frame is a first one."""
    logits, value = agent(frames)[:2]
    return logits, value


def output_of(
    agent: Agent, output: str, logits: npt.NDArray[np.float32], value: npt.NDArray[np.float32] | None
) -> npt.NDArray[np.float32]:
    """Return the named output, (frame,), of logits and values."""
    read = output_function(Output.parse(output, agent.action_names))
    said = NetworkOutput(torch.from_numpy(logits), None if value is None else torch.from_numpy(value))
    numbers: npt.NDArray[np.float32] = read(said).numpy()
    return numbers


def _look(task: Task, frame: Seen, features: xr.Dataset, output: str, options: dict[str, Any]) -> Glimpse:
    seen = frame[np.newaxis]
    if not isinstance(seen, Remembered) and task.agent.recurrent:
        seen = memory_before(task.agent, seen)
    logits, value = outputs_of(task.agent, seen)
    if isinstance(seen, Remembered):
        frames: Frames = as_dataset(seen, ("step",))
    else:
        frames = xr.DataArray(seen, dims=("step", "height", "width", "rgb"))
    reduced = reduce_attribution(attributed(task, features, frames, output, options), features)
    cells = reduced["attribution"].sum("feature") + reduced["residual"]
    arrays = {
        **coded(reduced),
        "completeness_error": reduced["completeness_error"].values,
        "num_points": reduced["num_points"].values,
        "policy_logits": logits,
        "value": np.full(1, np.nan, np.float32) if value is None else value,
        "output_value": output_of(task.agent, output, logits, value),
        "cells": cells.values,
    }
    return {name: np.asarray(array)[0] for name, array in arrays.items()}


def _digest(frame: Seen) -> bytes:
    """Return what tells frames apart, and what is remembered at them."""
    parts = (frame.frames, frame.first, *frame.rows) if isinstance(frame, Remembered) else (frame,)
    digest = hashlib.sha256()
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return digest.digest()


def _options(task: Task, layer: str, output: str) -> dict[str, Any]:
    """Return how the study attributes this output, or would."""
    node = child(task.study, "layers", layer, "outputs", output)
    return dict(task.recipe.options) if node is None else options_of(node)
