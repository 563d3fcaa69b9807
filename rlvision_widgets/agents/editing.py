"""Edited agents: copies in which edits were made, one after the other, each of which has to have changed something.

An edit of a layer stands behind the layer, so that all that reads its activations sees it. An edit of the next kernel
changes that kernel's weights. Of several on one kernel the first is made first, K ← K · P₁, then K ← K · P₂ (as the
article iterates): the kernel knows nothing of the last direction.
"""

import copy
import dataclasses
import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor, nn

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import (
    Ablate,
    NetworkEdit,
    describe_network_edit,
    network_edits_from,
    network_edits_to_json,
)
from rlvision_widgets.agents.layered import LayeredNetwork
from rlvision_widgets.agents.networks import StagedNetwork
from rlvision_widgets.agents.operations import EditedStage, operation, projection
from rlvision_widgets.agents.readers import next_kernel
from rlvision_widgets.agents.wrapping import HookedNetwork, hooked
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["edit_changes", "edited_agent", "original_checkpoint"]

Frames = npt.NDArray[np.uint8]
Edits = str | NetworkEdit | Mapping[str, Any] | Any
PROBES = 8


@strict_keywords
def edited_agent(agent: Agent, edits: Edits, observations: Frames | None = None) -> Agent:
    """Return a copy of an agent with edits made in its network, in order. The agent itself stays as it is.

    Laws: with no edit, or all of strength 0, outputs are the same to the bit; editing an edited agent is editing once
    with both lists.

    Parameters
    ----------
    agent : Agent
        Edited or not.
    edits : network edit, or a list of them, or their JSON
        `Ablate`, `AblateChannels`, `Steer`, `EraseConcept`.
    observations : uint8 array, (frame, height, width, rgb), optional
        Where each edit has to change something; if it does not there, noise and plain colours are tried.

    Returns
    -------
    Agent
        With `edits`; its name says what was done, its `checkpoint` is the original's, ``+``, and a hash of the edits
        that have a strength.

    Raises
    ------
    ValueError
        When an edit is of another agent, of an unknown layer or of another size, when no kernel follows its layer, or
        when it changes nothing.

    Examples
    --------
    >>> blind = rlv.edited_agent(agent, rlv.Ablate.feature(study, "2b", 3))
    """
    for step in _steps(agent, edits):
        if step.edit.strength:
            _check_changes(step, observations)
        agent = step.after
    return agent


