"""Can an edit make an agent better? A search among many small edits on some levels, and one test on others.

Most edits do harm, and few levels tell apart little. So all candidates play a few levels, the better part of them three
times as many, and so on (successive halving); the last one left is played once on levels that chose nothing, against
the original. That last comparison is the only test, so that it needs no correction for how many edits were tried.

References
----------
Jamieson and Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.edits import (
    Ablate,
    NetworkEdit,
    Steer,
    describe_network_edit,
    network_edits_from,
    network_edits_to_json,
)
from rlvision_widgets.analysis.cause_table import ORIGINAL
from rlvision_widgets.analysis.edit_internals import evenly
from rlvision_widgets.analysis.evaluation import evaluate
from rlvision_widgets.analysis.held_out import apart, chosen_by, held_out_levels
from rlvision_widgets.analysis.paired import mcnemar, tango_interval
from rlvision_widgets.analysis.proposals import feature_layers
from rlvision_widgets.analysis.remembering import seen_at
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["repair_candidates", "search_repair", "successive_halving"]

FACTOR = 3  # of candidates one is kept, and plays so many times as many levels
FRAMES = 256  # on which a feature's usual strength is measured

Success = npt.NDArray[np.bool_]
Play = Callable[[Sequence[str], int], Mapping[str, Success]]


@strict_keywords
def search_repair(
    agent: Agent,
    study: xr.DataTree,
    *,
    candidates: Mapping[str, Any] | None = None,
    layers: Sequence[str] | None = None,
    strengths: Sequence[float] = (-1.0, -0.5, -0.25, 0.25, 0.5, 1.0),
    levels: int = 1024,
    first_levels: int = 64,
    held_out: int = 4096,
    seed: int = 1,
    alpha: float = 0.01,
    environment: Any = None,
    num_trajectories: int = 64,
    precision: str = "float32",
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Search for an edit after which an agent fails less, and test the best one on levels of its own.

    Parameters
    ----------
    agent : Agent
    study : DataTree
        Of it. Its levels are played nowhere here.
    candidates : dict of list of network edits by name, optional
        To be searched; `repair_candidates` unless given.
    layers : sequence of str, optional
        Of which features are tried; all of which the study has any, unless given.
    strengths : sequence of float
        Of removing (above 0) or amplifying (below 0) a feature, and of steering along and against it.
    levels, first_levels : int
        Most levels to choose by, and those that all candidates play; each rung three times as many.
    held_out : int
        Levels of the one test.
    seed : int
        Of levels to choose by; those of the test are drawn with the next one.
    alpha : float
        p below which the edit counts as a repair.
    environment, num_trajectories, precision
        As for `evaluate`.
    path : path, optional
        A folder, to which each level is written as it ends: a call with the same settings goes on where the last one
        stopped.
    progress : bool
        Show progress bars.

    Returns
    -------
    DataTree
        ``/`` (candidate, rung): edit (candidate; in words), saved, broken (levels that only the edited, only the
        original agent completes; -1: not played), levels (rung). attrs: best, edits (JSON), saved, broken, p
        (McNemar, exact, two-sided), difference of failure rates with its 95 % interval [low, high] (negative: fewer
        failures), held_out, alpha, repaired (bool), finding (a sentence).
        ``/held_out`` : the evaluation of the test.

    Raises
    ------
    ValueError
        Where there is nothing to try; for an unknown layer; as `evaluate`.

    Notes
    -----
    An interrupt (Ctrl-C) ends it without a result; with `path`, nothing that was finished is lost.
    """
    for name, number in {"levels": levels, "first_levels": first_levels, "held_out": held_out}.items():
        check_count(name, number, 1)
    named = repair_candidates(agent, study, layers, strengths) if candidates is None else _settled(candidates)
    if not named:
        raise ValueError("there is no edit to try: give candidates, or a study with features.")
    folder = None if path is None else Path(path)
    options: dict[str, Any] = {"environment": environment, "num_trajectories": num_trajectories}
    options |= {"precision": precision, "progress": progress, "causes": False}
    chosen = held_out_levels(levels, seed, chosen_by(study))

    def play(names: Sequence[str], count: int) -> Mapping[str, Success]:
        own = {name: named[name] for name in names}
        file = folder and folder / "selection.jsonl"
        result = evaluate(agent, chosen[:count], seed, edits=own, path=file, **options)
        return {str(name): result["success"].sel(condition=name).values for name in result["condition"].values}

    table = successive_halving(list(named), play, first_levels, levels)
    best = table.attrs["best"]
    fresh = held_out_levels(held_out, seed + 1, np.union1d(chosen_by(study), chosen))
    apart(fresh, chosen)
    file = folder and folder / "held_out.jsonl"
    test = evaluate(agent, fresh, seed + 1, edits={best: named[best]}, path=file, **options)
    said = _verdict(test, best, alpha)
    texts = np.array(["; ".join(map(describe_network_edit, named[name])) for name in named], object)
    root = table.assign(edit=("candidate", texts)).assign_attrs(
        edits=network_edits_to_json(named[best]), seed=seed, held_out=held_out, alpha=alpha, **said
    )
    return xr.DataTree.from_dict({"/": root, "/held_out": test})


