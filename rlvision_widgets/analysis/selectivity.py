"""What does a feature respond to? Its activations against the objects in the frames, place by place.

How well a feature's activation tells the cells that show a class of objects from those that do not is a number from 0
to 1, the area under the ROC curve; .5 is chance. It is found at each place of the layer on its own and then averaged,
places with many such cells counting more (position-stratified): a feature that is always active in one corner, where a
class often is, is not thereby selective. What chance does is measured by giving each passage of the rollout the objects
of another one.

References
----------
Hanley and McNeil, "The meaning and use of the area under a receiver operating characteristic (ROC) curve", Radiology
143, 1982: the area as a rank sum.
"""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr
from scipy.stats import rankdata

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.analysis.cells import DIRECTIONS, ObjectCells, at_frames
from rlvision_widgets.analysis.examples import layer_codes
from rlvision_widgets.analysis.remembering import seen_at
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["INTERPRETABLE", "auroc", "features_of", "object_selectivity", "passages"]

LEAST = 3  # cells with the class, and without it, at a place that counts
INTERPRETABLE = 0.8, 4.0  # area and z from which on a feature is said to be one of its best class

Floats = npt.NDArray[np.floating[Any]]
Cells = npt.NDArray[np.bool_]


@strict_keywords
def object_selectivity(
    study: xr.DataTree,
    layer: str,
    agent: Agent | None = None,
    *,
    output: str | None = None,
    classes: Sequence[str] | None = None,
    moving: Sequence[str] = ("enemy",),
    reach: int = 1,
    num_frames: int = 2048,
    block: int = 32,
    num_permutations: int = 1000,
    seed: int = 0,
) -> xr.Dataset:
    """Measure how well each feature of a layer tells where each class of objects is.

    Parameters
    ----------
    study : DataTree
        With the node ``/world``, or of a Procgen game with states.
    layer : str
        One that has features in the study; given an agent any of its layers, whose channels are then the features.
    agent : Agent, optional
        The one that the study is of: its activations are looked at. Without it, what the study holds of attribution.
    output : str, optional
        Look at the absolute attribution of this output, as the study holds it, and not at activations.
    classes : sequence of str, optional
        Of objects, ``"saw"``, or ``"enemy moving left"`` of those in `moving`. All that appear, unless given.
    moving : sequence of str
        Classes that are also told apart by the direction in which an object moves.
    reach : int
        A cell is credited with the strongest activation within this many cells of it: many features say of a thing at
        its edge that it is there. 0 looks at the cell alone.
    num_frames : int
        Most frames of the rollout that are looked at, spread evenly.
    block : int
        How many of them in a row keep together when chance is measured: neighbouring frames are alike.
    num_permutations : int
        How often chance is measured.
    seed : int
        Draws the permutations.

    Returns
    -------
    Dataset
        Over feature and object_class (its names a coordinate):

        auroc (feature, object_class) : the area, averaged over places; feature_name is a coordinate.
        null_mean, null_sd, excess, z (feature, object_class) : of permutations; excess is auroc - null_mean, z that
        in units of null_sd (0 for a feature that never changes).
        positives, places (object_class) : int64, cells that show the class, and places of the layer that count: those
        with three cells or more of either kind.
        best_class, best_auroc, best_null, best_z (feature) : the class with the largest area, and that area against
        the largest ones of permutations, which are above .5: the best of several.
        interpretable (feature) : bool, best_auroc at least .8 and best_z at least 4.
        lift (feature, object_class) : the part of the feature's activation (its sum over cells) that lies within
        `reach` cells of the class, over the part of all cells that do; 1 is chance. The area asks whether the feature
        is stronger where the class is, the lift whether it is silent elsewhere.
        best_feature (object_class) : int64, the one with the largest lift; NaN counts as 0.
        active (feature) : share of cells at which the feature is not 0, `reach` left aside.
        left_over_right (feature, mover) : area with which a feature tells the cells of objects that move left from
        those of objects that move right (not by place: both are rare); NaN where a class does not move both ways.
        attrs: layer, of (what was looked at), reach, num_frames, block, num_permutations, seed; left_out, classes that
        appear at no place often enough; silent, features that are 0 everywhere; interpretable_share, and
        interpretable_attribution_share, weighted by what each feature carries of the attribution (NaN if unknown).

    Raises
    ------
    ImportError, ValueError
        As `masks`; for an unknown layer, output or class; for a class that was asked for and never appears; for less
        than four blocks of frames.
    """
    settings = {"reach": reach, "num_frames": num_frames, "block": block, "num_permutations": num_permutations}
    for (name, number), least in zip(settings.items(), (0, 4, 1, 2), strict=True):
        check_count(name, number, least)
    frames, block = passages(study, num_frames, block)
    signal, features, of = _signal(study, layer, agent, output, frames)
    shown = ObjectCells(study, signal.shape[2:], frames, moving)
    questions, left_out = _questions(shown, classes)
    lift = np.stack([_lift(signal, shown.of(question.name), reach) for question in questions], 1)
    active = (signal != 0).mean((0, 2, 3))
    signal = _strongest_near(signal, reach)
    moments = [[_by_blocks(one, question, block) for question in questions] for one in _ranks(signal)]
    result = _dataset(_against_chance(np.array(moments), num_permutations, seed), questions, features)
    movers = [name for name in moving if name in shown.names]
    result["left_over_right"] = ("feature", "mover"), _left_over_right(signal, shown, movers)
    result["active"] = "feature", active
    result["lift"] = ("feature", "object_class"), lift
    result["best_feature"] = "object_class", np.nan_to_num(lift).argmax(0)
    silent = np.flatnonzero(active == 0).tolist()
    if silent:
        warnings.warn(f"features that are 0 in all {len(frames)} frames: {', '.join(map(str, silent))}", stacklevel=3)
    said = {"layer": layer, "of": of, "seed": seed, "left_out": left_out, "silent": silent}
    shares = _interpretable_shares(result, features)
    measured = {**settings, "num_frames": len(frames), "block": block}
    return result.assign_coords(mover=movers).assign_attrs(measured | said | shares)


