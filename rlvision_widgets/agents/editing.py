"""Edited agents: copies in which edits were made, one after the other, each of which has to have changed something.

An edit of a layer stands behind the layer, so that all that reads its activations sees it. An edit of the next kernel
changes that kernel's weights. Of several on one kernel the first is made first, K ← K · P₁, then K ← K · P₂ (as the
article iterates): the kernel knows nothing of the last direction.
"""

import copy
import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import (
    Ablate,
    NetworkEdit,
    describe_network_edit,
    network_edits_from,
    network_edits_to_json,
)
from rlvision_widgets.agents.layered import LayeredNetwork
from rlvision_widgets.agents.operations import input_rows, operation, projection
from rlvision_widgets.agents.readers import next_kernel, output_of
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["edit_changes", "edit_places", "edited_agent", "original_checkpoint", "probes"]

Frames = npt.NDArray[np.uint8]
Edits = NetworkEdit | str | Mapping[str, Any] | Iterable[Any]
BATCH = 64
PROBES = 8
MOST_TOLD = 2  # edits that a name lists


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
    network = copy.deepcopy(agent.network)
    made = network_edits_from(edits)
    for edit in made:
        change, effect = _tried(agent, network, edit, observations)
        if edit.strength and observations is not None and not effect.largest:
            change, effect = _tried(agent, network, edit, None)
        if edit.strength and not effect.largest:
            raise ValueError(_without_effect(change, observations))
        change.commit()
    return _described(agent, made, network)


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
    network = copy.deepcopy(agent.network)
    rows = []
    for edit in network_edits_from(edits):
        change, effect = _tried(agent, network, edit, observations)
        numbers = (effect.largest, effect.mean, effect.relative)
        rows.append((describe_network_edit(edit), edit.layer, change.place, *numbers))
        change.commit()
    return pd.DataFrame(rows, columns=["edit", "layer", "where", "max_change", "mean_change", "relative"])


def edit_places(agent: Agent, layer: str) -> tuple[str, ...]:
    """Return where a layer's direction can be removed: ``"next_kernel"``, if one reads all of it, and ``"layer"``."""
    try:
        next_kernel(agent.network, layer, agent.layer_shape(layer)[0])
    except ValueError:
        return ("layer",)
    return ("next_kernel", "layer")


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


class _Change(NamedTuple):
    """An edit that is about to be made in a network."""

    edit: NetworkEdit
    place: str
    """``"layer"``, or the name of the kernel that is edited."""
    give: Callable[[Tensor, Any], tuple[Tensor, Tensor]]
    """From the layer's activations and the inputs to what is there (the kernel's output) before and after."""
    commit: Callable[[], None]
    """Makes the edit; one of strength 0 is not made."""


class _Effect(NamedTuple):
    """By how much a change differs from what was there before; see `edit_changes`."""

    largest: float
    mean: float
    relative: float


def _tried(
    agent: Agent, network: LayeredNetwork, edit: NetworkEdit, observations: Frames | None
) -> tuple[_Change, _Effect]:
    """Prepare an edit in `network`, a copy of the agent's that has the edits before it, and try it on some frames."""
    _check_fits(agent, edit)
    frames = probes(agent) if observations is None or not len(observations) else observations
    change: _Change | None = None
    largest, total, squares, size, count = 0.0, 0.0, 0.0, 0.0, 0
    with torch.no_grad():
        for start in range(0, len(frames), BATCH):
            inputs = agent.inputs(frames[start : start + BATCH])
            activations = network.until(edit.layer, inputs)
            change = change or _prepared(network, edit, activations)
            before, after = (part.double() for part in change.give(activations, inputs))
            apart = (after - before).abs()
            largest, total = max(largest, float(apart.max())), total + float(apart.sum())
            squares, size = squares + float(apart.square().sum()), size + float(before.square().sum())
            count += apart.numel()
    assert change is not None
    return change, _Effect(largest, total / count, (squares / size) ** 0.5 if size else np.nan)


def _prepared(network: LayeredNetwork, edit: NetworkEdit, activations: Tensor) -> _Change:
    channels, height, width = activations.shape[1:]
    if isinstance(edit, Ablate) and edit.where == "next_kernel":
        return _of_kernel(network, edit, channels)
    return _of_layer(network, edit, (channels, height, width))


def _check_fits(agent: Agent, edit: NetworkEdit) -> None:
    if edit.layer not in agent.layers:
        raise ValueError(unknown("layer", edit.layer, agent.layers, f"They are those of agent {agent.name!r}."))
    own, made_for = original_checkpoint(agent.checkpoint), original_checkpoint(edit.checkpoint)
    if made_for and made_for != own:
        raise ValueError(
            f"the edit ({describe_network_edit(edit)}) was made for an agent with the weights {made_for[:12]}…, and "
            f"agent {agent.name!r} has {own[:12]}…, where its directions mean nothing. Make it from its own study."
        )


def _of_kernel(network: LayeredNetwork, edit: Ablate, channels: int) -> _Change:
    matrix = projection(edit, channels)
    reader = next_kernel(network, edit.layer, channels)
    kernel = reader.kernel
    old, new = kernel.weight, reader.times(matrix) if edit.strength else kernel.weight

    def give(activations: Tensor, inputs: Any) -> tuple[Tensor, Tensor]:
        before = output_of(network, reader.name, edit.layer, activations, inputs)
        kernel.weight = new
        after = output_of(network, reader.name, edit.layer, activations, inputs)
        kernel.weight = old
        return before, after

    return _Change(edit, reader.name, give, lambda: setattr(kernel, "weight", new))


def _of_layer(network: LayeredNetwork, edit: NetworkEdit, shape: tuple[int, int, int]) -> _Change:
    made = operation(edit, shape).to(network.like)

    def give(activations: Tensor, inputs: Any) -> tuple[Tensor, Tensor]:
        with input_rows(inputs if torch.is_tensor(inputs) else inputs[0]):
            return activations, made(activations) if edit.strength else activations

    return _Change(edit, "layer", give, lambda: network.insert(edit.layer, made) if edit.strength else None)


def _without_effect(change: _Change, observations: Frames | None) -> str:
    where = f"layer {change.edit.layer!r}" if change.place == "layer" else f"what kernel {change.place!r} gives"
    return (
        f"the edit ({describe_network_edit(change.edit)}) changes nothing in {where} on "
        f"{'noise' if observations is None else 'these observations, nor on noise'}: what it takes away is never "
        "there. Pass observations in which it is, or leave the edit out."
    )


def _described(agent: Agent, made: tuple[NetworkEdit, ...], network: LayeredNetwork) -> Agent:
    """Return the agent with its edited network, and with what tells that it is edited."""
    if not made:
        return agent
    edits = (*agent.edits, *made)
    original = original_checkpoint(agent.checkpoint)
    active = [edit for edit in edits if edit.strength]
    mark = hashlib.sha256(network_edits_to_json(active).encode()).hexdigest()[:16]
    name = str(agent.info.get("original_name", agent.name))
    told = "; ".join(map(describe_network_edit, edits)) if len(edits) <= MOST_TOLD else f"{len(edits)} edits"
    return dataclasses.replace(
        agent,
        network=network,
        name=f"{name} with {told}",
        checkpoint=f"{original}+{mark}" if active else original,
        edits=edits,
        info={**agent.info, "original_name": name, "original_checkpoint": original},
    )
