"""What an edit does inside the agent, for its card: to policy and value, and to what still tells where an object is."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import NetworkEdit, network_edits_to_json
from rlvision_widgets.analysis.edit_internals import edit_internals
from rlvision_widgets.analysis.progress import track
from rlvision_widgets.analysis.reprobe import reprobe

__all__ = ["insides"]

STUDY = ("checkpoint", "environment", "environment_options", "environment_seed", "seed")  # what tells studies apart


def insides(
    agent: Agent,
    edits: Mapping[str, Sequence[NetworkEdit]],
    targets: Mapping[str, str],
    study: xr.DataTree,
    seed: int,
    *,
    path: Path,
    progress: bool = True,
) -> tuple[dict[str, xr.Dataset], dict[str, str]]:
    """Measure what edits do to the agent on frames with and without their target.

    Parameters
    ----------
    agent : Agent
        The original.
    edits : mapping
        Lists of edits by name.
    targets : mapping of str
        The cause of failures that an edit is to bring about; edits without one are left out.
    study : DataTree
        Whose frames are shown.
    seed : int
    path : Path
        A text file to which what was found is appended, one JSON object a line; what it knows is not measured again.
    progress : bool
        Show a progress bar.

    Returns
    -------
    nodes : dict of Dataset
        internals and probes, with a leading dimension edit.
    missing : dict of str
        Why one is absent, or lacks an edit. (A frame without the object is no reason to lose hours of evaluation.)
    """
    measures: dict[str, Any] = {"internals": partial(edit_internals, seed=seed), "probes": partial(reprobe, seed=seed)}
    shown = {name: str(study.attrs.get(name)) for name in STUDY} | {"sizes": dict(study.sizes)}
    known, torn = _known(path), path.exists() and not path.read_bytes().endswith(b"\n")
    found: dict[str, dict[str, xr.Dataset]] = {node: {} for node in measures}
    reasons: dict[str, list[str]] = {node: [] for node in measures}
    tasks = [(node, name) for name in targets for node in measures]
    for node, name in track(tasks, "inside the agent", "measure", progress):
        asked = {"measure": node, "edits": json.loads(network_edits_to_json(edits[name])), "target": targets[name]}
        key = json.dumps({**asked, "agent": agent.checkpoint, "study": shown, "seed": seed}, sort_keys=True)
        try:
            if key not in known:
                known[key] = json.loads(json.dumps(measures[node](agent, edits[name], study, targets[name]).to_dict()))
                with path.open("a") as file:  # an empty line ends one that broke off
                    file.write("\n" * torn + json.dumps({"asked": key, "found": known[key]}) + "\n")
                torn = False
            found[node][name] = xr.Dataset.from_dict(known[key])
        except (ImportError, ValueError) as error:
            reasons[node].append(f"{name}: {error}")
    if not targets:
        reasons = {node: ["no target was named, so that there are no frames with it and without."] for node in measures}
    nodes = {node: _joined(by_edit) for node, by_edit in found.items() if by_edit}
    return nodes, {node: " ".join(why) for node, why in reasons.items() if why}


def _known(path: Path) -> dict[str, Any]:
    """Return what was measured before, by what was asked."""
    known = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            entry = json.loads(line)
        except ValueError:  # it broke off here
            continue
        known[entry["asked"]] = entry["found"]
    return known


def _joined(by_edit: Mapping[str, xr.Dataset]) -> xr.Dataset:
    """Put edits beside each other; those of different layers are probed at different ones."""
    edits = np.array(list(by_edit), object)
    options: dict[str, Any] = {"data_vars": "all", "join": "outer", "combine_attrs": "drop_conflicts"}
    return xr.concat(list(by_edit.values()), "edit", **options).assign_coords(edit=edits)
