"""What made a feature what it is at one cell: the view's question behind `tracing`."""

import functools
from typing import NamedTuple

import xarray as xr

from rlvision_widgets.analysis.features import reduce_attribution
from rlvision_widgets.analysis.fitting import colours_of_light, with_features
from rlvision_widgets.analysis.remembering import frames_of_trajectory
from rlvision_widgets.analysis.task import Task, child
from rlvision_widgets.analysis.tracing import attribute_layer
from rlvision_widgets.names import unknown
from rlvision_widgets.schema import INPUT_LAYER

__all__ = ["Cell", "trace"]


class Cell(NamedTuple):
    """What is traced to an earlier layer: a feature at one cell of a layer, in one frame."""

    trajectory: int
    step: int
    layer: str
    feature: int
    row: int
    column: int
    source_layer: str


def trace(task: Task, cell: Cell) -> xr.Dataset:
    """Say what a feature sees at one cell in terms of an earlier layer's features, which are fitted if there are none.

    Parameters
    ----------
    task : Task
    cell : Cell
        Its source layer may be ``"input"``: red, green and blue of the pixels.

    Returns
    -------
    Dataset
        As `reduce_attribution` for one frame: attribution (y, x, feature) of the source layer, residual (y, x), total
        (feature), residual_total, in units of the feature's activation at the cell; feature_name and colour (feature);
        coordinates completeness_error and num_points; attrs activation, F(a), and baseline, F(0). Totals, residual and
        error sum to their difference.

    Raises
    ------
    Cancelled
        If cancelled before the source layer had features.
    ValueError
        For a place or layer that is not there; where the layer has no features.
    """
    traced = _prepared(task, cell)
    traced(num_points=1)  # a wrong place or layer is refused before features are fitted
    if cell.source_layer == INPUT_LAYER:
        source = colours_of_light(task)
    else:
        basis = "value" if task.has_value else task.agent.action_names[0]
        source = with_features(task, cell.source_layer, basis).to_dataset().load()
    task.report("trace", 0, 1)
    found = traced()
    reduced = reduce_attribution(found, source)
    task.report("trace", 1, 1)
    numbers = {"activation": float(found["activation"]), "baseline": float(found["baseline"])}
    place = {"feature": cell.feature, "row": cell.row, "column": cell.column}
    named = {name: source[name] for name in ("feature_name", "colour")}
    return reduced.drop_vars(list(numbers)).assign(named).assign_attrs(place, **numbers)


def _prepared(task: Task, cell: Cell) -> functools.partial[xr.DataArray]:
    """Return the attribution of the cell, which still takes options of `attribute_layer`."""
    study = task.study
    layer = child(study, "layers", cell.layer)
    if layer is None or cell.layer == INPUT_LAYER:
        known = [name for name in task.agent.layers if child(study, "layers", name) is not None]
        hint = "Features can be traced in layers that have some: compute its attribution first."
        raise ValueError(unknown("layer with features", cell.layer, known, hint))
    for name, index, size in (
        ("trajectory", cell.trajectory, study.sizes["trajectory"]),
        ("step", cell.step, study.sizes["step"]),
        ("feature", cell.feature, layer.sizes["feature"]),
    ):
        if not 0 <= index < size:
            raise ValueError(f"{name} {index} is out of range; there are {size}, from 0")
    return functools.partial(
        attribute_layer,
        task.agent,
        frames_of_trajectory(task.agent, study, cell.trajectory).isel(step=cell.step).load(),
        layer=cell.layer,
        direction=layer.dataset["direction"].values[cell.feature],
        row=cell.row,
        column=cell.column,
        source_layer=cell.source_layer,
    )
