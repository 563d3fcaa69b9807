"""How one episode ended, from the study's node ``/endings``: the last frame, which no agent saw, and what did it."""

import re
from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.widgets.answers.masks import mask_node, object_rows
from rlvision_widgets.widgets.requests import Answer, request
from rlvision_widgets.widgets.source import StudySource, read

__all__ = ["ending"]

CELL = re.compile(r"cell (\d+),(\d+)")


@request()
def ending(source: StudySource, trajectory: int, episode: int) -> Answer:
    """Return how an episode ended.

    The array `frame` (height, width, rgb) uint8 is what the last action led to; it is absent where it is not known.
    ``at_step`` is the step whose action ended the episode, ``cause`` what did it in words, and ``objects`` the things
    among the causes: the key of each and, where the study's masks know it at that step, its class and centre in cells.
    ``sufficient`` and ``necessary`` say what replay has proven. ``found`` is False, and nothing else is said, where
    the study does not know an end of the episode.
    """
    at_step = _last_step(source, trajectory, episode)
    node = source.study.children.get("endings")
    if node is None:
        return {"found": False}, {}
    row = _rows(source, node).get((trajectory, at_step))
    if row is None:
        return {"found": False}, {}
    names = ("cause", "objects", "sufficient", "necessary", "has_frame")
    told = {name: array.values.item() for name, array in read(node, names, {"ending": row}).items()}
    keys = [key for key in str(told["objects"]).split("; ") if key]
    result = {
        "found": True,
        "at_step": at_step,
        "cause": str(told["cause"]),
        "objects": [_object(source, key, trajectory, at_step) for key in keys],
        "sufficient": bool(told["sufficient"]),
        "necessary": bool(told["necessary"]),
    }
    return result, read(node, ("frame",), {"ending": row}) if told["has_frame"] else {}


def _last_step(source: StudySource, trajectory: int, episode: int) -> int:
    episodes = source.episodes(trajectory)
    if not 0 <= episode < len(episodes):
        raise ValueError(
            f"ending: episode {episode} is out of range; trajectory {trajectory} has {len(episodes)}, from 0"
        )
    return episodes[episode]["stop"] - 1


def _rows(source: StudySource, node: xr.DataTree) -> dict[tuple[int, int], int]:
    """Return the rows of endings by trajectory and step."""

    def find() -> tuple[xr.DataTree, dict[tuple[int, int], int]]:
        columns = (node.dataset[name].values.tolist() for name in ("in_trajectory", "at_step"))
        return node, {place: row for row, place in enumerate(zip(*columns, strict=True))}

    # With the node, so that its id stays its own as long as this is kept.
    return source.cached(("endings", id(node)), find)[1]


def _object(source: StudySource, key: str, trajectory: int, step: int) -> dict[str, Any]:
    """Describe a thing as far as the study's masks know it."""
    node = mask_node(source.study)
    instance = None if node is None else _instance(key, int(node.attrs["grid_width"]))
    if node is None or instance is None:
        return {"key": key}
    rows = object_rows(source, node, trajectory, slice(step, step + 1))
    table = read(node, ("instance", "class_code", "centre_x", "centre_y"), {"object": rows})
    found = np.flatnonzero(table["instance"].values == instance)
    if not found.size:
        return {"key": key}
    row = {name: column.values[found[0]] for name, column in table.items()}
    name = str(list(node.attrs["classes"])[int(row["class_code"])])
    return {"key": key, "object_class": name, "x": float(row["centre_x"]), "y": float(row["centre_y"])}


def _instance(key: str, grid_width: int) -> int | None:
    """Return the id that masks have for what "entity 5" or "cell 12,3" names."""
    if key.startswith("entity "):
        return int(key.removeprefix("entity "))
    cell = CELL.fullmatch(key)
    return -1 - (int(cell[2]) * grid_width + int(cell[1])) if cell else None