def repair_candidates(
    agent: Agent, study: xr.DataTree, layers: Sequence[str] | None, strengths: Sequence[float]
) -> dict[str, tuple[NetworkEdit, ...]]:
    """Return edits that weaken or amplify each feature of a study, and steer along and against it, by name.

    A step of steering is the feature's root mean square over cells of frames of the study.
    """
    known = feature_layers(study)
    for layer in layers or ():
        if layer not in known:
            raise ValueError(unknown("layer", layer, known, "These have features in this study."))
    everything = np.arange(study.sizes["trajectory"] * study.sizes["step"])
    frames = seen_at(agent, study, evenly(everything, FRAMES))
    found: dict[str, tuple[NetworkEdit, ...]] = {}
    for layer in known if layers is None else layers:
        directions = (
            study.children["layers"].children[layer].dataset["direction"].transpose("feature", "channel").values
        )
        cells = agent.activations(layer, frames).double().cpu().permute(0, 2, 3, 1).flatten(0, 2).numpy()
        for number, direction in enumerate(directions):
            size = float(np.sqrt(((cells @ direction) ** 2).mean()))
            if not size:
                continue  # it never fires
            for strength in strengths:
                ablation = Ablate.feature(study, layer, number, strength, "layer")
                step: Any = size * direction / np.linalg.norm(direction)
                steering = Steer(layer, step, strength, ablation.name, ablation.checkpoint)
                for edit in (ablation, steering):
                    found[f"{edit.kind} {layer} {number} {strength:+g}"] = (edit,)
    return found


def successive_halving(names: Sequence[str], play: Play, first: int, most: int) -> xr.Dataset:
    """Let candidates play ever more levels, ever fewer of them.

    Parameters
    ----------
    names : sequence of str
    play : callable
        Given names and a number of levels, returns by name, and for ``"original"``, whether each level was completed;
        fewer levels are the first ones of more.
    first, most : int
        Levels of the first rung, and most of all.

    Returns
    -------
    Dataset, (candidate, rung)
        saved, broken : int64, -1 where a candidate was no more. levels (rung). attrs: best, the one that saves most on
        balance; of equal ones the first.
    """
    counts, left = [], list(names)
    rows: list[dict[str, tuple[int, int]]] = []
    count = min(first, most)
    while True:
        played = play(left, count)
        then = played[ORIGINAL]
        row = {name: (int((played[name] & ~then).sum()), int((then & ~played[name]).sum())) for name in left}
        counts.append(count)
        rows.append(row)
        left = sorted(left, key=lambda name: row[name][1] - row[name][0])
        if count == most or len(left) == 1:
            break
        left, count = left[: -(-len(left) // FACTOR)], min(FACTOR * count, most)
    table = np.array([[row.get(name, (-1, -1)) for row in rows] for name in names])
    return xr.Dataset(
        {
            "saved": (("candidate", "rung"), table[..., 0]),
            "broken": (("candidate", "rung"), table[..., 1]),
            "levels": ("rung", np.array(counts)),
        },
        coords={"candidate": np.array(names, object)},
        attrs={"best": left[0]},
    )


def _settled(candidates: Mapping[str, Any]) -> dict[str, tuple[NetworkEdit, ...]]:
    return {str(name): network_edits_from(edits) for name, edits in candidates.items()}


def _verdict(test: xr.Dataset, best: str, alpha: float) -> dict[str, Any]:
    before, after = (test["success"].sel(condition=name).values for name in (ORIGINAL, best))
    saved, broken, number = int((after & ~before).sum()), int((before & ~after).sum()), len(before)
    p = mcnemar(broken, saved)
    repaired = saved > broken and p < alpha
    interval = list(tango_interval(broken, saved, number))
    rates = f"{(~before).mean():.2%} of {number} levels as it is, {(~after).mean():.2%} edited (p = {p:.2g})"
    finding = f"{best}: fails in {rates}. " + ("It is a repair." if repaired else "No repair is shown.")
    return {
        **{"saved": saved, "broken": broken, "p": p, "difference": (broken - saved) / number},
        **{"interval": interval, "repaired": bool(repaired), "finding": finding},
    }
