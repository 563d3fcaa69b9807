"""Network edits that a study keeps under names: nodes ``/edits/<name>`` (`schema.EDITS`), saved and opened with it."""

import json
from collections.abc import Iterable
from typing import Any

import xarray as xr

from rlvision_widgets.agents.editing import original_checkpoint
from rlvision_widgets.agents.edits import (
    NetworkEdit,
    describe_network_edit,
    network_edits_from,
    network_edits_to_json,
)
from rlvision_widgets.changes import announce
from rlvision_widgets.names import node_name, strict_keywords, unknown
from rlvision_widgets.schema import EDITS, check

__all__ = ["keep_edits", "kept_edits", "remove_edits"]

NODE = "edits"


@strict_keywords
def keep_edits(study: xr.DataTree, name: str, edits: str | NetworkEdit | Iterable[Any], note: str = "") -> None:
    """Keep a list of network edits in a study, in memory; `save_study` stores it. One of the same name is replaced.

    Parameters
    ----------
    study : DataTree
        Gets the node ``/edits/<name>``.
    name : str
        Any text of one line.
    edits : network edit, or a list of them, or their JSON
        In their order.
    note : str
        Whatever is to be remembered about them.

    Raises
    ------
    ValueError
        When there is no edit, one is of another agent than the study's, or the name is no line of text.
    """
    key = node_name(name, "an edit")
    listed = network_edits_from(edits)
    if not listed:
        raise ValueError(f"there is nothing to keep under {name!r}: the list of edits is empty.")
    own = original_checkpoint(str(study.attrs["checkpoint"]))
    strange = next((edit for edit in listed if edit.checkpoint and original_checkpoint(edit.checkpoint) != own), None)
    if strange is not None:
        raise ValueError(
            f"the edit of layer {strange.layer!r} was made for an agent with the weights {strange.checkpoint[:12]}…, "
            f"and this is a study of {study.attrs['agent']!r} with {own[:12]}…."
        )
    attrs = {
        "name": name,
        "edits": network_edits_to_json(listed),
        "described": json.dumps([describe_network_edit(edit) for edit in listed], ensure_ascii=False),
        "note": str(note),
    }
    if NODE not in study.children:
        study[NODE] = xr.DataTree()
    study[NODE][key] = xr.DataTree(xr.Dataset(attrs=attrs))
    announce(study)


def kept_edits(study: xr.DataTree) -> dict[str, tuple[NetworkEdit, ...]]:
    """Return the lists of network edits that a study keeps: name → edits, sorted by name.

    Raises
    ------
    SchemaError, ValueError
        If a node is damaged.
    """
    found = {}
    for node in _nodes(study).values():
        data = node.to_dataset(inherit=False)
        check(data, EDITS)
        found[str(data.attrs["name"])] = network_edits_from(str(data.attrs["edits"]))
    return dict(sorted(found.items()))


def remove_edits(study: xr.DataTree, name: str) -> None:
    """Remove a list of network edits from a study, in memory.

    Raises
    ------
    ValueError
        If there is none of this name; names the nearest.
    """
    named = {str(node.attrs.get("name")): key for key, node in _nodes(study).items()}
    if name not in named:
        raise ValueError(unknown("name of kept edits", name, sorted(named)))
    del study[NODE][named[name]]
    announce(study)


def _nodes(study: xr.DataTree) -> dict[str, xr.DataTree]:
    return {str(key): node for key, node in study.children[NODE].children.items()} if NODE in study.children else {}