def auroc(scores: Floats, positive: Cells) -> float:
    """Return the probability that a positive has a higher score than a negative, ties counting half.

    Parameters
    ----------
    scores : array, (case,)
    positive : bool array, (case,)

    Returns
    -------
    float
        NaN where all are of one kind.
    """
    count = int(positive.sum())
    if not 0 < count < len(positive):
        return float("nan")
    above = rankdata(scores)[positive].sum() - count * (count + 1) / 2
    return float(above / (count * (len(positive) - count)))


def passages(study: xr.DataTree, num_frames: int, block: int) -> tuple[npt.NDArray[np.int64], int]:
    """Choose frames of a rollout, evenly, in whole blocks that lie in one trajectory each.

    Returns
    -------
    int array, (frame,), and int
        Numbers, trajectory * num_steps + step; and the frames in a block, fewer than asked for if a trajectory has no
        more.

    Raises
    ------
    ValueError
        For less than four blocks.
    """
    trajectories, steps = study.sizes["trajectory"], study.sizes["step"]
    wanted = max(1, min(steps, num_frames // trajectories))
    block = min(block, wanted)
    kept = np.arange(wanted // block * block) * steps // wanted
    numbers = (np.arange(trajectories)[:, None] * steps + kept).ravel()
    if len(numbers) < 4 * block:
        raise ValueError(
            f"chance is measured on four or more blocks of frames, and these are {len(numbers) // block} "
            f"of {block}: choose a smaller block, or take a longer study."
        )
    return numbers, block


def features_of(study: xr.DataTree, layer: str, agent: Agent | None) -> xr.Dataset:
    """Return a layer's features; where a study has none, and there is an agent, its channels."""
    known = study.children["layers"].children if "layers" in study.children else {}
    if layer in known:
        return known[layer].to_dataset(inherit=False)
    if agent is None or layer not in agent.layers:
        options = known if agent is None else agent.layers
        raise ValueError(unknown("layer", layer, map(str, options), "Other layers need the agent: pass agent=."))
    count = agent.layer_shape(layer)[0]
    names = np.array([f"channel {channel}" for channel in range(count)], object)
    return xr.Dataset(
        {"direction": (("feature", "channel"), np.eye(count, dtype=np.float32)), "feature_name": ("feature", names)},
        attrs={"layer": layer, "method": "identity"},
    )


class _Question(NamedTuple):
    """Where a class is, at the places that count, each cell weighing 1 / (negatives there)."""

    name: str
    weight: Floats  # (frame, place)
    offset: float
    total: float
    positives: int
    places: int


def _signal(
    study: xr.DataTree, layer: str, agent: Agent | None, output: str | None, frames: npt.NDArray[np.int64]
) -> tuple[Floats, xr.Dataset, str]:
    """Return what is looked at, (frame, feature, y, x), the features, and what it is called."""
    features = features_of(study, layer, agent)
    if agent is not None and output is None:
        observations = seen_at(agent, study, frames)
        codes = torch.cat(list(layer_codes(agent, observations, features, layer=layer)))
        return codes.float().numpy(), features, "activations"
    node = study.children["layers"].children.get(layer) if "layers" in study.children else None
    outputs = node.children["outputs"].children if node is not None and "outputs" in node.children else {}
    output = next(iter(outputs), "value") if output is None else output
    if output not in outputs:
        raise ValueError(unknown("attributed output", output, map(str, outputs), "Attribute it first, or pass agent=."))
    stored = outputs[output].dataset
    missing = at_frames(stored["num_points"], frames) == 0
    if missing.any():
        raise ValueError(f"{missing.sum()} of {len(frames)} frames have no attribution of {output!r} yet.")
    units = at_frames(stored["scale"], frames)[:, None, None, None]
    values = np.abs(at_frames(stored["attribution"], frames).astype(np.float32) * units)
    return values.transpose(0, 3, 1, 2), features, f"attribution of {output}"


def _strongest_near(signal: Floats, reach: int) -> Floats:
    """Return the largest within `reach` cells, in both directions."""
    if not reach:
        return signal
    return torch.nn.functional.max_pool2d(torch.as_tensor(signal), 2 * reach + 1, 1, reach).numpy()


def _lift(signal: Floats, cells: Cells, reach: int) -> Floats:
    """Return by how much each feature's activation is more near some cells than their number says, (feature,)."""
    near = _strongest_near(cells[:, None].astype(np.float32), reach)[:, 0] > 0
    inside, everywhere = (np.einsum("nkyx,nyx->k", signal, where, dtype=float) for where in (near, np.ones_like(near)))
    with np.errstate(invalid="ignore"):
        found: Floats = inside / everywhere / near.mean()
    return found


def _questions(shown: ObjectCells, classes: Sequence[str] | None) -> tuple[list[_Question], list[str]]:
    questions, left_out = [], []
    for name in shown.classes if classes is None else dict.fromkeys(classes):
        cells = shown.of(name)
        question = _question(name, cells.reshape(len(cells), -1))
        if question.places:
            questions.append(question)
        elif classes is not None:
            raise ValueError(
                f"{name!r} is at no place of the layer in {LEAST} of the {len(cells)} frames and missing in {LEAST} "
                f"({question.positives} cells show it): nothing can be said of it. Take more frames, or a longer study."
            )
        elif question.positives:
            left_out.append(name)
    if not questions:
        raise ValueError("no class of objects appears often enough to be told apart: take a longer study.")
    return questions, left_out


def _question(name: str, cells: Cells) -> _Question:
    with_it = cells.sum(0)
    without = len(cells) - with_it
    counts = (with_it >= LEAST) & (without >= LEAST)
    inverse: Floats = np.where(counts, 1 / np.maximum(without, 1), 0.0)
    total = float(with_it[counts].sum())
    offset = float((with_it * (with_it + 1) / 2 * inverse).sum())
    return _Question(name, cells * inverse, offset, total, int(with_it.sum()), int(counts.sum()))


def _ranks(signal: Floats) -> Any:
    """Yield the rank of each frame at each place, (frame, place), feature by feature."""
    for feature in range(signal.shape[1]):
        yield rankdata(signal[:, feature].reshape(len(signal), -1), axis=0)


def _by_blocks(ranks: Floats, question: _Question, block: int) -> Floats:
    """Return the part of the area that each block gives with the objects of each block, (block, block).

    The area is the sum over the diagonal; that of a permutation of blocks the sum over the permuted diagonal.
    """
    count = len(ranks) // block
    own, theirs = ranks.reshape(count, -1), question.weight.reshape(count, -1)
    return (own @ theirs.T - question.offset / count) / question.total


def _against_chance(moments: Floats, num_permutations: int, seed: int) -> dict[str, Any]:
    """Return areas, and what permutations of blocks give; moments (feature, object_class, block, block)."""
    rng = np.random.default_rng(seed)
    here = np.arange(moments.shape[-1])
    area = moments[..., here, here].sum(-1)
    null = np.stack([moments[..., rng.permutation(here), here].sum(-1) for _ in range(num_permutations)])
    largest = null.max(2)
    pair, one = ("feature", "object_class"), ("feature",)
    excess, best = area - null.mean(0), area.max(1)
    return {
        "auroc": (pair, area),
        "null_mean": (pair, null.mean(0)),
        "null_sd": (pair, null.std(0)),
        "excess": (pair, excess),
        "z": (pair, _in_units(excess, null.std(0))),
        "best_auroc": (one, best),
        "best_null": (one, largest.mean(0)),
        "best_z": (one, _in_units(best - largest.mean(0), largest.std(0))),
    }


def _in_units(excess: Floats, spread: Floats) -> Floats:
    return np.divide(excess, spread, out=np.zeros_like(excess), where=spread > 1e-9)


def _dataset(found: dict[str, Any], questions: list[_Question], features: xr.Dataset) -> xr.Dataset:
    names = [question.name for question in questions]
    result = xr.Dataset(found, coords={"object_class": names, "feature_name": features["feature_name"]})
    result["best_class"] = "feature", np.array(names, object)[result["auroc"].values.argmax(1)]
    for number in ("positives", "places"):
        result[number] = "object_class", np.array([getattr(question, number) for question in questions])
    least_area, least_z = INTERPRETABLE
    result["interpretable"] = (result["best_auroc"] >= least_area) & (result["best_z"] >= least_z)
    return result


def _left_over_right(signal: Floats, shown: ObjectCells, movers: list[str]) -> Floats:
    found = np.full((signal.shape[1], len(movers)), np.nan)
    for place, name in enumerate(movers):
        left, right = (shown.of(f"{name} {way}") for way in DIRECTIONS)
        either = left != right
        for feature in range(len(found)):
            found[feature, place] = auroc(signal[:, feature][either], left[either])
    return found


def _interpretable_shares(result: xr.Dataset, features: xr.Dataset) -> dict[str, float]:
    chosen = result["interpretable"].values
    weights = features["share"].values if "share" in features else np.full(len(chosen), np.nan)
    return {
        "interpretable_share": float(chosen.mean()),
        "interpretable_attribution_share": float(chosen @ weights / weights.sum()),
    }
