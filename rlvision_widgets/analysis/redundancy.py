"""How many ways does an agent have of seeing one thing? Edit, look at what is left, edit again, until it is blind.

Each round

1. attributes what the edited agent still sees of the object to the channels of each layer (`still_seen_by_channel`);
2. proposes edits (`proposals`): the strongest features of the study, the strongest single channels, least-squares
   erasure of what tells the object's place (`erase_concept`) and of what the object adds (`erase_object`), fitted on
   the agent as it is by now;
3. keeps the one after which the object is seen least and the policy elsewhere has changed least (`Judge`), on other
   frames than those it was fitted on;
4. plays levels that are for choosing: how blind is it now, and does it fail more in other ways?

What is found so was chosen on those levels, and has to be measured on others (`measure_edit`).

References
----------
Hilton, Cammarata, Carter, Goh, Olah, "Understanding RL Vision", Distill 2020 (projections, iterated).
McGrath et al., "The Hydra Effect: Emergent Self-repair in Language Model Computations", 2023.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from rlvision_widgets.agents.agent import Agent
from rlvision_widgets.agents.editing import edited_agent
from rlvision_widgets.agents.edits import describe_network_edit, network_edits_from, network_edits_to_json
from rlvision_widgets.analysis.blindness import blindness, hidden_object
from rlvision_widgets.analysis.cause_table import ANY, ORIGINAL, failures
from rlvision_widgets.analysis.edit_internals import made_agent
from rlvision_widgets.analysis.evaluation import evaluate
from rlvision_widgets.analysis.held_out import chosen_by, held_out_levels
from rlvision_widgets.analysis.journal import Journal
from rlvision_widgets.analysis.paired import mcnemar
from rlvision_widgets.analysis.pairs import Judge, Pairs, object_pairs, still_seen_by_channel
from rlvision_widgets.analysis.progress import track
from rlvision_widgets.analysis.proposals import KINDS, Setting, Shares, feature_layers, proposals
from rlvision_widgets.environments.edits import Hide
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["hunt_redundancy"]

ALPHA = 0.05  # of the test that other failures have become more

Entry = dict[str, Any]


class Played(NamedTuple):
    """What a round's edits do on the levels: blindness with its interval, and failures by other causes."""

    blindness: float
    low: float
    high: float
    target_rate: float
    harm: float
    harm_p: float


