"""Gives a layer of a study its features: fitted on the observations, measured, named, looked up.

Features are fitted on the attribution of the value where the agent has one. Where an attribution is zero everywhere (an
output that does not depend on the layer) the layer's activations serve instead, and its channels where these are zero
too: the node's ``method`` says which, and a warning does.
"""

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.analysis.attribution import attribute_batches
from rlvision_widgets.analysis.features import NothingToFit, fit_nmf, reduce_attribution
from rlvision_widgets.analysis.frames import Frames, leading, numbered
from rlvision_widgets.analysis.layer_survey import survey_layer
from rlvision_widgets.analysis.remembering import sampled_frames
from rlvision_widgets.analysis.task import BATCH, FeatureKind, Task, child
from rlvision_widgets.naming import carry_names
from rlvision_widgets.schema import FEATURE_COLOURS, INPUT_LAYER

__all__ = ["colours_of_light", "new_layer", "with_features"]

FEATURE_POINTS = 16  # of the integrals that features are fitted on; views show refined ones
REFITS = 3  # that tell how stable the features are
MEASURED = 64  # frames whose totals tell how much of them the features leave over
COLOURS_OF_LIGHT = {"red": "#ff0000", "green": "#00ff00", "blue": "#0000ff"}  # the features of the pixels themselves
INSTEAD: dict[FeatureKind, tuple[FeatureKind, ...]] = {  # what is tried, one after the other; channels are always there
    "attribution": ("attribution", "activations"),
    "activations": ("activations",),
    "channels": ("channels",),
}
GREY = {"brightness": "#ffffff"}


def with_features(task: Task, layer: str, output: str) -> xr.DataTree:
    """Return a layer's node, with features and examples; they are computed where there are none."""
    if child(task.study, "layers", layer) is None:
        new = xr.DataTree(colours_of_light(task)) if layer == INPUT_LAYER else new_layer(task, layer, output)
        task.study[f"layers/{layer}"] = new
    return task.study.children["layers"].children[layer]


def new_layer(task: Task, layer: str, output: str, old: xr.Dataset | None = None) -> xr.DataTree:
    """Fit a layer's features, and look them up in the observations; names and colours of `old` ones go on.

    Parameters
    ----------
    task : Task
    layer, output : str
        The output is explained where the agent has no value.
    old : Dataset, optional
        The layer's features before.

    Returns
    -------
    DataTree
        A node as `schema.LAYER`, not yet in the study.

    Raises
    ------
    Cancelled
    """
    observations = task.study.children["observations"].dataset["observation"]
    features = _fitted(task, layer, "value" if task.has_value else output)
    found = survey_layer(
        task.agent, task.study, features, layer=layer, report=task.report, check=task.stop_if_cancelled
    )
    _, height, width = task.agent.layer_shape(layer)
    features = _named(features).assign_attrs(
        layer=layer, layer_height=height, layer_width=width, pixels_per_cell=observations.sizes["height"] / height
    )
    if old is not None:
        features = carry_names(old, features)
    return xr.DataTree.from_dict({"/": features, **found, "/outputs": xr.Dataset()})


def colours_of_light(task: Task) -> xr.Dataset:
    """Return the features of the pixels: red, green and blue, or brightness for an agent that sees grey."""
    sizes, channels = task.study.sizes, task.agent.layer_shape(INPUT_LAYER)[0]
    lights = COLOURS_OF_LIGHT if channels == len(COLOURS_OF_LIGHT) else GREY
    names, colours = (np.array(list(texts), dtype=object) for texts in zip(*lights.items(), strict=True))
    return xr.Dataset(
        {
            "direction": (("feature", "channel"), np.eye(len(names), dtype=np.float32)),
            "feature_name": ("feature", names),
            "colour": ("feature", colours),
        },
        attrs={
            "layer": INPUT_LAYER,
            "layer_height": sizes["height"],
            "layer_width": sizes["width"],
            "pixels_per_cell": 1.0,
            "method": "gradients",
            "seed": task.seed,
        },
    )


def _named(features: xr.Dataset) -> xr.Dataset:
    numbers = range(features.sizes["feature"])
    texts = {
        "feature_name": [f"feature {k}" for k in numbers],
        "colour": [FEATURE_COLOURS[k % len(FEATURE_COLOURS)] for k in numbers],
    }
    return features.assign({name: ("feature", np.array(text, dtype=object)) for name, text in texts.items()})


def _fitted(task: Task, layer: str, output: str) -> xr.Dataset:
    """Fit features as the recipe says, or as well as can be."""
    wanted = task.recipe.features
    for kind in INSTEAD[wanted]:
        try:
            features = _of_kind(task, layer, output, kind)
        except NothingToFit as error:
            warnings.warn(f"layer {layer!r}: {error} Other features are taken instead.", stacklevel=2)
        else:
            return features
    channels = task.agent.layer_shape(layer)[0]
    direction = np.eye(channels, dtype=np.float32)
    return xr.Dataset(
        {"direction": (("feature", "channel"), direction)}, attrs={"method": "identity", "seed": task.seed}
    )


def _of_kind(task: Task, layer: str, output: str, kind: FeatureKind) -> xr.Dataset:
    observations = sampled_frames(task.agent, task.study)
    number = leading(observations)[1][0]
    options = {name: value for name, value in task.recipe.options.items() if name != "paths"}  # they need features
    options = {**options, "max_points": min(FEATURE_POINTS, options.get("max_points", FEATURE_POINTS))}
    if kind == "activations":
        batches: Iterable[xr.DataArray] = _activations(task, layer, observations)
    else:
        batches = attribute_batches(task.agent, observations, layer=layer, output=output, batch_size=BATCH, **options)
    sample = _Sample(max(1, number // MEASURED))
    features = fit_nmf(
        sample.watch(task.pass_on("features", batches, number)),
        None if kind == "channels" else task.recipe.num_features,
        task.seed,
        stability=REFITS,
    )
    points = options.get("num_points") or FEATURE_POINTS
    return features.assign_attrs(
        **sample.numbers(features), **({} if kind == "activations" else {"num_points": points})
    )


def _activations(task: Task, layer: str, observations: Frames) -> Iterator[xr.DataArray]:
    for batch in numbered(observations, BATCH):
        found = task.agent.activations(layer, batch.frames)
        cells = found.permute(0, 2, 3, 1).cpu().numpy()
        yield xr.DataArray(cells, dims=("sample", "y", "x", "channel"), attrs={"layer": layer})


class _Sample:
    """Keeps a few of the frames that features are fitted on, and leaves out those that are not finite."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._seen = self._left_out = 0
        self._kept: list[xr.DataArray] = []

    def watch(self, batches: Iterable[xr.DataArray]) -> Iterator[xr.DataArray]:
        """Pass on what is finite."""
        for batch in batches:
            finite = np.isfinite(batch.values).all((1, 2, 3))
            own = batch if finite.all() else batch[finite]
            self._left_out += len(batch) - len(own)
            first = -self._seen % self._every
            self._seen += len(own)
            if first < len(own):
                self._kept.append(own[first :: self._every])
            yield own

    def numbers(self, features: xr.Dataset) -> dict[str, Any]:
        """Return the residual's part of the frames' absolute totals, and how many frames were left out."""
        sums = np.zeros(2)
        for batch in self._kept:
            reduced = reduce_attribution(batch, features)
            sums += [np.abs(reduced["residual_total"]).sum(), np.abs(reduced["total"]).sum()]
        left_out = {"num_not_finite": self._left_out} if self._left_out else {}
        return {"residual_share_totals": float(sums[0] / sums.sum()) if sums.any() else 0.0, **left_out}
