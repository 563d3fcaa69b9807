"""Computes what a study lacks of a layer and an output, and writes it into the study.

Frames pass through a batch at a time: attributed to all channels, reduced to features, rounded, and dropped. What has
been written stays when computing stops, and is not computed again.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.attribution import attribute
from rlvision_widgets.analysis.features import reduce_attribution
from rlvision_widgets.analysis.fitting import new_layer, with_features
from rlvision_widgets.analysis.frames import Frames
from rlvision_widgets.analysis.layer_survey import survey_layer
from rlvision_widgets.analysis.remembering import frames_of_trajectory, remember
from rlvision_widgets.analysis.task import BATCH, Task, child, options_of
from rlvision_widgets.names import unknown
from rlvision_widgets.schema import INPUT_LAYER, OUTPUT, Output, Selection

__all__ = ["add_survey", "attributed", "coded", "fill", "refit"]

Mask = npt.NDArray[np.bool_]


def fill(task: Task, selection: Selection) -> xr.DataTree:
    """Compute features and examples if the layer has none, then the attribution of the selected steps that lack it.

    Returns
    -------
    DataTree
        The node of the output, complete for the selection unless cancelled.

    Raises
    ------
    Cancelled
        If cancelled before the layer had features.
    ValueError
        For an unknown layer or output.
    """
    output = Output.parse(selection.output, task.agent.action_names).name
    known = (INPUT_LAYER, *task.agent.layers)
    if selection.layer not in known:
        raise ValueError(unknown("layer", selection.layer, known))
    layer = with_features(task, selection.layer, output)
    node = child(layer, "outputs", output)
    if node is None:
        layer[f"outputs/{output}"] = xr.DataTree(_empty_output(task, layer, output, task.recipe.options))
        node = layer.children["outputs"].children[output]
    wanted = np.zeros([task.study.sizes[dim] for dim in ("trajectory", "step")], bool)
    wanted[slice(None) if selection.trajectory is None else selection.trajectory, selection.steps] = True
    _attribute_missing(task, layer, node, wanted)
    return node


def refit(task: Task, layer: str) -> xr.DataTree:
    """Fit a layer's features anew, and attribute again what was attributed to the old ones.

    Names and colours stay with the directions that they belong to.

    Returns
    -------
    DataTree
        The layer's node.

    Raises
    ------
    Cancelled
        If cancelled before there were new features; the old ones are then left as they were.
    ValueError
        For a layer that has no features yet, or that is the input.
    """
    old = _with_own_features(task, layer)
    outputs = dict(old.children["outputs"].children) if "outputs" in old.children else {}
    basis = next(iter(outputs), task.agent.action_names[0])
    task.study[f"layers/{layer}"] = new_layer(task, layer, basis, old.to_dataset().load())
    new = task.study.children["layers"].children[layer]
    for output, node in outputs.items():
        new[f"outputs/{output}"] = xr.DataTree(_empty_output(task, new, output, options_of(node)))
        _attribute_missing(task, new, new.children["outputs"].children[output], _is_computed(node))
        if task.cancelled():
            break
    return new


def add_survey(task: Task, layer: str) -> None:
    """Look a layer's features up again, and write what was found into the study: older studies lack some of it.

    Raises
    ------
    Cancelled
        If cancelled; nothing is written then.
    ValueError
        For a layer without features, or the pixels.
    """
    node = _with_own_features(task, layer)
    features = node.to_dataset().load()
    found = survey_layer(
        task.agent, task.study, features, layer=layer, report=task.report, check=task.stop_if_cancelled
    )
    for path, data in found.items():
        node[path[1:]] = xr.DataTree(data)


def _with_own_features(task: Task, layer: str) -> xr.DataTree:
    """Return the node of a layer whose features were fitted."""
    node = child(task.study, "layers", layer)
    if node is None or layer == INPUT_LAYER:
        known = [name for name in task.agent.layers if child(task.study, "layers", name) is not None]
        raise ValueError(unknown("layer with features", layer, known, "Compute its attribution first."))
    return node


def _is_computed(node: xr.DataTree) -> Mask:
    """Tell which steps have their attribution, (trajectory, step); some may have turned out to be no numbers."""
    data = node.dataset
    computed: Mask = np.isfinite(data["completeness_error"].values) | (data["num_points"].values > 0)
    return computed


def _attribute_missing(task: Task, layer: xr.DataTree, node: xr.DataTree, wanted: Mask) -> None:
    """Attribute those of the wanted steps that lack it, a batch at a time."""
    features = layer.to_dataset().load()
    steps = [np.flatnonzero(row) for row in wanted & ~_is_computed(node)]
    arrays = _writable(node)
    done, total = 0, sum(map(len, steps))
    for trajectory, own in enumerate(steps):
        if not len(own):
            continue
        frames = frames_of_trajectory(task.agent, task.study, trajectory)
        batches = [own[start : start + BATCH] for start in range(0, len(own), BATCH)]
        found = task.agent.over_batches(
            functools.partial(_reduced, task, features, node), (frames.isel(step=batch).load() for batch in batches)
        )
        for batch, reduced in zip(batches, found, strict=True):
            _write(node, arrays, (trajectory, batch), reduced)
            done += len(batch)
            task.report("attribution", done, total)
            if task.cancelled():
                return


def _reduced(task: Task, features: xr.Dataset, node: xr.DataTree, frames: Frames) -> xr.Dataset:
    """Attribute a batch of frames and say it in features."""
    attribution = attributed(task, features, frames, node.attrs["output"], options_of(node))
    return reduce_attribution(attribution, features)


def attributed(task: Task, features: xr.Dataset, frames: Frames, output: str, options: dict[str, Any]) -> xr.DataArray:
    """Attribute frames as the study does: `options` are those of `attribute`, which the pixels have fewer of."""
    layer = features.attrs["layer"]
    if layer == INPUT_LAYER:
        options = {"rule": "gradient", "smooth_max_pool": options.get("smooth_max_pool", False)}
    elif options.get("paths"):
        options = {**options, "features": features, "seed": task.seed}
    return attribute(task.agent, frames, layer=layer, output=output, batch_size=BATCH, **options)


def _write(
    node: xr.DataTree,
    arrays: dict[str, npt.NDArray[Any]],
    where: tuple[int, npt.NDArray[np.intp]],
    batch: xr.Dataset,
) -> None:
    """Write some steps; the last two arrays last: views take a step that has them as ready."""
    new = {**coded(batch), "completeness_error": batch["completeness_error"].values}
    new["num_points"] = batch["num_points"].values
    for name, numbers in new.items():
        arrays[name][where] = numbers
    strengths = arrays["largest"][(arrays["num_points"] > 0) & np.isfinite(arrays["largest"])]
    node.attrs["display_scale"] = float(np.median(strengths)) if strengths.size else 0.0


def coded(batch: xr.Dataset) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of `schema.OUTPUT` for frames, (step, …): rounded to int8 for pictures, exact in the totals.

    A step with anything that is not finite has codes of 0, and NaN for scale and largest: it says of itself that it
    is no number, and does not touch the scale of others.
    """
    attribution, residual = batch["attribution"].values, batch["residual"].values
    largest = np.abs(attribution).max((1, 2, 3))
    scale = np.maximum(largest, np.abs(residual).max((1, 2))) / np.float32(127)
    finite = np.isfinite(scale)
    divisor = np.where(finite & (scale > 0), scale, 1)[:, None, None]
    shown = finite[:, None, None]
    return {
        "attribution": np.rint(np.where(shown[..., None], attribution, 0) / divisor[..., None]).astype(np.int8),
        "residual": np.rint(np.where(shown, residual, 0) / divisor).astype(np.int8),
        "scale": np.where(finite, scale, np.nan),
        "largest": np.where(finite, largest, np.nan),
        "total": batch["total"].values,
        "residual_total": batch["residual_total"].values,
    }


