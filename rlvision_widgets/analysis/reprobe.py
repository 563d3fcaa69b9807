"""Can an edited network still tell where an object is? Probes of each layer, before and after the edit.

An edit takes away one way of knowing. What later layers still hold shows whether there are others. A probe is a small
classifier that says from one cell's activations whether an object is there: a linear one (logistic regression), and one
with a hidden layer, which also finds what no linear probe can. It learns on some levels and is judged on others. Cells
with and without the object are taken from the same places of the layer, so that knowing where such objects usually are
does not help: chance is .5.

References
----------
Alain and Bengio, "Understanding intermediate layers using linear classifier probes", 2016.
Elazar, Ravfogel, Jacovi, Goldberg, "Amnesic Probing", TACL 2021: what is removed has to be shown to be gone.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import Ablate
from rlvision_widgets.agents.operations import projection
from rlvision_widgets.analysis.cells import ObjectCells, at_frames
from rlvision_widgets.analysis.edit_internals import CONFIDENCE, evenly, made_agent
from rlvision_widgets.analysis.selectivity import auroc
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["CLASSIFIERS", "reprobe"]

CLASSIFIERS = ("linear", "mlp")
VERSIONS = ("original", "edited")
HIDDEN = 32  # units of the non-linear probe
EPOCHS, BATCH, RATE, DECAY = 60, 256, 3e-3, 1e-3
FLOOR = 1e-3  # of the largest channel's spread: a channel that varies less is not blown up by standardising
BATCH_FRAMES = 64

Floats = npt.NDArray[np.floating[Any]]
Kept = npt.NDArray[np.bool_]


@strict_keywords
def reprobe(
    agent: Agent,
    edits: Any,
    study: xr.DataTree,
    target: str = "saw",
    *,
    layers: Sequence[str] | None = None,
    num_frames: int = 1024,
    num_cells: int = 4000,
    num_resamples: int = 300,
    seed: int = 0,
) -> xr.Dataset:
    """Probe layers for an object, in the original and in the edited network.

    Parameters
    ----------
    agent : Agent
        The original.
    edits : Agent, or network edits
        The edited agent; or the edits, as `edited_agent` takes them.
    study : DataTree
        Whose frames are shown, and whose world says what is where.
    target : str
        A class of objects, or ``"enemy moving left"``.
    layers : sequence of str, optional
        Which; the first edited one and those after it, unless given.
    num_frames : int
        Most frames with the object, and most without.
    num_cells : int
        Most cells with the object, and as many without, half of them to learn on.
    num_resamples : int
        Of the bootstrap of levels, for the intervals.
    seed : int
        Draws cells, levels and the probes' first weights.

    Returns
    -------
    Dataset
        auroc, auroc_low, auroc_high (layer, classifier, version) : area under the ROC curve on levels that the probe
        did not learn on, and its 95 % interval over levels; .5 is chance. classifier: ``"linear"``, ``"mlp"``; version:
        ``"original"``, ``"edited"``. Beside the layers, coordinate layer has ``"2b, as read"`` where the kernel after
        2b was edited: what that kernel makes use of.
        positives, num_levels (layer) : int64, cells with the object and levels that the area was found on.
        attrs: target, chance, num_frames, num_cells, num_resamples, confidence, seed, agent, edited.

    Raises
    ------
    ImportError, ValueError
        As `masks`; for an unknown layer or class; when the object is in less than four levels, or at no cell; for a
        recurrent agent.
    """
    settings = {"num_frames": num_frames, "num_cells": num_cells, "num_resamples": num_resamples}
    for name, number in settings.items():
        check_count(name, number, 2)
    edited = made_agent(agent, edits)
    chosen = _layers(agent, edited, layers)
    frames, observations = _frames(study, target, num_frames)
    level = at_frames(study.dataset["level_seed"], frames)
    rows: dict[str, xr.Dataset] = {}
    for layer in chosen:
        shown = ObjectCells(study, agent.layer_shape(layer)[1:], frames).of(target)
        cells = _matched(shown, level, num_cells, seed)
        label, groups = shown[cells], level[cells[0]]
        for name, versions in _versions(agent, edited, layer, observations, cells):
            rows[name] = _probed(versions, label, groups, num_resamples, seed)
    found = xr.concat(list(rows.values()), "layer").assign_coords(layer=list(rows))
    said = {"target": target, "chance": 0.5, "confidence": CONFIDENCE, "seed": seed}
    return found.assign_attrs(settings | said | {"agent": agent.name, "edited": edited.name})


def _layers(agent: Agent, edited: Agent, layers: Sequence[str] | None) -> list[str]:
    for layer in layers or ():
        if layer not in agent.layers:
            raise ValueError(unknown("layer", layer, agent.layers, f"They are those of agent {agent.name!r}."))
    if layers is not None:
        return list(layers)
    changed = [agent.layers.index(edit.layer) for edit in edited.edits]
    return list(agent.layers[min(changed, default=0) :])


def _frames(study: xr.DataTree, target: str, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Return frames with the object and without, in order: half and half, as far as there are."""
    pixels = ObjectCells(study, (study.sizes["height"], study.sizes["width"])).of(target).any((1, 2))
    with_it, without = np.flatnonzero(pixels), np.flatnonzero(~pixels)
    levels = len(np.unique(at_frames(study.dataset["level_seed"], with_it))) if len(with_it) else 0
    if levels < 4:
        raise ValueError(
            f"{target!r} is in {levels} levels of the study; four are the least, so that a probe can learn on some and "
            "be judged on others. Take a longer study, or another class."
        )
    frames = np.sort(np.concatenate([evenly(with_it, count), evenly(without, count)]))
    return frames, at_frames(study.dataset["observation"], frames)


