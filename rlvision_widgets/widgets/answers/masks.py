"""Which class of object each pixel shows, and the objects of each step, from the study's node ``/world``."""

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.widgets.jobs import Cancelled
from rlvision_widgets.widgets.requests import Answer, Work, request
from rlvision_widgets.widgets.source import StudySource, read, steps_of

__all__ = ["mask_node", "object_rows"]

COLUMNS = ("at_step", "instance", "class_code", "centre_x", "centre_y", "vx", "vy", "visible_pixels")
BOX = ("left", "top", "right", "bottom")


@request()
def masks(source: StudySource, trajectory: int, chunk: int) -> Answer:
    """Return a chunk of object classes by pixel, and the objects of its steps in the order of the steps.

    Arrays: `object_class` (step, height, width) uint8, a code into the classes that the study is described with; and
    over the dim `object` what `schema.WORLD` says of each: the step, its id, class, centre, speed, visible pixels, box.
    ``computed`` is False where the study holds no masks.
    """
    node = mask_node(source.study)
    if node is None:
        return {"computed": False}, {}
    codes = read(node, ("object_class",), steps_of(trajectory, chunk))["object_class"]
    rows = object_rows(source, node, trajectory, steps_of(trajectory, chunk)["step"])
    table = read(node, COLUMNS + BOX, {"object": rows})
    # Column by column, as frames are: deflate finds what a scrolling game repeats.
    return {"computed": True}, {"object_class": codes.transpose("step", "width", "height"), **table}


@request(writes=True, needs_agent=True)
def look_at_world(_source: StudySource, work: Work) -> Answer:
    """Compute masks and objects of every step, for a study that was built without."""
    if not hasattr(work.connection, "look_at_world"):
        raise ValueError("what this view is connected to cannot look into the world: pass agent= to it")
    work.connection.look_at_world(progress=work.progress, cancelled=work.cancelled)
    if work.cancelled():
        raise Cancelled("cancelled")
    return {}, {}


def mask_node(study: xr.DataTree) -> xr.DataTree | None:
    """Return the node that holds the masks, or None."""
    node = study.children.get("world")
    return node if node is not None and "object_class" in node.dataset else None


def object_rows(source: StudySource, node: xr.DataTree, trajectory: int, steps: slice) -> slice:
    """Return where the objects of some steps are: the table is sorted by trajectory and step."""

    def places() -> tuple[xr.DataTree, npt.NDArray[np.int64]]:
        columns: dict[str, Any] = {name: node.dataset.variables[name].values for name in ("in_trajectory", "at_step")}
        return node, columns["in_trajectory"].astype(np.int64) * source.num_steps + columns["at_step"]

    # With the node, so that its id stays its own as long as this is kept.
    _, found = source.cached(("objects", id(node)), places)
    bounds = trajectory * source.num_steps + np.array([steps.start, min(steps.stop, source.num_steps)])
    start, stop = np.searchsorted(found, bounds)
    return slice(int(start), int(stop))
