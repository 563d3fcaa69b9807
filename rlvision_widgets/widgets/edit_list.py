"""Edits of an agent as views list them: dicts in order, each with a strength and a switch.

``{"kind": "feature", "layer": "2b", "feature": 3, "strength": 1.0, "where": "next_kernel", "enabled": True}`` is about
a feature of the study, ``{"kind": "stored", "name": "saw", ...}`` about edits that the study keeps; any other is a
network edit as its own `to_dict` has it. Only what is enabled and has a strength other than 0 changes the agent.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import xarray as xr

from rlvision_widgets.names import unknown
from rlvision_widgets.widgets.kept import plain

__all__ = ["Entry", "completed", "effective", "kept_names", "known", "text_of"]

Entry = dict[str, Any]

MOST = 64
STRONGEST = 2.0
WHERE = ("next_kernel", "layer")
OWN = {"feature": ("layer", "feature", "where"), "stored": ("name",)}  # kind → its fields besides those of every entry
COMMON = ("kind", "strength", "enabled")


def completed(edits: Any, study: xr.DataTree) -> list[Entry]:
    """Return edits as entries in which nothing is left out.

    Parameters
    ----------
    edits : str, or iterable of dicts and network edits
        Text is JSON. A feature may be given by its name.
    study : DataTree
        Has the features and the kept edits.

    Raises
    ------
    ValueError
        For what is no edit: an unknown kind, layer, feature, name or field, with the nearest right one; a strength
        that is out of range.
    """
    listed = _listed(edits)
    if len(listed) > MOST:
        raise ValueError(f"at most {MOST} edits can follow one another, and {len(listed)} came.")
    found = []
    for number, edit in enumerate(listed, start=1):
        try:
            found.append(_completed(edit, study))
        except (TypeError, ValueError) as error:
            raise ValueError(f"edit {number}: {error}" if len(listed) > 1 else str(error)) from None
    return found


def known(entries: Iterable[Entry], study: xr.DataTree) -> list[Entry]:
    """Return the entries that the study still knows what they are about: features can be fitted anew, edits removed."""

    def is_known(entry: Entry) -> bool:
        try:
            return bool(completed([entry], study))
        except ValueError:
            return False

    return [entry for entry in entries if entry["kind"] not in OWN or is_known(entry)]


def effective(entries: Iterable[Mapping[str, Any]]) -> list[Entry]:
    """Return the entries that change the agent, without their switch."""
    return [
        {name: value for name, value in entry.items() if name != "enabled"}
        for entry in entries
        if entry.get("enabled", True) and entry.get("strength", 1.0) != 0
    ]


def text_of(entries: Iterable[Mapping[str, Any]]) -> str:
    """Return the one text of all equal lists: what has an effect, as JSON with sorted keys and no blanks."""
    return plain(effective(entries))


def kept_names(study: xr.DataTree) -> dict[str, str]:
    """Return the name of each list of edits that the study keeps, and its node."""
    nodes = study.children["edits"].children if "edits" in study.children else {}
    return {str(node.attrs.get("name", key)): key for key, node in nodes.items()}


def _listed(edits: Any) -> Sequence[Any]:
    if isinstance(edits, str):
        try:
            edits = json.loads(edits)
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"edits must be JSON: {error}.") from None
    if isinstance(edits, Mapping) or hasattr(edits, "to_dict"):
        return [edits]
    if not isinstance(edits, Iterable) or isinstance(edits, str | bytes):
        raise ValueError(f"edits must be a list of edits, and {edits!r} came.")
    return list(edits)


def _completed(edit: Any, study: xr.DataTree) -> Entry:
    entry = dict(edit) if isinstance(edit, Mapping) else edit.to_dict() if hasattr(edit, "to_dict") else None
    if entry is None:
        raise ValueError(f"an edit is a dict with a kind, or an object such as rlv.Ablate, and {edit!r} came.")
    kind, enabled = entry.get("kind"), entry.get("enabled", True)
    if not isinstance(enabled, bool):
        raise ValueError(f"enabled must be true or false, got {enabled!r}")
    if not isinstance(kind, str) or kind not in OWN:
        return {**_network_edit(entry), "enabled": enabled}
    fields = (*COMMON, *OWN[kind])
    for name in entry:
        if name not in fields:
            raise ValueError(unknown(f"field of the kind {kind!r}", name, fields))
    own = _feature(entry, study) if kind == "feature" else _stored(entry, study)
    return {"kind": kind, **own, "strength": _strength(entry.get("strength", 1.0)), "enabled": enabled}


def _feature(entry: Mapping[str, Any], study: xr.DataTree) -> Entry:
    layers = study.children["layers"].children if "layers" in study.children else {}
    layer, where = str(entry.get("layer")), entry.get("where", WHERE[0])
    if layer not in layers:
        hint = "Features of others are found when their attribution is computed."
        raise ValueError(unknown("layer", layer, layers, hint))
    if where not in WHERE:
        raise ValueError(unknown("where", where, WHERE))
    return {"layer": layer, "feature": _number(entry.get("feature"), layer, layers[layer]), "where": where}


def _number(feature: Any, layer: str, node: xr.DataTree) -> int:
    """Return the number of a feature, given by number or name."""
    if isinstance(feature, str):
        names = [str(name) for name in node.dataset["feature_name"].values]
        if feature not in names:
            raise ValueError(unknown("feature", feature, [name for name in names if name], f"They are of {layer!r}."))
        return names.index(feature)
    whole = not isinstance(feature, bool) and (isinstance(feature, int) or _is_whole(feature))
    last = int(node.sizes["feature"]) - 1
    if not whole or not 0 <= int(feature) <= last:
        raise ValueError(f"a feature of layer {layer!r} is a name, or a number from 0 to {last}, got {feature!r}")
    return int(feature)


def _is_whole(value: Any) -> bool:
    """Tell whether something is a whole number without being an int: of numpy, or a float from JSON."""
    return hasattr(value, "is_integer") and bool(value.is_integer())


def _stored(entry: Mapping[str, Any], study: xr.DataTree) -> Entry:
    names, name = kept_names(study), entry.get("name")
    if not isinstance(name, str) or name not in names:
        raise ValueError(unknown("name of kept edits", name, names, "Keep some with keep_edits."))
    return {"name": name}


def _strength(value: Any) -> float:
    if isinstance(value, bool) or not hasattr(value, "__float__") or not math.isfinite(value):
        raise ValueError(f"strength must be a number, got {value!r}")
    if not -STRONGEST <= value <= STRONGEST:
        raise ValueError(
            f"strength must be from {-STRONGEST:g} to {STRONGEST:g} (1 removes, 0 changes nothing): {value}"
        )
    return float(value)


def _network_edit(entry: Mapping[str, Any]) -> Entry:
    """Return any other edit as it describes itself."""
    network = _network()
    kinds = [*OWN, *network.KINDS]
    if not isinstance(entry.get("kind"), str) or entry["kind"] not in kinds:
        raise ValueError(unknown("kind of edit", entry.get("kind"), kinds))
    (edit,) = network.network_edits_from([{name: value for name, value in entry.items() if name != "enabled"}])
    shown = {name: getattr(edit, name) for name in ("strength", "where") if hasattr(edit, name)}
    return {**edit.to_dict(), **shown}


def _network() -> Any:
    """Return the module of network edits; by name, when first needed: views open where there is no torch."""
    return import_module("rlvision_widgets.agents.edits")
