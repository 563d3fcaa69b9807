"""The edit card: everything a sceptical reader asks of an edit, computed from the same levels played twice."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from rlvision_widgets.analysis.blindness import blindness
from rlvision_widgets.analysis.card_controls import against_controls, by_strength
from rlvision_widgets.analysis.card_findings import findings
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

__all__ = ["check_targets", "edit_card", "hidden_object"]

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
    "agent", "checkpoint", "environment", "environment_options", "environment_package", "seed", "precision", "bound",
)  # fmt: skip
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
    confidence: float = 0.95,
    power: float = 0.8,
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
        A change of a rate that would not matter, as a share of levels; .005 unless the card says otherwise. Rows that
        differ by less, for sure, are called equivalent.
    ceiling : mapping of str, optional
        For each edit the condition in which its target cannot be seen; by default the world in which it is hidden.
    selection : sequence of int, optional
        Level seeds by which the edits were chosen. None of them may be among those evaluated.
    confidence : float
        Of all intervals (those of equivalence: 90 %, as belongs to two one-sided tests at 5 %).
    power : float
        Chance of being seen that the minimum detectable effect has.
    num_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    DataTree
        causes (condition, cause): count, rate and its Wilson interval; paired with the original, level by level: b, c,
        exact McNemar p, p_holm (over all rows of all conditions), difference with Tango's and Newcombe's interval,
        p_equivalent, equivalent and its 90 % interval, mde (of separate samples) and mde_paired.
        ceiling (edit): rates and blindness index with bootstrap interval. null (null, cause), dose (edit, strength,
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
    there = {node.path.lstrip("/") for node in given.subtree}
    if "outcomes/main" not in there:
        raise ValueError("expected an evaluation, or an edit card; this tree has no node /outcomes/main.")
    main = given["outcomes/main"].to_dataset()
    check_evaluation(main)
    if main.sizes["condition"] < 2:
        raise ValueError(
            "there is nothing to compare: evaluate the agent with edits, rlv.evaluate(agent, edits={'blind': [edit]})."
        )
    apart(main["level_seed"].values, selection)
    margin = float(given.attrs.get("margin", 0.005)) if margin is None else margin
    kinds = _kinds(main)
    targets = _targets(main, kinds, target if target is not None else json.loads(given.attrs.get("targets", "{}")))
    failed = failures(main, targets.values())
    nodes: dict[str, xr.Dataset] = {"causes": _causes(failed, kinds, targets, margin, confidence, power)}
    ceilings = _ceilings(main, kinds, targets, ceiling)
    if ceilings:
        settings = {"confidence": confidence, "num_resamples": num_resamples, "seed": seed}
        nodes["ceiling"] = _ceiling(failed, targets, ceilings, settings)
    if "outcomes/null" in there:
        nodes["null"] = against_controls(given["outcomes/null"].to_dataset(), main, targets)
    if "outcomes/dose" in there:
        nodes["dose"] = by_strength(given["outcomes/dose"].to_dataset(), targets, confidence)
    kept = ("internals", "probes", "outcomes/main", "outcomes/null", "outcomes/dose")
    nodes |= {name: given[name].to_dataset() for name in kept if name in there}
    card = xr.DataTree.from_dict(dict(nodes.items()))
    reasons = WITHOUT | json.loads(given.attrs.get("missing", "{}"))
    attrs = {
        **{name: main.attrs[name] for name in CARRIED if name in main.attrs},
        "kind": "edit card",
        "num_levels": main.sizes["level"],
        "edits": main.attrs.get("edits", "{}"),
        "world": main.attrs.get("world", "{}"),
        "targets": json.dumps(targets),
        "margin": margin,
        "confidence": confidence,
        "power": power,
        "alpha": ALPHA,
        "cause_rule": CAUSE_RULE,
        "holm_family": int(card["causes"]["p"].notnull().sum()),
        "missing": json.dumps({name: why for name, why in reasons.items() if name not in nodes}),
    }
    card.attrs = {**given.attrs, **attrs} if isinstance(result, xr.DataTree) else attrs
    if selection is not None:
        card.attrs["num_selection_levels"] = len(selection)
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


def hidden_object(cause: str) -> str:
    """Return the object class that has to be hidden for a cause to be unseen: an enemy, whichever way it walks."""
    return re.sub(r" moving (left|right)$", "", cause)


def _as_tree(result: Any) -> xr.DataTree:
    check_evaluation(result)
    return xr.DataTree.from_dict({"outcomes/main": result})


def _kinds(main: xr.Dataset) -> dict[str, str]:
    """Return the kind of each condition."""
    worlds = json.loads(main.attrs.get("world", "{}"))
    names = [str(name) for name in main["condition"].values]
    return {name: ORIGINAL if name == ORIGINAL else "world" if name in worlds else "edit" for name in names}


def _targets(main: xr.Dataset, kinds: Mapping[str, str], target: str | Mapping[str, str]) -> dict[str, str]:
    """Return the target of each edit that has one."""
    edits = [name for name, kind in kinds.items() if kind == "edit"]
    by_name = dict.fromkeys(edits, target) if isinstance(target, str) else dict(target)
    check_targets(by_name, edits, [str(cause) for cause in failures(main)["cause"].values])
    return by_name


def _ceilings(
    main: xr.Dataset, kinds: Mapping[str, str], targets: Mapping[str, str], ceiling: Mapping[str, str] | None
) -> dict[str, str]:
    """Return the condition in which each edit's target cannot be seen, where there is one."""
    if ceiling is not None:
        for edit, condition in ceiling.items():
            if edit not in targets:
                raise ValueError(unknown("edit with a target", edit, targets))
            if condition not in kinds:
                raise ValueError(unknown("condition", condition, kinds))
        return dict(ceiling)
    worlds = json.loads(main.attrs.get("world", "{}"))
    hidden = {_hidden(edits): name for name, edits in worlds.items() if kinds.get(name) == "world"}
    return {edit: hidden[what] for edit, cause in targets.items() if (what := hidden_object(cause)) in hidden}


