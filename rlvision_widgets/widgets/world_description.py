"""What a view has to know of a study's masks, forks and endings before it asks for arrays."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.names import unknown
from rlvision_widgets.widgets.wire import BranchesDescription, WorldDescription

__all__ = ["branch_names", "describe_branches", "describe_endings", "describe_world", "find_branches", "texts"]


def describe_world(study: xr.DataTree) -> WorldDescription | None:
    """Describe the classes of the study's masks; None where it holds none, and a note where it cannot have them."""
    node = study.children.get("world")
    if node is None or "object_class" not in node.dataset:
        return None if "states" in study.children else {"classes": [], "colours": [], "note": _stateless(study)}
    return {"classes": texts(node.attrs["classes"]), "colours": texts(node.attrs["colours"]), "note": ""}


def describe_endings(study: xr.DataTree) -> str | None:
    """Say why the last frames of episodes cannot be seen, nothing ("") where they can; None where it holds none."""
    return "" if "endings" in study.children else None


def describe_branches(study: xr.DataTree) -> list[BranchesDescription]:
    """Describe the stored forks by trajectory and step; a node that is no fork is left out."""
    described = []
    for name, node in _nodes(study):
        with contextlib.suppress(KeyError, ValueError, TypeError):
            described.append(_branches(name, node))
    return sorted(described, key=lambda one: (one["trajectory"], one["step"], one["name"]))


def branch_names(study: xr.DataTree) -> list[str]:
    """Return the names of the stored forks."""
    return [name for name, _ in _nodes(study)]


def find_branches(study: xr.DataTree, name: str) -> xr.DataTree:
    """Return the node of a fork.

    Raises
    ------
    ValueError
        If there is none of this name; names the nearest.
    """
    nodes = dict(_nodes(study))
    if name not in nodes:
        raise ValueError(unknown("fork", name, nodes, "" if nodes else "The study has no stored forks."))
    return nodes[name]


def _stateless(study: xr.DataTree) -> str:
    return (
        f"Objects are found in the states of the emulator, and this study of {study.attrs['environment']} has none: "
        "its world does not save them."
    )


def texts(stored: Any) -> list[str]:
    """Return an attribute that is a list of texts, or its JSON text."""
    parsed = json.loads(stored) if isinstance(stored, str) else stored
    return [str(text) for text in parsed]


def _nodes(study: xr.DataTree) -> Iterator[tuple[str, xr.DataTree]]:
    found = study["branches"].children if "branches" in study.children else {}
    for key, node in found.items():
        yield str(node.attrs.get("name", key)), node


def _actions(numbers: str, names: list[str]) -> str:
    """Name the actions that a fork begins with; a word, as "recorded", stays."""
    parts = numbers.split()
    known = all(part.isdecimal() and int(part) < len(names) for part in parts)
    return ", ".join(names[int(part)] for part in parts) if known else numbers


def _branches(name: str, node: xr.DataTree) -> BranchesDescription:
    attrs, data = node.attrs, node.dataset
    taken = np.asarray(data["num_taken"].values)
    completed = data["completed"].transpose("branch", "branch_step").values
    within = np.arange(completed.shape[1]) < taken[:, np.newaxis]
    return {
        "name": name,
        "trajectory": int(attrs["trajectory"]),
        "step": int(attrs["step"]),
        "num_steps": int(node.sizes["branch_step"]),
        "seed": int(attrs["seed"]),
        "agent": str(attrs["agent"]),
        "actions": _actions(str(attrs.get("actions", "")), texts(attrs["action_names"])),
        "edits": [line for line in str(attrs.get("described", "")).splitlines() if line],
        "taken": taken.tolist(),
        "causes": [str(cause) for cause in data["cause"].values],
        "completed": [bool(row.any()) for row in completed & within],
        "note": "",
    }
