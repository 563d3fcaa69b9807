"""Edits of what an agent still sees an object by: of the strongest features and channels, or fitted to the object."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.editing import edited_agent, original_checkpoint
from rlvision_widgets.agents.edits import Ablate, EraseConcept, NetworkEdit
from rlvision_widgets.analysis.concepts import erase_concept
from rlvision_widgets.analysis.erasing import fit_erasure
from rlvision_widgets.analysis.pairs import Pairs

__all__ = ["KINDS", "Proposal", "Setting", "Shares", "feature_layers", "proposals"]

KINDS = ("feature", "channel", "concept", "object")
STRONGEST = 3  # features, and channels, of each layer that are proposed
REACH = 1  # cells around an object that count as showing it

Shares = dict[str, npt.NDArray[np.float64]]


class Proposal(NamedTuple):
    """One edit, and which kind of proposal it is."""

    kind: str
    edit: NetworkEdit


class Setting(NamedTuple):
    """What proposals are made from: the original, a study of it, layers, frames to fit on, and how much to keep."""

    original: Agent
    study: xr.DataTree
    layers: list[str]
    pairs: Pairs
    keep: float


def proposals(setting: Setting, edited: Agent, left: Shares, kinds: Sequence[str]) -> Iterator[Proposal]:
    """Yield edits to make next, of an agent that is edited already.

    Parameters
    ----------
    setting : Setting
    edited : Agent
        With the edits so far.
    left : dict of float array, (channel,)
        By layer: what each channel carries of what is still seen.
    kinds : sequence of str
        Of `KINDS`. What cannot be made of a layer, such as an edit of a kernel that is not there, is left out.
    """
    makers: dict[str, Callable[..., Iterator[NetworkEdit]]] = {
        "feature": _features,
        "channel": _channels,
        "concept": _concepts,
        "object": _objects,
    }
    for layer, shares in left.items():
        for kind in kinds:
            for edit in makers[kind](setting, edited, layer, shares):
                if edit not in edited.edits and _works(edited, edit):
                    yield Proposal(kind, edit)


def feature_layers(study: xr.DataTree) -> list[str]:
    """Return the layers of which a study has features."""
    layers = study.children["layers"].children if "layers" in study.children else {}
    return [str(name) for name, node in layers.items() if "direction" in node.variables]


def _features(setting: Setting, edited: Agent, layer: str, shares: npt.NDArray[np.float64]) -> Iterator[NetworkEdit]:
    if layer not in feature_layers(setting.study):
        return
    directions = setting.study.children["layers"].children[layer].dataset["direction"]
    unit = directions.transpose("feature", "channel").values
    carried = unit**2 @ shares
    for number in np.argsort(-carried)[:STRONGEST].tolist():
        if carried[number] > 0:
            yield Ablate.feature(setting.study, layer, number)


def _channels(setting: Setting, edited: Agent, layer: str, shares: npt.NDArray[np.float64]) -> Iterator[NetworkEdit]:
    checkpoint = original_checkpoint(setting.original.checkpoint)
    for channel in np.argsort(-shares)[:STRONGEST].tolist():
        if shares[channel] > 0:
            direction: Any = np.eye(len(shares))[channel]
            yield Ablate(layer, direction, name=f"channel {channel}", checkpoint=checkpoint)


def _concepts(setting: Setting, edited: Agent, layer: str, _: Any) -> Iterator[EraseConcept]:
    try:
        yield erase_concept(edited, setting.study, layer, setting.pairs.target, reach=REACH, progress=False)
    except ValueError:  # no linear predictor can tell it there
        return


def _objects(setting: Setting, edited: Agent, layer: str, _: Any) -> Iterator[EraseConcept]:
    try:
        yield fit_erasure(setting.original, edited, setting.pairs, layer, keep=setting.keep)
    except ValueError:  # it changes nothing there
        return


def _works(agent: Agent, edit: NetworkEdit) -> bool:
    """Tell whether an edit can be made and changes anything."""
    try:
        edited_agent(agent, [edit])
    except ValueError:
        return False
    return True