def _matched(shown: Kept, level: npt.NDArray[Any], count: int, seed: int) -> tuple[npt.NDArray[np.intp], ...]:
    """Return cells, (frame, y, x), that show the object, and as many that do not, at the same places and alike split.

    Raises
    ------
    ValueError
        When there is none.
    """
    rng = np.random.default_rng(seed)
    frame, y, x = np.nonzero(shown)
    order = rng.permutation(len(frame))[:count]
    learns = _learning(level, seed)
    pairs = []
    for one, row, column in zip(frame[order], y[order], x[order], strict=True):
        free = np.flatnonzero(~shown[:, row, column] & (learns == learns[one]))
        if len(free):
            pairs.append(((one, row, column), (int(rng.choice(free)), row, column)))
    if not pairs:
        raise ValueError("the object is at no cell of these frames where it is missing in others: take more frames.")
    cells = np.array(pairs).reshape(-1, 3).T
    return cells[0], cells[1], cells[2]


def _learning(level: npt.NDArray[Any], seed: int) -> Kept:
    """Tell which frames are of levels to learn on: half of them, whatever the class."""
    known, index = np.unique(level, return_inverse=True)
    chosen: Kept = np.random.default_rng([seed, 1]).permutation(len(known)) % 2 == 0
    return chosen[index]


def _versions(
    agent: Agent, edited: Agent, layer: str, observations: npt.NDArray[np.uint8], cells: tuple[npt.NDArray[Any], ...]
) -> Iterator[tuple[str, tuple[Floats, Floats]]]:
    """Yield a layer's name and its cells, (cell, channel), before and after; then what an edited kernel reads."""
    before, after = (_at(one, layer, observations, cells) for one in (agent, edited))
    yield layer, (before, after)
    read = [
        one for one in edited.edits if isinstance(one, Ablate) and one.where == "next_kernel" and one.layer == layer
    ]
    if any(one.strength for one in read):
        matrix = np.eye(before.shape[1])
        for edit in read:  # K ← K · P₁, then K ← K · P₂: what is read is P₁ P₂ a
            matrix = matrix @ projection(edit, before.shape[1]).numpy()
        yield f"{layer}, as read", (before, after @ matrix.T)