@strict_keywords
def hunt_redundancy(
    agent: Agent,
    study: xr.DataTree,
    target: str = "saw",
    *,
    layers: Sequence[str] | None = None,
    kinds: Sequence[str] = KINDS,
    goal: float = 0.8,
    most_harm: float = 0.01,
    rounds: int = 6,
    keep: float = 1.0,
    weight: float = 2.0,
    num_pairs: int = 1024,
    levels: int = 500,
    seed: int = 1,
    environment: Any = None,
    num_trajectories: int = 64,
    precision: str = "float32",
    path: str | os.PathLike[str] | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Edit an agent round by round until it is blind to a class of objects, and see what it sees it by on the way.

    Parameters
    ----------
    agent : Agent
    study : DataTree
        Of it, of a Procgen game with states. Its levels are left out of those that are played.
    target : str
        A class whose objects can be hidden and end episodes: ``"saw"``, ``"enemy"``, ``"enemy moving left"``.
    layers : sequence of str, optional
        Where edits may be made; the first of which the study has features and those after it, unless given.
    kinds : sequence of str
        Of edits: ``"feature"``, ``"channel"``, ``"concept"`` (`erase_concept`), ``"object"`` (`erase_object`).
    goal : float
        Blindness at which the search ends.
    most_harm : float
        It also ends when failures by other causes rise by more than this share of the levels (McNemar p < .05).
    rounds : int
        Most edits.
    keep : float
        As in `erase_object`.
    weight : float
        How much a change of policy without the object counts, against one unit of still seeing it.
    num_pairs : int
        Most frames with the object, and most without; half of each to fit on, half to judge by.
    levels, seed : int
        Levels to choose by. Measure what is found with another seed.
    environment, num_trajectories, precision
        As for `evaluate`.
    path : path, optional
        A folder for rounds (``rounds.jsonl``) and levels (``levels.jsonl``): a call with the same settings goes on
        where the last one stopped.
    progress : bool
        Show progress bars.

    Returns
    -------
    DataTree
        ``/`` over round (0: the original): edit (in words), kind, seen and harm_policy (shares of what the original
        sees), blindness, blindness_low, blindness_high, target_rate, harm (rise of failures by other causes, share of
        levels), harm_p. attrs: target, settings, original_seen (nats), ceiling_rate, stopped (why), edits (JSON: those
        of the best_round, which has the largest blindness without harm).
        ``/left`` : left (round_before, layer, channel), what each channel carried of what was still seen before a
        round's edit, a share of what the original sees; NaN beyond a layer's channels.
        ``/proposals`` (proposal): in_round, kind, edit, seen, harm_policy of all that were tried.
        ``/outcomes`` : the evaluation, conditions ``"original"``, ``"round 1"``, …, ``"saw hidden"``.

    Raises
    ------
    ImportError, ValueError
        As `object_pairs` and `evaluate`; for an unknown layer or kind; when the policy does not depend on the object;
        for a path with another search.

    Notes
    -----
    An interrupt (Ctrl-C) ends it without a result; with `path`, nothing that was finished is lost.
    """
    counts = {"rounds": (rounds, 1), "num_pairs": (num_pairs, 2), "levels": (levels, 1)}  # fit, and judge
    for name, (number, least) in counts.items():
        check_count(name, number, least)
    for kind in kinds:
        if kind not in KINDS:
            raise ValueError(unknown("kind of edit", kind, KINDS))
    chosen = _layers(made_agent(agent, agent), study, layers)
    fitting, judging = object_pairs(study, target, num_pairs, num_pairs, progress=progress).halves()
    judge = Judge(agent, judging)
    if not judge.seen > 0:
        raise ValueError(
            f"the policy of {agent.name!r} does not depend on {target!r} in these frames: nothing to hunt."
        )
    setting = Setting(agent, study, chosen, fitting, keep)
    question = {"agent": agent.checkpoint, "target": target, "layers": chosen, "kinds": list(kinds), "keep": keep}
    question |= {"weight": weight, "num_pairs": num_pairs, "frames": [len(fitting.shown), len(fitting.others)]}
    question |= {"study": _mark(study, [fitting, judging])}
    folder = None if path is None else Path(path)
    journal = Journal(folder and folder / "rounds.jsonl", question)
    seeds = held_out_levels(levels, seed, chosen_by(study))
    options: dict[str, Any] = {"environment": environment, "num_trajectories": num_trajectories, "seed": seed}
    options |= {"precision": precision, "progress": progress, "path": folder and folder / "levels.jsonl"}
    hidden = hidden_object(target)
    options["world"] = {f"{hidden} hidden": [Hide(hidden)]}
    played: list[Played] = []
    while True:
        done = len(played)
        if done == len(journal.entries):
            journal.add(_round(setting, judge, journal.entries, kinds=kinds, weight=weight, progress=progress))
        entry = journal.entries[done]
        if entry["edits"] is None:
            stopped = "no edit that was proposed makes it see less without changing more elsewhere"
            break
        outcomes = evaluate(agent, seeds, edits=_by_round(journal.entries[: done + 1]), **options)
        played.append(_played(outcomes, f"round {done + 1}", f"{hidden} hidden", target))
        stopped = _stopped(played, goal, most_harm, rounds)
        if stopped:
            break
    settings = {"goal": goal, "most_harm": most_harm, "levels": levels, "seed": seed, "target": target}
    if not played:
        outcomes = evaluate(agent, seeds, **options)
    return _tree(journal.entries, played, outcomes, judge.seen, settings | {"stopped": stopped})


def _mark(study: xr.DataTree, pairs: Sequence[Pairs]) -> str:
    """Return a digest of what is fitted on and judged by: the frames, and the study's features."""
    digest = hashlib.sha256()
    for part in pairs:
        for frames in (part.shown, part.hidden, part.others):
            digest.update(frames.tobytes())
    for layer in feature_layers(study):
        digest.update(layer.encode())
        digest.update(study.children["layers"].children[layer].dataset["direction"].values.tobytes())
    return digest.hexdigest()[:16]


def _layers(agent: Agent, study: xr.DataTree, layers: Sequence[str] | None) -> list[str]:
    for layer in layers or ():
        if layer not in agent.layers:
            raise ValueError(unknown("layer", layer, agent.layers, f"They are those of agent {agent.name!r}."))
    if layers is not None:
        return list(layers)
    known = [agent.layers.index(layer) for layer in feature_layers(study) if layer in agent.layers]
    return list(agent.layers[min(known, default=0) :])


def _round(
    setting: Setting, judge: Judge, entries: Sequence[Entry], *, kinds: Sequence[str], weight: float, progress: bool
) -> Entry:
    """Attribute, propose, judge; return what is kept, with all that was tried. Edits are None where nothing helps."""
    edits = list(network_edits_from(entries[-1]["edits"])) if entries else []
    edited = edited_agent(setting.original, edits) if edits else setting.original
    before = judge.of(edited)
    left = _left(edited, judge, setting)
    tried: list[Entry] = []
    made = list(proposals(setting, edited, left, kinds))
    for kind, edit in track(made, f"round {len(entries) + 1}", "edit", progress):
        after = judge.of(edited_agent(edited, [edit]))
        cost = (after.seen + weight * after.harm) / judge.seen
        told = {"kind": kind, "edit": describe_network_edit(edit), "cost": cost}
        tried.append({**told, "seen": after.seen / judge.seen, "harm": after.harm / judge.seen})
    best = min(range(len(tried)), key=lambda index: float(tried[index]["cost"]), default=None)
    entry: Entry = {"edits": None, "tried": tried, "left": {layer: share.tolist() for layer, share in left.items()}}
    if best is None or tried[best]["cost"] >= (before.seen + weight * before.harm) / judge.seen:
        return entry
    return {**entry, **tried[best], "edits": network_edits_to_json([*edits, made[best].edit])}


def _left(edited: Agent, judge: Judge, setting: Setting) -> Shares:
    return {layer: still_seen_by_channel(edited, setting.pairs, layer) / judge.seen for layer in setting.layers}


def _by_round(entries: Sequence[Entry]) -> dict[str, Any]:
    return {f"round {number}": network_edits_from(entry["edits"]) for number, entry in enumerate(entries, start=1)}


def _played(outcomes: xr.Dataset, condition: str, ceiling: str, target: str) -> Played:
    failed = failures(outcomes, [target])
    by_target = failed.sel(cause=target)
    other = failed.sel(cause=ANY) & ~by_target
    now, then = other.sel(condition=condition).values, other.sel(condition=ORIGINAL).values
    b, c = int((now & ~then).sum()), int((then & ~now).sum())
    blind = blindness(*(by_target.sel(condition=name).values for name in (ORIGINAL, condition, ceiling)))
    rate = float(by_target.sel(condition=condition).mean())
    return Played(*blind[:3], rate, (b - c) / len(now), mcnemar(b, c))


def _harms(one: Played, most_harm: float) -> bool:
    return one.harm > most_harm and one.harm_p < ALPHA


def _stopped(played: Sequence[Played], goal: float, most_harm: float, rounds: int) -> str:
    """Return why the search ends here; empty if it goes on."""
    last = played[-1]
    if _harms(last, most_harm):
        return f"failures by other causes have risen by {last.harm:.1%} of the levels (p = {last.harm_p:.2g})"
    if np.isnan(last.blindness):
        return "the hidden object is not shown to raise failures on these levels, so that nothing is blind: play more"
    if last.blindness >= goal:
        return f"blindness has reached {goal:.0%}"
    if len(played) == rounds:
        return f"all {rounds} rounds are over"
    return ""


def _tree(
    entries: Sequence[Entry], played: Sequence[Played], outcomes: xr.Dataset, seen: float, said: dict[str, Any]
) -> xr.DataTree:
    kept = entries[: len(played)]
    column = {
        "edit": ["none", *(entry["edit"] for entry in kept)],
        "kind": ["", *(entry["kind"] for entry in kept)],
        "seen": [1.0, *(entry["seen"] for entry in kept)],
        "harm_policy": [0.0, *(entry["harm"] for entry in kept)],
    }
    failed = failures(outcomes, [said["target"]]).sel(cause=said["target"]).mean("level")
    first = Played(0.0, 0.0, 0.0, float(failed.sel(condition=ORIGINAL)), 0.0, 1.0)
    names = ("blindness", "blindness_low", "blindness_high", "target_rate", "harm", "harm_p")
    column |= dict(zip(names, map(list, zip(first, *played, strict=True)), strict=True))
    harmless = [number for number, one in enumerate(played, start=1) if not _harms(one, said["most_harm"])]
    best = max(harmless, key=lambda number: np.nan_to_num(played[number - 1].blindness), default=0)
    edits = kept[best - 1]["edits"] if best else "[]"
    ceiling = float(failed.isel(condition=-1))
    root = xr.Dataset(
        {
            name: ("round", np.array(values, object if isinstance(values[0], str) else float))
            for name, values in column.items()
        },
        attrs={**said, "best_round": best, "edits": edits, "original_seen": seen, "ceiling_rate": ceiling},
    )
    return xr.DataTree.from_dict(
        {"/": root, "/left": _left_table(entries), "/proposals": _tried_table(entries), "/outcomes": outcomes}
    )


def _left_table(entries: Sequence[Entry]) -> xr.Dataset:
    layers = list(entries[0]["left"])
    most = max(len(entries[0]["left"][layer]) for layer in layers)
    found = np.full((len(entries), len(layers), most), np.nan)
    for row, entry in enumerate(entries):
        for place, layer in enumerate(layers):
            found[row, place, : len(entry["left"][layer])] = entry["left"][layer]
    return xr.Dataset({"left": (("round_before", "layer", "channel"), found)}, coords={"layer": layers})


def _tried_table(entries: Sequence[Entry]) -> xr.Dataset:
    rows = [(number, one) for number, entry in enumerate(entries, start=1) for one in entry["tried"]]
    texts = {name: ("proposal", np.array([one[name] for _, one in rows], object)) for name in ("kind", "edit")}
    numbers = {
        new: ("proposal", np.array([one[old] for _, one in rows], float))
        for new, old in (("seen", "seen"), ("harm_policy", "harm"))
    }
    return xr.Dataset({"in_round": ("proposal", np.array([number for number, _ in rows], int)), **texts, **numbers})
