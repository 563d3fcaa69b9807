"""Which features of an earlier layer make a feature what it is at one cell."""

import xarray as xr

from rlvision_widgets.widgets.description import finite
from rlvision_widgets.widgets.jobs import Cancelled
from rlvision_widgets.widgets.requests import Answer, Work, request
from rlvision_widgets.widgets.source import StudySource


@request(needs_agent=True)
def trace(
    source: StudySource,
    work: Work,
    *,
    trajectory: int,
    step: int,
    layer: str,
    feature: int,
    row: int,
    column: int,
    source_layer: str,
) -> Answer:
    """Attribute a feature's activation at one cell to the features of an earlier layer, cell by cell.

    The arrays are `traced` (y, x, feature) and `traced_residual` (y, x), in units of the activation; the numbers are
    their sums, the activation, its baseline, and the completeness error that remains; `features` are the names and
    colours of features that the study does not hold, those of the observation.
    """
    if not hasattr(work.connection, "trace"):
        raise ValueError("what this view is connected to cannot trace features: pass agent= to it")
    is_new = source.layer(source_layer) is None
    found: xr.Dataset | None = work.connection.trace(
        trajectory, step, layer, feature, row, column, source_layer, progress=work.progress, cancelled=work.cancelled
    )
    if is_new:  # its features were fitted on the way; views have to know their names before they draw them
        work.refresh()
    if found is None:
        raise Cancelled("cancelled")
    sums = {name: finite(float(found[name])) for name in ("residual_total", "completeness_error")}
    explained = {name: finite(found.attrs[name]) for name in ("activation", "baseline")}
    totals = [finite(float(total)) for total in found["total"].values]
    return {"totals": totals, "features": _named(found), **sums, **explained}, {
        "traced": found.variables["attribution"].transpose("y", "x", "feature").astype("float32"),
        "traced_residual": found.variables["residual"].transpose("y", "x").astype("float32"),
    }


def _named(found: xr.Dataset) -> list[dict[str, str]]:
    if "feature_name" not in found or "colour" not in found:
        return []
    texts = zip(found["feature_name"].values, found["colour"].values, strict=True)
    return [{"name": str(name), "colour": str(colour)} for name, colour in texts]
