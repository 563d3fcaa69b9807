"""The edit card: everything a sceptical reader asks of an edit, computed from the same levels played twice."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.blindness import ceiling_table, ceilings_of
from rlvision_widgets.analysis.card_controls import against_controls, by_strength
from rlvision_widgets.analysis.card_findings import edit_texts, findings
from rlvision_widgets.analysis.cause_table import (
    ANY,
    CAUSE_RULE,
    ORIGINAL,
    changes,
    check_evaluation,
    failures,
    rates,
    verdicts,
)
from rlvision_widgets.analysis.held_out import apart
from rlvision_widgets.analysis.paired import holm
from rlvision_widgets.names import strict_keywords, unknown

__all__ = ["check_targets", "edit_card"]

ALPHA = 0.05
KNOWN = (
    "saw",
    "enemy",
    "enemy moving left",
    "enemy moving right",
    "lava",
    "timeout",
)  # CoinRun's, even if none occurred
CARRIED = (
    *("agent", "checkpoint", "environment", "environment_options", "environment_package", "package_version"),
    *("seed", "precision", "command"),
)
KEPT = ("internals", "probes", "outcomes/main", "outcomes/null", "outcomes/dose")
DEFAULTS = {"margin": 0.005, "confidence": 0.95, "power": 0.8}
WITHOUT = {  # what is said of a node that is absent
    "ceiling": "no condition in which the target cannot be seen: evaluate(world={name: [rlv.Hide(target)]}) adds it.",
    "null": "no controls of matched norm were played: rlv.measure_edit plays them.",
    "dose": "only one strength was played: rlv.measure_edit plays several, of which 0 is the sham.",
    "internals": "the change of policy and value was not measured: rlv.measure_edit(study=…) does.",
    "probes": "nothing was probed for the object after the edit: rlv.measure_edit(study=…) does.",
}


@strict_keywords
def edit_card(
    result: xr.Dataset | xr.DataTree,
    *,
    target: str | Mapping[str, str] | None = None,
    margin: float | None = None,
    ceiling: Mapping[str, str] | None = None,
    selection: Sequence[int] | npt.NDArray[np.integer] | None = None,
    confidence: float | None = None,
    power: float | None = None,
    num_resamples: int = 10_000,
    seed: int = 0,
) -> xr.DataTree:
    """Say what an edit changed, how sure that is, and what could have gone unseen.

    Parameters
    ----------
    result : Dataset or DataTree
        From `evaluate`, with at least one condition beside the original; or a card, e.g. of `measure_edit`, to be
        computed again with other settings.
    target : str or mapping of str, optional
        The cause of failures that the edits are meant to bring about, or that of each edit by its name.
    margin : float, optional
        A change of a rate that would not matter, as a share of levels: rows that differ by less, for sure, are called
        equivalent. Like the next two, that of a card that comes, else the default: .005.
    ceiling : mapping of str, optional
        For each edit the condition in which its target cannot be seen; by default the world in which it is hidden.
    selection : sequence of int, optional
        Level seeds by which the edits were chosen. None of them may be among those evaluated.
    confidence : float, optional
        Of all intervals, .95 (those of equivalence: 90 %, as belongs to two one-sided tests at 5 %).
    power : float, optional
        Chance of being seen that the minimum detectable effect has, .8.
    num_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    DataTree
        causes (condition, cause): count, rate and its Wilson interval; paired with the original, level by level: b, c,
        exact McNemar p, p_holm (over all rows of all conditions), difference with Tango's and Newcombe's interval,
        p_equivalent, equivalent and its 90 % interval, mde (of separate samples) and mde_paired.
        ceiling (edit): rates and blindness index with bootstrap interval, NaN where p_ceiling does not show that the
        unseen object raises failures. null (null, cause), dose (edit, strength,
        cause), internals, probes: where there are such measurements. outcomes/…: the levels themselves. attrs:
        findings (in words), missing (JSON: what is absent, and why), and the settings.

    Raises
    ------
    ValueError
        For no evaluation, nothing to compare, an unknown cause or condition, and levels that chose the edit.

    Notes
    -----
    Rates and differences are shares, 0 to 1. b counts levels failed by that cause in the condition only, c in the
    original only.
    """
    given = result if isinstance(result, xr.DataTree) else _as_tree(result)
    measured = {node.path.lstrip("/"): node.to_dataset() for node in given.subtree}
    if "outcomes/main" not in measured:
        raise ValueError("expected an evaluation, or an edit card; this tree has no node /outcomes/main.")
    main = measured["outcomes/main"]
    check_evaluation(main)
    if main.sizes["condition"] < 2:
        raise ValueError(
            "there is nothing to compare: evaluate the agent with edits, rlv.evaluate(agent, edits={'blind': [edit]})."
        )
    apart(main["level_seed"].values, selection)
    asked = {"margin": margin, "confidence": confidence, "power": power}
    settings = {
        name: float(given.attrs.get(name, DEFAULTS[name]) if value is None else value) for name, value in asked.items()
    }
    kinds = _kinds(main)
    targets = _targets(main, kinds, target if target is not None else json.loads(given.attrs.get("targets", "{}")))
    failed = failures(main, targets.values())
    nodes: dict[str, xr.Dataset] = {"causes": _causes(failed, kinds, targets, settings)}
    ceilings = ceilings_of(main, kinds, targets, ceiling)
    if ceilings:
        drawn = {"confidence": settings["confidence"], "num_resamples": num_resamples, "seed": seed}
        nodes["ceiling"] = ceiling_table(failed, targets, ceilings, drawn)
    if "outcomes/null" in measured:
        nodes["null"] = against_controls(measured["outcomes/null"], main, targets)
    if "outcomes/dose" in measured:
        nodes["dose"] = by_strength(measured["outcomes/dose"], targets, settings["confidence"])
    nodes |= {name: measured[name] for name in KEPT if name in measured}
    card = xr.DataTree()
    for name, node in nodes.items():
        card[name] = xr.DataTree(node)
    card.attrs = {
        **{str(name): value for name, value in given.attrs.items()},
        **_described(main),
        **settings,
        "kind": "edit card",
        "num_levels": main.sizes["level"],
        "targets": json.dumps(targets),
        "alpha": ALPHA,
        "cause_rule": CAUSE_RULE,
        "holm_family": int(nodes["causes"]["p"].notnull().sum()),
        "missing": json.dumps(_missing(nodes, json.loads(given.attrs.get("missing", "{}")))),
    }
    if selection is not None:
        judging = main.sizes["level"]
        card.attrs["selection"] = f"{len(selection):,} levels chose the edit; {judging:,} others judge it."
    card.attrs["findings"] = findings(card)
    return card


def check_targets(targets: Mapping[str, str], edits: Sequence[str], occurred: Sequence[str] = ()) -> None:
    """Raise ValueError if a target is of no edit, or is no cause that occurred or is known."""
    causes = list(dict.fromkeys([*occurred, *KNOWN]))
    for name, cause in targets.items():
        if name not in edits:
            raise ValueError(unknown("edit", name, edits))
        if cause not in causes:
            raise ValueError(unknown("cause", cause, causes))


def _as_tree(result: Any) -> xr.DataTree:
    check_evaluation(result)
    return xr.DataTree.from_dict({"outcomes/main": result})


def _described(main: xr.Dataset) -> dict[str, Any]:
    """Return what is known of the agent, its world, and the edits: as data, and in words."""
    told = {name: main.attrs[name] for name in CARRIED if name in main.attrs}
    edits = {name: main.attrs.get(name, "{}") for name in ("edits", "world")}
    return {**told, **edits, "edit_texts": json.dumps(edit_texts(edits["edits"], edits["world"]))}


def _missing(nodes: Mapping[str, xr.Dataset], known: Mapping[str, str]) -> dict[str, str]:
    """Return what is absent or incomplete, and why."""
    absent = {name: known.get(name, why) for name, why in WITHOUT.items() if name not in nodes}
    partly = {name: why for name, why in known.items() if name in KEPT and name in nodes and why != WITHOUT[name]}
    return absent | partly


def _kinds(main: xr.Dataset) -> dict[str, str]:
    """Return the kind of each condition."""
    worlds = json.loads(main.attrs.get("world", "{}"))
    names = [str(name) for name in main["condition"].values]
    return {name: ORIGINAL if name == ORIGINAL else "world" if name in worlds else "edit" for name in names}


def _targets(main: xr.Dataset, kinds: Mapping[str, str], target: str | Mapping[str, str]) -> dict[str, str]:
    """Return the target of each edit that has one."""
    edits = [name for name, kind in kinds.items() if kind == "edit"]
    if isinstance(target, str) and not edits:
        raise ValueError(
            f"target={target!r} is what an edit of the network is meant to bring about, and there is none."
        )
    by_name = dict.fromkeys(edits, target) if isinstance(target, str) else dict(target)
    check_targets(by_name, edits, [str(cause) for cause in failures(main)["cause"].values])
    return by_name


def _causes(
    failed: xr.DataArray, kinds: Mapping[str, str], targets: Mapping[str, str], settings: Mapping[str, float]
) -> xr.Dataset:
    number = failed.sizes["level"]
    table = xr.merge([rates(failed, settings["confidence"]), changes(failed, failed.sel(condition=ORIGINAL))])
    table = table.merge(verdicts(table, number, alpha=ALPHA, **settings))
    table["p_holm"] = table["p"].dims, holm(table["p"].values)
    conditions, causes = (list(map(str, failed[dim].values)) for dim in ("condition", "cause"))
    role = [
        ["total" if cause == ANY else "target" if targets.get(name) == cause else "other" for cause in causes]
        for name in conditions
    ]
    table["role"] = ("condition", "cause"), np.array(role, object)
    table = table.assign_coords(
        kind=("condition", np.array([kinds[name] for name in conditions], object)),
        target=("condition", np.array([targets.get(name, "") for name in conditions], object)),
    )
    return table.assign_attrs({"num_levels": number, "alpha": ALPHA, **settings})