@strict_keywords
def edit_changes(agent: Agent, edits: Edits, observations: Frames | None = None) -> pd.DataFrame:
    """Say by how much each edit changes what it edits, on the agent with the edits before it.

    Parameters
    ----------
    agent, edits
        As in `edited_agent`.
    observations : uint8 array, (frame, height, width, rgb), optional
        Frames to look at; by default noise and plain colours.

    Returns
    -------
    DataFrame
        A row an edit: edit (in words), layer, where (``"layer"``, or the kernel's name), max_change and mean_change
        (of absolute differences of the layer's activations, or of what the kernel's stage gives), and relative: the
        root of the mean square of the differences, over that of what was there.
    """
    rows = []
    for step in _steps(agent, edits):
        change, before = _change(step, probes(agent) if observations is None else observations)
        size = float(before.square().mean().sqrt())
        rows.append(
            {
                "edit": describe_network_edit(step.edit),
                "layer": step.edit.layer,
                "where": step.place,
                "max_change": float(change.max()),
                "mean_change": float(change.mean()),
                "relative": float(change.square().mean().sqrt()) / size if size else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=["edit", "layer", "where", "max_change", "mean_change", "relative"])


def original_checkpoint(checkpoint: str) -> str:
    """Return the checkpoint of the agent that an edited one was made of (its own, where it is not edited)."""
    return checkpoint.partition("+")[0]


def probes(agent: Agent) -> Frames:
    """Return frames of noise, fine and coarse, and of plain colours, the same every time."""
    height, width, rgb = agent.observation_shape
    rng = np.random.default_rng(0)
    frames = np.empty((PROBES, height, width, rgb), np.uint8)
    for index, frame in enumerate(frames):
        grain = (1, 2, 4, 8, max(height, width))[index % 5]
        coarse = rng.integers(0, 256, (-(-height // grain), -(-width // grain), rgb), np.uint8)
        frame[:] = coarse.repeat(grain, 0).repeat(grain, 1)[:height, :width]
    return frames


class _Step(NamedTuple):
    """One edit: the agent before and after it, and where it was made ("layer", or the kernel's name)."""

    edit: NetworkEdit
    before: Agent
    after: Agent
    place: str


def _steps(agent: Agent, edits: Edits) -> Iterator[_Step]:
    for edit in network_edits_from(edits):
        _check_fits(agent, edit)
        network, place = _edited(agent, edit)
        after = _described(agent, edit, network)
        yield _Step(edit, agent, after, place)
        agent = after


def _check_fits(agent: Agent, edit: NetworkEdit) -> None:
    if edit.layer not in agent.layers:
        raise ValueError(unknown("layer", edit.layer, agent.layers, f"They are those of agent {agent.name!r}."))
    own, made_for = original_checkpoint(agent.checkpoint), original_checkpoint(edit.checkpoint)
    if made_for and made_for != own:
        raise ValueError(
            f"the edit ({describe_network_edit(edit)}) was made for an agent with the weights {made_for[:12]}…, and "
            f"agent {agent.name!r} has {own[:12]}…, where its directions mean nothing. Make it from a study of this agent."
        )


def _edited(agent: Agent, edit: NetworkEdit) -> tuple[LayeredNetwork, str]:
    """Return a copy of the agent's network with an edit made, and where."""
    network = copy.deepcopy(agent.network)
    shape = agent.layer_shape(edit.layer)
    if isinstance(edit, Ablate) and edit.where == "next_kernel":
        matrix = projection(edit, shape[0])
        reader = next_kernel(network, edit.layer, shape[0])
        if edit.strength:
            reader.multiply(matrix)
        return network, reader.name
    made = operation(edit, shape).to(network.like)
    if edit.strength:
        _insert(network, edit.layer, made)
    return network, "layer"


def _insert(network: LayeredNetwork, layer: str, made: nn.Module) -> None:
    if isinstance(network, StagedNetwork):
        network.trunk.add_module(layer, EditedStage(network.trunk.get_submodule(layer), made))
    elif isinstance(network, HookedNetwork):
        network.insert(layer, made)
    else:
        raise TypeError(f"a {type(network).__name__} cannot be edited; wrap its module by rlv.wrap_agent.")


def _described(agent: Agent, edit: NetworkEdit, network: LayeredNetwork) -> Agent:
    """Return the agent with its edited network, and what tells that it is edited."""
    edits = (*agent.edits, edit)
    original = original_checkpoint(agent.checkpoint)
    active = [one for one in edits if one.strength]
    mark = hashlib.sha256(network_edits_to_json(active).encode()).hexdigest()[:16]
    name = str(agent.info.get("original_name", agent.name))
    return dataclasses.replace(
        agent,
        network=network,
        name=f"{name} with {'; '.join(map(describe_network_edit, edits))}"
        if len(edits) < 3
        else f"{name} with {len(edits)} edits",
        checkpoint=f"{original}+{mark}" if active else original,
        edits=edits,
        info={**agent.info, "original_name": name, "original_checkpoint": original},
    )


def _check_changes(step: _Step, observations: Frames | None) -> None:
    """Raise unless the edit changes what it edits, on some frame."""
    for frames in (observations, probes(step.before)):
        if frames is not None and len(frames) and float(_change(step, frames)[0].max()) > 0:
            return
    where = f"layer {step.edit.layer!r}" if step.place == "layer" else f"what kernel {step.place!r} gives"
    raise ValueError(
        f"the edit ({describe_network_edit(step.edit)}) changes nothing in {where} on "
        f"{'noise' if observations is None else 'these observations, nor on noise'}: its direction is never active. "
        "Pass observations in which it is, or leave it out."
    )


def _change(step: _Step, frames: Frames) -> tuple[Tensor, Tensor]:
    """Return the absolute change at the place of an edit, and what was there before it."""
    before, after = (_given(agent, step, frames) for agent in (step.before, step.after))
    return (after - before).abs().double(), before.double()


def _given(agent: Agent, step: _Step, frames: Frames) -> Tensor:
    """Return what the edited layer, or the stage of the edited kernel, gives."""
    if step.place == "layer":
        return agent.activations(step.edit.layer, frames)
    network = agent.network
    with torch.no_grad():
        inputs = agent.inputs(frames)
        if isinstance(network, StagedNetwork):
            return network.until(step.place, inputs)
        assert isinstance(network, HookedNetwork)
        kept: list[Tensor] = []
        with hooked({"": network.module.get_submodule(step.place)}, lambda _, output: kept.append(output.clone())):
            network.step(inputs)
        return kept[0]
