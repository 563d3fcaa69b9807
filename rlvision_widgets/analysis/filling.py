"""Computes what a study lacks of a layer and an output, and writes it into the study.

Frames pass through a batch at a time: attributed to all channels, reduced to features, rounded, and dropped. What has
been written stays when computing stops, and is not computed again.
"""

import functools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.attribution import attribute, attribute_batches
from rlvision_widgets.analysis.features import fit_nmf, reduce_attribution
from rlvision_widgets.analysis.layer_survey import survey_layer
from rlvision_widgets.analysis.progress import Report
from rlvision_widgets.analysis.tracing import attribute_layer
from rlvision_widgets.names import unknown
from rlvision_widgets.schema import FEATURE_COLOURS, INPUT_LAYER, OUTPUT, Output, Selection

__all__ = ["Cancelled", "Cell", "Filling", "add_survey", "fill", "trace"]

BATCH = 32  # frames that are attributed at a time
FEATURE_POINTS = 16  # of the integrals that features are fitted on; views show refined ones


COLOURS_OF_LIGHT = {"red": "#ff0000", "green": "#00ff00", "blue": "#0000ff"}  # the features of the pixels themselves


class Cancelled(Exception):
    """Computing was cancelled before there was a result."""


@dataclass(frozen=True)
class Filling:
    """Who computes, into which study, and who is told.

    Parameters
    ----------
    agent : Agent
    study : DataTree
    num_features : int
        Of a layer that has none yet.
    has_value : bool
        Whether the agent has a value; features are then fitted on its attribution, whatever output is asked for.
    report : callable
        Takes stage, done, total.
    cancelled : callable
        Asked between batches.
    """

    agent: Agent
    study: xr.DataTree
    num_features: int
    has_value: bool
    report: Report
    cancelled: Callable[[], bool]

    def pass_on(self, stage: str, batches: Iterable[xr.DataArray], total: int) -> Iterator[xr.DataArray]:
        """Pass batches on and report them; raise Cancelled between two of them when that is wanted."""
        done = 0
        self.report(stage, done, total)
        for batch in batches:
            yield batch
            done += len(batch)
            self.report(stage, done, total)
            self.stop_if_cancelled()

    def stop_if_cancelled(self) -> None:
        """Raise Cancelled if that is wanted."""
        if self.cancelled():
            raise Cancelled


class Cell(NamedTuple):
    """What is traced to an earlier layer: a feature at one cell of a layer, in one frame."""

    trajectory: int
    step: int
    layer: str
    feature: int
    row: int
    column: int
    source_layer: str


def fill(filling: Filling, selection: Selection) -> xr.DataTree:
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
    agent = filling.agent
    output = Output.parse(selection.output, agent.action_names).name
    if selection.layer not in (INPUT_LAYER, *agent.layers):
        raise ValueError(unknown("layer", selection.layer, (INPUT_LAYER, *agent.layers)))
    layer = _with_features(filling, selection.layer, output)
    node = _below(layer, "outputs", output)
    if node is None:
        layer[f"outputs/{output}"] = xr.DataTree(
            _empty_output(filling, selection.layer, layer.sizes["feature"], output)
        )
        node = layer.children["outputs"].children[output]
    _attribute_missing(filling, selection, layer.to_dataset().load(), node)
    return node


