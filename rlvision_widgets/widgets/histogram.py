"""How often: a bqplot chart of a study's numbers over all its steps."""

import dataclasses

import bqplot as bq
import numpy as np
import numpy.typing as npt

from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.widgets.answers.attribution import UNUSUAL, residual_share
from rlvision_widgets.widgets.charts import COLOURS, CURVES, features_of, unit_of
from rlvision_widgets.widgets.description import are_computed
from rlvision_widgets.widgets.time_chart import (
    MUTED,
    ExplorerOrStudy,
    Legend,
    Series,
    Shown,
    axis,
    figure,
    ticks,
)

__all__ = ["plot_histogram"]

Floats = npt.NDArray[np.floating]
Read = tuple[list[str], list[str], Floats, str]  # names, colours, values (line, step), unit

LIMITED = ("residual_share", "completeness_error")  # of which the explorer points out the largest
WHATS = (*CURVES, "totals", *LIMITED)


@strict_keywords
def plot_histogram(
    shown: ExplorerOrStudy,
    what: str = "value",
    *,
    trajectory: int | None = None,
    layer: str | None = None,
    output: str | None = None,
    bins: int = 50,
) -> bq.Figure:
    """Plot how many steps of a study have which value, total or error.

    Parameters
    ----------
    shown : Explorer, DataTree, str or Path
        A study, or where one is saved; or an explorer, whose study, layer and output are taken as they are now.
    what : str
        ``"value"``, ``"advantage"`` or ``"reward"``, in raw reward; ``"totals"``, each feature's summed attribution;
        ``"residual_share"``, the part of a step's totals that no feature explains; or ``"completeness_error"``, what
        the attribution and its residual miss of the output.
    trajectory : int, optional
        By default all of them.
    layer, output : str, optional
        For the last three: by default the explorer's, or what one would show first.
    bins : int
        From 1 to 1,000, of equal width.

    Returns
    -------
    bqplot.Figure
        Its title says how many steps it counts; those without a number are left out, and named. A dotted line marks
        the 99th percentile of shares and of errors by size, beyond which the explorer points a step out.

    Raises
    ------
    ValueError
        For an unknown name, a number of bins or a trajectory out of range, or what the study lacks.
    """
    if what not in WHATS:
        raise ValueError(unknown("quantity", what, WHATS))
    if not isinstance(bins, int | np.integer) or not 1 <= bins <= 1000:
        raise ValueError(f"bins must be from 1 to 1000, got {bins!r}")
    view = Shown.of(shown, trajectory=trajectory, layer=layer, output=output)
    read = _curve if what in CURVES else _attribution
    names, colours, values, unit = read(
        view, what, slice(None) if trajectory is None else slice(trajectory, trajectory + 1)
    )
    finite = np.isfinite(values).all(axis=0)
    if not finite.any():
        raise ValueError(f"no step has a finite {_said(what)}: there is nothing to count")
    kept, missing = values[:, finite], int((~finite).sum())
    edges = np.histogram_bin_edges(kept, bins)
    counts = np.stack([np.histogram(row, edges)[0] for row in kept]).astype(float)
    title = f"{_said(what)} of {kept.shape[1]:,} steps" + (f", {missing:,} more have none" if missing else "")
    limit = float(np.quantile(np.abs(kept[0]), UNUSUAL)) if what in LIMITED else None
    return _drawn(Series(names, colours, counts, (0.0, 1.05 * counts.max()), title, unit), edges, limit)


def _curve(view: Shown, what: str, where: slice) -> Read:
    if what not in view.study:
        raise ValueError(f"this study has no {what}: its agent has no value function")
    values = view.study[what].variable.isel(trajectory=where).values
    return [what], [CURVES[what]], values.reshape(1, -1), "raw reward"


def _attribution(view: Shown, what: str, where: slice) -> Read:
    node, unit = view.attribution(), unit_of(view)
    data = node.dataset.isel(trajectory=where)
    computed = are_computed(node, {"trajectory": where})
    total, residual = data["total"].transpose(..., "feature").values, data["residual_total"].values
    if what == "totals":
        names, colours = features_of(view)
        return (
            names,
            colours,
            np.moveaxis(np.where(computed[..., np.newaxis], total, np.nan), -1, 0).reshape(len(names), -1),
            unit,
        )
    values = residual_share(total, residual) if what == "residual_share" else data["completeness_error"].values
    values = np.where(computed, values, np.nan).reshape(1, -1)
    return [_said(what)], [COLOURS[0]], values, "share" if what == "residual_share" else unit


def _drawn(series: Series, edges: Floats, limit: float | None) -> bq.Figure:
    low, high = float(edges[0]), float(edges[-1])
    scales = {"x": bq.LinearScale(min=low, max=high), "y": bq.LinearScale(min=0, max=series.extent[1])}
    # Each bin from its left edge to its right one, and the last down to the axis.
    outline = np.concatenate([series.values, series.values[:, -1:]], axis=1)
    steps = bq.Lines(
        x=edges,
        y=outline,
        scales=scales,
        colors=series.colours,
        interpolation="step-after",
        stroke_width=1.5,
        fill="bottom" if len(series.names) == 1 else "none",
        fill_opacities=[0.25],
    )
    ends = [sign * limit for sign in (-1, 1) if limit is not None and low <= sign * limit <= high]
    lines = [
        bq.Lines(x=[end, end], y=[0, series.extent[1]], scales=scales, colors=[MUTED], line_style="dotted")
        for end in ends
    ]
    legend = Legend()
    across, up = axis(scales["x"], series.unit), axis(scales["y"], "steps", vertical=True)
    across.tick_values, up.tick_values = ticks(low, high, 12), ticks(*series.extent)
    chart = figure([steps, *lines, *legend.marks], [across, up], series.title)
    names = [*series.names, *(["99th percentile"] if ends else [])]
    colours = [*series.colours, *([MUTED] if ends else [])]
    legend.draw(chart, dataclasses.replace(series, names=names, colours=colours, dotted=bool(ends)))
    return chart


def _said(what: str) -> str:
    return what.replace("_", " ")
