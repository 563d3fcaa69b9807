"""Edits that a study keeps under names (``/edits``), for views: as entries of a list, to go on from."""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.widgets.edit_list import Entry, completed, effective, kept_names
from rlvision_widgets.widgets.wire import KeptEdits

__all__ = ["keep_entries", "presets"]


def presets(study: xr.DataTree) -> list[KeptEdits]:
    """Return what the study keeps; a node that is no list of edits is left out.

    Edits that are all about the study's features come back as such, with a switch each; others as one entry of the kind
    "stored".
    """
    found: list[KeptEdits] = []
    for name, key in kept_names(study).items():
        attrs = study["edits"].children[key].attrs
        try:
            edits, words = json.loads(attrs["edits"]), json.loads(attrs["described"])
        except (KeyError, TypeError, ValueError):
            continue
        features = [_as_feature(edit, study) for edit in edits]
        entries = [entry for entry in features if entry is not None]
        if len(entries) < len(edits):
            entries = [{"kind": "stored", "name": name, "strength": 1.0, "enabled": True}]
        found.append({"name": name, "note": str(attrs.get("note", "")), "edits": entries, "described": words})
    return found


def keep_entries(study: xr.DataTree, name: str, entries: Any, note: str = "") -> None:
    """Keep a list of entries in the study, under a name; see `analysis.edit_entries.keep`."""
    by_name = import_module("rlvision_widgets.analysis.edit_entries")  # by name: views open where there is no torch
    by_name.keep(study, name, effective(completed(entries, study)), note)


def _as_feature(edit: Mapping[str, Any], study: xr.DataTree) -> Entry | None:
    """Return an ablation as an entry about a feature, if one of the study's has its direction."""
    layers = study.children["layers"].children if "layers" in study.children else {}
    if edit.get("kind") != "ablate" or edit.get("layer") not in layers:
        return None
    directions = layers[edit["layer"]].dataset["direction"].transpose("feature", "channel").values
    if np.shape(edit["direction"]) != directions.shape[1:]:
        return None
    same = np.flatnonzero(np.isclose(directions, edit["direction"], rtol=1e-4, atol=1e-6).all(axis=1))
    if not same.size:
        return None
    own = {"layer": edit["layer"], "feature": int(same[0]), "where": edit.get("where", "next_kernel")}
    return {"kind": "feature", **own, "strength": float(edit.get("strength", 1.0)), "enabled": True}