def trace(filling: Filling, cell: Cell) -> xr.Dataset:
    """Say what a feature sees at one cell in terms of an earlier layer's features, which are fitted if there are none.

    Returns
    -------
    Dataset
        As `reduce_attribution` for one frame: attribution (y, x, feature) of the source layer, residual (y, x), total
        (feature), residual_total, in units of the feature's activation at the cell; coordinates completeness_error and
        num_points; attrs activation, F(a), and baseline, F(0). Totals, residual and error sum to their difference.

    Raises
    ------
    Cancelled
        If cancelled before the source layer had features.
    ValueError
        For a place or layer that is not there; where the layer has no features.
    """
    agent, study = filling.agent, filling.study
    layer = _below(study, "layers", cell.layer)
    if layer is None or cell.layer == INPUT_LAYER:
        known = [name for name in agent.layers if _below(study, "layers", name) is not None]
        hint = "Features can be traced in layers that have some: compute its attribution first."
        raise ValueError(unknown("layer with features", cell.layer, known, hint))
    for name, index, size in (
        ("trajectory", cell.trajectory, study.sizes["trajectory"]),
        ("step", cell.step, study.sizes["step"]),
        ("feature", cell.feature, layer.sizes["feature"]),
    ):
        if not 0 <= index < size:
            raise ValueError(f"{name} {index} is out of range; there are {size}, from 0")
    traced = functools.partial(
        attribute_layer,
        agent,
        study.dataset["observation"][cell.trajectory, cell.step].load(),
        layer=cell.layer,
        direction=layer.dataset["direction"].values[cell.feature],
        row=cell.row,
        column=cell.column,
        source_layer=cell.source_layer,
    )
    traced(num_points=1)  # a wrong place or layer is refused before features are fitted
    if cell.source_layer == INPUT_LAYER:
        source = _colours_of_light(filling)
    else:
        basis = "value" if filling.has_value else f"centred:{agent.action_names[0]}"
        source = _with_features(filling, cell.source_layer, basis).to_dataset().load()
    filling.report("trace", 0, 1)
    found = traced()
    reduced = reduce_attribution(found, source)
    filling.report("trace", 1, 1)
    numbers = {"activation": float(found["activation"]), "baseline": float(found["baseline"])}
    place = {"feature": cell.feature, "row": cell.row, "column": cell.column}
    return reduced.drop_vars(list(numbers)).assign_attrs(place, **numbers)


def add_survey(filling: Filling, layer: str) -> None:
    """Look a layer's features up again, and write what was found into the study: older studies lack some of it.

    Raises
    ------
    Cancelled
        If cancelled; nothing is written then.
    ValueError
        For a layer without features, or the pixels.
    """
    node = _below(filling.study, "layers", layer)
    if node is None or layer == INPUT_LAYER:
        known = [name for name in filling.agent.layers if _below(filling.study, "layers", name) is not None]
        raise ValueError(unknown("layer with features", layer, known, "Compute its attribution first."))
    features = node.to_dataset().load()
    found = survey_layer(
        filling.agent, filling.study, features, layer=layer, report=filling.report, check=filling.stop_if_cancelled
    )
    for path, data in found.items():
        node[path[1:]] = xr.DataTree(data)


def _with_features(filling: Filling, layer: str, output: str) -> xr.DataTree:
    """Return a layer's node, with features and examples; they are computed where there are none."""
    if _below(filling.study, "layers", layer) is None:
        new = xr.DataTree(_colours_of_light(filling)) if layer == INPUT_LAYER else _new_layer(filling, layer, output)
        filling.study[f"layers/{layer}"] = new
    return filling.study.children["layers"].children[layer]


def _colours_of_light(filling: Filling) -> xr.Dataset:
    """Return the features of the pixels: red, green and blue."""
    sizes = filling.study.sizes
    names, colours = (np.array(list(texts), dtype=object) for texts in zip(*COLOURS_OF_LIGHT.items(), strict=True))
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
            "seed": int(filling.study.attrs["seed"]),
        },
    )


def _attribute_missing(filling: Filling, selection: Selection, features: xr.Dataset, node: xr.DataTree) -> None:
    arrays = _writable(node)
    lacking = np.isnan(arrays["completeness_error"])
    wanted = np.zeros_like(lacking)
    wanted[slice(None) if selection.trajectory is None else selection.trajectory, selection.steps] = True
    steps = [np.flatnonzero(row) for row in lacking & wanted]
    done, total = 0, sum(map(len, steps))
    for trajectory, own in enumerate(steps):
        frames = filling.study.dataset["observation"][trajectory]
        batches = [own[start : start + BATCH] for start in range(0, len(own), BATCH)]
        found = filling.agent.over_batches(
            functools.partial(_reduced, filling.agent, features, node), (frames[batch].load() for batch in batches)
        )
        for batch, reduced in zip(batches, found, strict=True):
            _write(node, arrays, (trajectory, batch), reduced)
            done += len(batch)
            filling.report("attribution", done, total)
            if filling.cancelled():
                return


def _reduced(agent: Agent, features: xr.Dataset, node: xr.DataTree, frames: xr.DataArray) -> xr.Dataset:
    """Attribute a batch of frames and say it in features."""
    layer, output = features.attrs["layer"], node.attrs["output"]
    how = _how(layer, float(node.attrs["tolerance"]))
    return reduce_attribution(attribute(agent, frames, layer=layer, output=output, batch_size=BATCH, **how), features)