def _writable(node: xr.DataTree) -> dict[str, npt.NDArray[Any]]:
    """Return a node's arrays, in memory and open to changes."""
    arrays = {}
    for name in OUTPUT.variables:
        variable = node.dataset.variables[name].load()
        if not variable.values.flags.writeable:
            node[name] = xr.DataArray(variable.values.copy(), dims=variable.dims)
        arrays[name] = node.dataset.variables[name].values
    return arrays


def _empty_output(task: Task, layer: xr.DataTree, output: str, options: Mapping[str, Any]) -> xr.Dataset:
    """Make the node of an output of which nothing is computed yet; one frame tells what there is to know about it."""
    observation = task.study.dataset["observation"][0, :1]
    frames = remember(task.agent, observation, alone=True)
    one = attributed(task, layer.to_dataset().load(), frames, output, dict(options))
    sizes = {**one.sizes, **task.study.sizes, "feature": layer.sizes["feature"]}
    variables = {
        name: (dims, np.zeros([sizes[dim] for dim in dims], variable.dtype))  # takes no memory until it is written
        for name, variable in OUTPUT.variables.items()
        for dims in [variable.dims.split()]
    }
    variables["completeness_error"][1].fill(np.nan)
    known = {name: one.attrs[name] for name in ("output", "rule", "tolerance", "baseline_output")}
    return xr.Dataset(variables, attrs={**known, "options": json.dumps(dict(options)), "display_scale": 0.0})