def _at(
    agent: Agent, layer: str, observations: npt.NDArray[np.uint8], cells: tuple[npt.NDArray[Any], ...]
) -> npt.NDArray[np.float64]:
    found = np.empty((len(cells[0]), agent.layer_shape(layer)[0]))
    for start in range(0, len(observations), BATCH_FRAMES):
        here = (cells[0] >= start) & (cells[0] < start + BATCH_FRAMES)
        activations = agent.activations(layer, observations[start : start + BATCH_FRAMES]).cpu()
        frame, y, x = (torch.as_tensor(axis[here]) for axis in cells)
        found[here] = activations[frame - start, :, y, x].double().numpy()
    return found


def _probed(
    versions: tuple[Floats, Floats], label: Kept, groups: npt.NDArray[Any], num_resamples: int, seed: int
) -> xr.Dataset:
    """Return the areas of both probes on cells, (cell, channel), of the original and of the edited network."""
    learns = _learning(groups, seed)
    if len(np.unique(label[learns])) < 2 or len(np.unique(label[~learns])) < 2:
        raise ValueError("the levels to learn on, or those to judge on, lack cells of one kind: take more frames.")
    draws = _draws(groups[~learns], num_resamples, seed)
    area = np.empty((3, len(CLASSIFIERS), len(VERSIONS)))
    for column, cells in enumerate(versions):
        mean, spread = cells[learns].mean(0), cells[learns].std(0)
        scaled = (cells - mean) / np.maximum(spread, FLOOR * spread.max(initial=1e-12))
        for row, scores in enumerate((_linear, _nonlinear)):
            found = scores(scaled[learns], label[learns], scaled[~learns], seed)
            area[0, row, column] = auroc(found, label[~learns])
            again = [auroc(found[draw], label[~learns][draw]) for draw in draws]
            tail = (1 - CONFIDENCE) / 2
            area[1:, row, column] = np.nanquantile(again, [tail, 1 - tail])
    names = ("auroc", "auroc_low", "auroc_high")
    variables: dict[str, Any] = {name: (("classifier", "version"), one) for name, one in zip(names, area, strict=True)}
    variables["positives"] = (), int(label[~learns].sum())
    variables["num_levels"] = (), len(np.unique(groups[~learns]))
    return xr.Dataset(variables, coords={"classifier": list(CLASSIFIERS), "version": list(VERSIONS)})


def _draws(groups: npt.NDArray[Any], count: int, seed: int) -> list[npt.NDArray[np.intp]]:
    """Draw whole levels again, with replacement; each draw as the numbers of its cells."""
    rng = np.random.default_rng([seed, 2])
    members = [np.flatnonzero(groups == one) for one in np.unique(groups)]
    return [np.concatenate([members[one] for one in rng.integers(0, len(members), len(members))]) for _ in range(count)]


def _linear(cells: Floats, label: Kept, others: Floats, seed: int) -> Floats:
    probe = LogisticRegression(max_iter=1000, random_state=seed).fit(cells, label)
    scores: Floats = probe.decision_function(others)
    return scores


def _nonlinear(cells: Floats, label: Kept, others: Floats, seed: int) -> Floats:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        probe = nn.Sequential(nn.Linear(cells.shape[1], HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 1))
        optimiser = torch.optim.AdamW(probe.parameters(), lr=RATE, weight_decay=DECAY)
        inputs, wanted = torch.tensor(cells, dtype=torch.float32), torch.tensor(label, dtype=torch.float32)
        for _ in range(EPOCHS):
            order = torch.randperm(len(inputs))
            for start in range(0, len(inputs), BATCH):
                batch = order[start : start + BATCH]
                loss = nn.functional.binary_cross_entropy_with_logits(probe(inputs[batch]).squeeze(1), wanted[batch])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
        with torch.no_grad():
            scores: Tensor = probe(torch.tensor(others, dtype=torch.float32)).squeeze(1)
    return scores.double().numpy()