def _how(layer: str, tolerance: float) -> dict[str, Any]:
    return {"rule": "gradient"} if layer == INPUT_LAYER else {"tolerance": tolerance}


def _write(
    node: xr.DataTree,
    arrays: dict[str, npt.NDArray[Any]],
    where: tuple[int, npt.NDArray[np.intp]],
    batch: xr.Dataset,
) -> None:
    """Write some steps: rounded to int8 for pictures, exact in the totals."""
    attribution, residual = batch["attribution"].values, batch["residual"].values
    largest = np.abs(attribution).max((1, 2, 3))
    scale = np.maximum(largest, np.abs(residual).max((1, 2))) / np.float32(127)
    divisor = np.where(scale > 0, scale, 1)[:, None, None]
    new = {
        "attribution": np.rint(attribution / divisor[..., None]),
        "residual": np.rint(residual / divisor),
        "scale": scale,
        "largest": largest,
        "total": batch["total"].values,
        "residual_total": batch["residual_total"].values,
        "num_points": batch["num_points"].values,
        "completeness_error": batch["completeness_error"].values,  # last: views take a step that has it as ready
    }
    for name, numbers in new.items():
        arrays[name][where] = numbers
    shown = arrays["largest"][np.isfinite(arrays["completeness_error"])]
    node.attrs["display_scale"] = float(np.median(shown))


def _writable(node: xr.DataTree) -> dict[str, npt.NDArray[Any]]:
    """Return a node's arrays, in memory and open to changes."""
    arrays = {}
    for name in OUTPUT.variables:
        variable = node.dataset.variables[name].load()
        if not variable.values.flags.writeable:
            node[name] = xr.DataArray(variable.values.copy(), dims=variable.dims)
        arrays[name] = node.dataset.variables[name].values
    return arrays


def _new_layer(filling: Filling, layer: str, output: str) -> xr.DataTree:
    """Fit a layer's features on the attribution of the observations, and find their examples there."""
    agent, observations = filling.agent, filling.study.children["observations"].dataset["observation"]
    basis = "value" if filling.has_value else output
    explained = attribute_batches(
        agent, observations, layer=layer, output=basis, max_points=FEATURE_POINTS, batch_size=BATCH
    )
    seed = int(filling.study.attrs["seed"])
    features = fit_nmf(filling.pass_on("features", explained, len(observations)), filling.num_features, seed)
    found = survey_layer(
        agent, filling.study, features, layer=layer, report=filling.report, check=filling.stop_if_cancelled
    )
    _, height, width = agent.layer_shape(layer)
    named = {
        "feature_name": ("feature", [f"feature {k}" for k in range(features.sizes["feature"])]),
        "colour": ("feature", [FEATURE_COLOURS[k % len(FEATURE_COLOURS)] for k in range(features.sizes["feature"])]),
    }
    features = features.assign({name: (dim, np.array(texts, dtype=object)) for name, (dim, texts) in named.items()})
    features = features.assign_attrs(
        layer=layer,
        layer_height=height,
        layer_width=width,
        pixels_per_cell=observations.sizes["height"] / height,
        num_points=FEATURE_POINTS,
    )
    return xr.DataTree.from_dict({"/": features, **found, "/outputs": xr.Dataset()})


def _empty_output(filling: Filling, layer: str, num_features: int, output: str) -> xr.Dataset:
    """Make the node of an output of which nothing is computed yet; one frame tells what there is to know about it."""
    observation = filling.study.dataset["observation"]
    one = attribute(filling.agent, observation[0, :1], layer=layer, output=output, **_how(layer, 0.1))
    sizes = {**one.sizes, **filling.study.sizes, "feature": num_features}
    variables = {
        name: (dims, np.zeros([sizes[dim] for dim in dims], variable.dtype))  # takes no memory until it is written
        for name, variable in OUTPUT.variables.items()
        for dims in [variable.dims.split()]
    }
    variables["completeness_error"][1].fill(np.nan)
    known = {name: one.attrs[name] for name in ("output", "rule", "tolerance", "baseline_output")}
    return xr.Dataset(variables, attrs={**known, "display_scale": 0.0})


def _below(tree: xr.DataTree, *names: str) -> xr.DataTree | None:
    for name in names:
        if name not in tree.children:
            return None
        tree = tree.children[name]
    return tree