def _hidden(edits: Sequence[Mapping[str, Any]]) -> str:
    """Return what a world hides everywhere; nothing if it does something else as well."""
    alone = len(edits) == 1 and edits[0].get("kind") == "hide" and edits[0].get("at") is None
    return str(edits[0]["what"]) if alone else ""


def _causes(  # noqa: PLR0917 - the settings of one table
    failed: xr.DataArray,
    kinds: Mapping[str, str],
    targets: Mapping[str, str],
    margin: float,
    confidence: float,
    power: float,
) -> xr.Dataset:
    number = failed.sizes["level"]
    table = xr.merge([rates(failed, confidence), changes(failed, failed.sel(condition=ORIGINAL))])
    table = table.merge(verdicts(table, number, margin=margin, confidence=confidence, power=power, alpha=ALPHA))
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
    return table.assign_attrs(num_levels=number, margin=margin, confidence=confidence, power=power, alpha=ALPHA)


def _ceiling(
    failed: xr.DataArray, targets: Mapping[str, str], ceilings: Mapping[str, str], settings: Mapping[str, Any]
) -> xr.Dataset:
    rows = []
    for edit, condition in ceilings.items():
        outcomes = [failed.sel(condition=name, cause=targets[edit]).values for name in (ORIGINAL, edit, condition)]
        rows.append([*(outcome.mean() for outcome in outcomes), *blindness(*outcomes, **settings)])
    names = ("rate_original", "rate_edited", "rate_ceiling", "blindness", "blindness_low", "blindness_high")
    columns = np.array(rows, float).T
    return xr.Dataset(
        {name: ("edit", column) for name, column in zip(names, columns, strict=True)},
        coords={
            "edit": np.array(list(ceilings), object),
            "target": ("edit", np.array([targets[edit] for edit in ceilings], object)),
            "ceiling": ("edit", np.array(list(ceilings.values()), object)),
        },
        attrs={"num_levels": failed.sizes["level"], "num_resamples": settings["num_resamples"]},
    )
