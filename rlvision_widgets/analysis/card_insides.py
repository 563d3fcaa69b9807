"""What an edit does inside the agent, for its card: to policy and value, and to what still tells where an object is."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import NetworkEdit
from rlvision_widgets.analysis.edit_internals import edit_internals

__all__ = ["insides"]


def insides(
    agent: Agent,
    edits: Mapping[str, Sequence[NetworkEdit]],
    targets: Mapping[str, str],
    study: xr.DataTree,
    seed: int,
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

    Returns
    -------
    nodes : dict of Dataset
        internals and probes, with a leading dimension edit.
    missing : dict of str
        Why one is absent, or lacks an edit. (A frame without the object is no reason to lose hours of evaluation.)
    """
    measures = {"internals": partial(edit_internals, seed=seed)}
    nodes, missing = {}, {}
    for node, measure in measures.items():
        found, why = _of_each(measure, agent, edits, targets, study)
        if found:
            names = np.array(list(found), object)
            nodes[node] = xr.concat(list(found.values()), "edit", combine_attrs="drop_conflicts").assign_coords(
                edit=names
            )
        if why:
            missing[node] = why
    return nodes, missing


def _of_each(
    measure: Callable[..., xr.Dataset],
    agent: Agent,
    edits: Mapping[str, Sequence[NetworkEdit]],
    targets: Mapping[str, str],
    study: xr.DataTree,
) -> tuple[dict[str, xr.Dataset], str]:
    """Return what a measure says of each edit, and why it says nothing of others."""
    found, reasons = {}, []
    for name, target in targets.items():
        try:
            found[name] = measure(agent, edits[name], study, target)
        except (ImportError, ValueError) as error:
            reasons.append(f"{name}: {error}")
    return found, " ".join(reasons) if targets else "no target was named, of which frames could be told apart."
