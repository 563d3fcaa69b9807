"""A chart of an edit card in bqplot, for notebooks: the same numbers as in `card_svg.py`, which draws it for pages."""

import math
from typing import Any

import bqplot as bq
import numpy as np

from rlvision_widgets.widgets import time_chart
from rlvision_widgets.widgets.card_parts import LOOKS, Chart, Series
from rlvision_widgets.widgets.time_chart import MUTED, Legend, axis, figure, ticks

__all__ = ["plot_chart"]

LINE = 18  # pixels
CURVES = 220
AROUND = 94  # pixels above and below the plot
LETTER = 6.6  # width of a letter of a row's name, about
SIZES = {"control": 24, "else": 72}  # square pixels


def plot_chart(chart: Chart) -> bq.Figure:
    """Draw a chart of an edit card.

    Parameters
    ----------
    chart : Chart

    Returns
    -------
    bqplot.Figure
        Its marks are, for each series, a ``Scatter`` of the values, whose tooltip names each, after ``Lines`` of the
        intervals and, where points are joined, of these.
    """
    scales = _scales(chart)
    marks = [mark for series in chart.series for mark in _marks(series, chart, scales)]
    height = chart.row_height * len(chart.rows) if chart.rows else CURVES
    legend = Legend(apart=LINE / height)
    drawn = figure([*_dotted(chart, scales), *marks, *legend.marks], _axes(chart, scales), chart.title)
    drawn.layout.height = f"{AROUND + height}px"
    if chart.rows:
        drawn.fig_margin = {**drawn.fig_margin, "left": round(24 + LETTER * max(map(len, chart.rows)))}
    names, colours = [one.name for one in chart.series], [LOOKS[one.look].colour for one in chart.series]
    legend.draw(drawn, time_chart.Series(names, colours, np.empty((len(names), 0)), chart.ends, "", ""))
    return drawn


def _scales(chart: Chart) -> dict[str, Any]:
    values = bq.LinearScale(min=float(chart.ends[0]), max=float(chart.ends[1]))
    if chart.rows:
        return {"x": values, "y": bq.LinearScale(min=-0.5, max=len(chart.rows) - 0.5, reverse=True)}
    at = [point.at for series in chart.series for point in series.points]
    spare = (max(at) - min(at)) / 24 or 0.5
    return {"x": bq.LinearScale(min=min(at) - spare, max=max(at) + spare), "y": values}


def _axes(chart: Chart, scales: dict[str, Any]) -> list[bq.Axis]:
    across, up = axis(scales["x"], chart.along), axis(scales["y"], vertical=True)
    values = across if chart.rows else up
    values.label, values.tick_values = chart.unit, ticks(*chart.ends)
    if chart.rows:
        up.tick_values = np.arange(len(chart.rows))
        up.tick_labels = {str(row): name for row, name in enumerate(chart.rows)}
        up.grid_lines = "none"
    else:
        across.tick_values = np.unique([point.at for series in chart.series for point in series.points])
    return [across, up]


def _marks(series: Series, chart: Chart, scales: dict[str, Any]) -> list[Any]:
    points = [point for point in series.points if math.isfinite(point.value)]
    if not points:
        return []
    look, at = LOOKS[series.look], np.array([point.at for point in points])
    value = np.array([point.value for point in points])
    ends = np.array([[point.low, point.high] for point in points if math.isfinite(point.low + point.high)])
    beside = np.array([[point.at] * 2 for point in points if math.isfinite(point.low + point.high)])
    drawn = []
    if len(ends):
        drawn.append(bq.Lines(**_across(chart, beside, ends), scales=scales, colors=[look.colour], stroke_width=2))
    if series.joined and len(points) > 1:
        drawn.append(bq.Lines(**_across(chart, at, value), scales=scales, colors=[look.colour], stroke_width=1.5))
    drawn.append(
        bq.Scatter(
            **_across(chart, at, value),
            scales=scales,
            marker=look.marker,
            default_size=SIZES.get(series.look, SIZES["else"]),
            colors=[look.colour],
            opacities=[0.55 if series.look == "control" else 1.0],
            names=np.array([point.words for point in points]),
            display_names=False,
            tooltip=bq.Tooltip(fields=["name"], show_labels=False),
        )
    )
    return drawn


def _across(chart: Chart, at: Any, value: Any) -> dict[str, Any]:
    return {"x": value, "y": at} if chart.rows else {"x": at, "y": value}


def _dotted(chart: Chart, scales: dict[str, Any]) -> list[Any]:
    if not chart.marks:
        return []
    values = np.array([[value, value] for value, _ in chart.marks], float)
    low, high = (scales["y"] if chart.rows else scales["x"]).min, (scales["y"] if chart.rows else scales["x"]).max
    whole = np.array([[low, high]] * len(values))
    return [bq.Lines(**_across(chart, whole, values), scales=scales, colors=[MUTED], line_style="dotted")]
