"""Edits of an agent as views list them, made into network edits; see `widgets.edit_list` for what a list is."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import xarray as xr

from rlvision_widgets.agents.edits import Ablate, NetworkEdit, describe_network_edit, network_edits_from
from rlvision_widgets.analysis.kept_edits import keep_edits, kept_edits
from rlvision_widgets.names import unknown

__all__ = ["Entry", "keep", "read"]


class Entry(NamedTuple):
    """An entry of a list: what it does in words, and the network edits that do it."""

    text: str
    edits: tuple[NetworkEdit, ...]


def read(study: xr.DataTree, entries: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """Return what entries do, in their order.

    Parameters
    ----------
    study : DataTree
        Has the features and the kept edits that entries name.
    entries : iterable of dict
        Complete ones, as `widgets.edit_list.effective` returns them.

    Raises
    ------
    ValueError
        For an unknown layer, feature, kind or name of kept edits.
    """
    return [_read(study, entry) for entry in entries]


def keep(study: xr.DataTree, name: str, entries: Iterable[Mapping[str, Any]], note: str = "") -> None:
    """Keep the network edits that entries stand for in the study, under a name.

    Raises
    ------
    ValueError
        Without any entry; as `read`; for what is no name.
    """
    found = read(study, entries)
    if not found:
        raise ValueError("there is nothing to keep: no edit of the list is switched on with a strength other than 0.")
    keep_edits(study, name, [edit for entry in found for edit in entry.edits], note=note)


def _read(study: xr.DataTree, entry: Mapping[str, Any]) -> Entry:
    if entry["kind"] == "feature":
        layer, feature, where = entry["layer"], entry["feature"], entry["where"]
        edit = Ablate.feature(study, layer, feature, strength=entry["strength"], where=where)
        return Entry(describe_network_edit(edit), (edit,))
    if entry["kind"] == "stored":
        return _stored(study, str(entry["name"]), float(entry["strength"]))
    edits = network_edits_from([entry])
    return Entry(describe_network_edit(edits[0]), edits)


def _stored(study: xr.DataTree, name: str, strength: float) -> Entry:
    known = kept_edits(study)
    if name not in known:
        raise ValueError(unknown("name of kept edits", name, known))
    scaled = tuple(dataclasses.replace(edit, strength=edit.strength * strength) for edit in known[name])
    return Entry(name if strength == 1 else f"{name}, strength × {strength:g}", scaled)
