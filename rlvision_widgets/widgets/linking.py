"""Cursors of charts that follow an explorer in the browser, without the kernel."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import ipywidgets

from rlvision_widgets.names import unknown

if TYPE_CHECKING:
    from rlvision_widgets.widgets.explorer import Explorer

__all__ = ["CURSOR_COLOUR", "cursor", "link"]

CURSOR_COLOUR = "var(--jp-ui-font-color1, #808080)"


def link(explorer: "Explorer", mark: Any, attribute: str = "x") -> Any:
    """Make an attribute of a widget follow the explorer's step; see `Explorer.link`."""
    if not isinstance(mark, ipywidgets.Widget):
        raise TypeError(f"expected a widget, for instance a bqplot mark, got {type(mark).__name__}")
    synced = [name for name in mark.class_traits(sync=True) if not name.startswith("_")]
    if attribute not in synced:
        raise ValueError(unknown(f"trait of {type(mark).__name__}", attribute, synced))
    # One way: bqplot sends arrays back as bytes, and a two-way link would hand those to the explorer.
    return ipywidgets.jsdlink((explorer, "cursor_x"), (mark, attribute))


def cursor(explorer: "Explorer", scales: Mapping[str, Any], low: float | None, high: float | None) -> Any:
    """Return a vertical line at the explorer's step; see `Explorer.cursor`."""
    import bqplot as bq

    if not isinstance(scales, Mapping) or not {"x", "y"} <= set(scales):
        raise ValueError(f"expected the chart's scales as {{'x': …, 'y': …}}, got {scales!r}")
    low = getattr(scales["y"], "min", None) if low is None else low
    high = getattr(scales["y"], "max", None) if high is None else high
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(
            f"the cursor goes from low to high, got {low} and {high}: pass both, with low < high, or give the y scale "
            "a min and a max"
        )
    line = bq.Lines(
        x=[explorer.step, explorer.step],
        y=[float(low), float(high)],
        scales=dict(scales),
        colors=[CURSOR_COLOUR],
        stroke_width=1,
        preserve_domain={"x": True, "y": True},  # a chart does not rescale as its cursor moves
    )
    link(explorer, line)
    return line
