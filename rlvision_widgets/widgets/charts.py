"""Charts of a study for notebooks, in bqplot, whose cursor follows an explorer in the browser.

Each function takes what is shown: an explorer, whose trajectory, layer and output the chart then follows, or a study.
It returns a bqplot figure, to be shown as it is, put beside the explorer, or changed like any other.
"""

from collections.abc import Iterable, Sequence

import bqplot as bq
import numpy as np
import numpy.typing as npt

from rlvision_widgets.names import strict_keywords, unknown
from rlvision_widgets.schema import Output
from rlvision_widgets.widgets.description import action_names, are_computed
from rlvision_widgets.widgets.time_chart import MUTED, ExplorerOrStudy, Series, Shown, TimeChart, extent

__all__ = ["plot_curves", "plot_policy", "plot_totals"]

Floats = npt.NDArray[np.floating]

CURVES = {"value": "#0072B2", "advantage": "#D55E00", "reward": "#009E73"}
# Okabe and Ito's, first those that are seen on white and on black.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#F0E442")


@strict_keywords
def plot_curves(
    shown: ExplorerOrStudy, trajectory: int | None = None, *, curves: Sequence[str] = ("value", "advantage")
) -> bq.Figure:
    """Plot what the agent expects and how that turns out, over the steps of a trajectory.

    Parameters
    ----------
    shown : Explorer, DataTree, str or Path
        A study, or where one is saved; or an explorer, whose step the cursor then follows in the browser.
    trajectory : int, optional
        By default the explorer's, whatever it becomes; without an explorer the first.
    curves : sequence of str
        Some of ``"value"``, ``"advantage"`` and ``"reward"``, all in raw reward.

    Returns
    -------
    bqplot.Figure
        Lines break where an episode ends. The axis fits all trajectories, so that they can be compared. A trajectory
        of more than 2,000 steps is drawn by the smallest and the largest value of every few steps, which its axis
        says; no extreme is lost.

    Raises
    ------
    ValueError
        For an unknown curve, or one that the study lacks (of an agent without a value); for a trajectory out of
        range.
    """
    names = _chosen("curve", curves, list(CURVES))
    view = Shown.of(shown, trajectory=trajectory)
    for name in names:
        if name not in view.study:
            raise ValueError(f"this study has no {name}: its agent has no value function. Leave it out of curves=.")
    data = [view.study[name].variable for name in names]
    ends = extent(*(variable.values for variable in data))

    def read() -> Series:
        values = np.stack([variable.isel(trajectory=view.trajectory).values for variable in data])
        return Series(names, [CURVES[name] for name in names], values, ends, _listed(names), "raw reward")

    return TimeChart(view, read).figure


@strict_keywords
def plot_policy(
    shown: ExplorerOrStudy, trajectory: int | None = None, *, actions: Sequence[str] | None = None
) -> bq.Figure:
    """Plot how probable actions are, over the steps of a trajectory.

    Parameters
    ----------
    shown, trajectory
        As in `plot_curves`.
    actions : sequence of str, optional
        Names of at most eight actions; by default the six that are the most probable on average over the study.

    Returns
    -------
    bqplot.Figure
        As from `plot_curves`; the axis goes from 0 to 1.

    Raises
    ------
    ValueError
        For an unknown action, none, or more than eight; for a trajectory out of range.
    """
    view = Shown.of(shown, trajectory=trajectory)
    known, logits = action_names(view.study), view.study["policy_logits"].variable
    if actions is None:
        mean = np.nanmean(_probabilities(logits.values), axis=(0, 1))
        chosen = [int(action) for action in np.argsort(-mean, kind="stable")[:6]]
    else:
        chosen = [known.index(name) for name in _chosen("action", actions, known)]
    if len(chosen) > len(COLOURS):
        raise ValueError(f"at most {len(COLOURS)} actions can be told apart, got {len(chosen)}")

    def read() -> Series:
        probabilities = _probabilities(logits.isel(trajectory=view.trajectory).values)
        names, colours = [known[action] for action in chosen], list(COLOURS[: len(chosen)])
        return Series(names, colours, probabilities[:, chosen].T, (0.0, 1.0), "policy", "probability")

    return TimeChart(view, read).figure


@strict_keywords
def plot_totals(
    shown: ExplorerOrStudy,
    trajectory: int | None = None,
    *,
    layer: str | None = None,
    output: str | None = None,
    features: Sequence[int | str] | None = None,
) -> bq.Figure:
    """Plot how much each feature raises or lowers an output, over the steps of a trajectory.

    Parameters
    ----------
    shown, trajectory
        As in `plot_curves`.
    layer, output : str, optional
        By default the explorer's, whatever they become; without an explorer what one would show first.
    features : sequence of int or str, optional
        Numbers or names; by default all, and the residual as a dotted line.

    Returns
    -------
    bqplot.Figure
        As from `plot_curves`; features have their names and colours. Steps that are not computed stay empty.

    Raises
    ------
    ValueError
        For an unknown feature; for a layer or output that the study has no attribution of; for a trajectory out of
        range.
    """
    view = Shown.of(shown, trajectory=trajectory, layer=layer, output=output)
    view.attribution()

    def read() -> Series:
        node = view.attribution()
        total, residual = node.dataset["total"].transpose(..., "feature").values, node.dataset["residual_total"].values
        computed = are_computed(node, {"trajectory": view.trajectory})
        names, colours = features_of(view)
        kept = range(len(names)) if features is None else _features(features, names)
        lines, ends = [total[view.trajectory, :, k] for k in kept], [total[..., k] for k in kept]
        names, colours = [names[k] for k in kept], [colours[k] for k in kept]
        if features is None:
            lines, ends = [*lines, residual[view.trajectory]], [*ends, residual]
            names, colours = [*names, "residual"], [*colours, MUTED]
        values = np.where(computed, np.stack(lines), np.nan)
        title = f"features of {view.layer} for {view.output}"
        return Series(names, colours, values, extent(*ends), title, unit_of(view), dotted=features is None)

    return TimeChart(view, read).figure


def unit_of(view: Shown) -> str:
    """Return the unit of the output's attribution."""
    kind = Output.parse(view.output, view.source.action_names).kind
    return {"value": "raw reward", "log_prob": "nats"}.get(kind, "logits")


def features_of(view: Shown) -> tuple[list[str], list[str]]:
    """Return the names and colours of the layer's features."""
    layer = view.study[f"layers/{view.layer}"].dataset
    names, colours = layer["feature_name"].values, layer["colour"].values
    return [str(name) for name in names], [str(colour) or MUTED for colour in colours]


def _features(wanted: Iterable[int | str], names: list[str]) -> list[int]:
    numbers = []
    for feature in wanted:
        number = names.index(feature) if feature in names else feature
        if not isinstance(number, int | np.integer):
            raise ValueError(unknown("feature", feature, names))
        if not 0 <= number < len(names):
            raise ValueError(f"feature must be from 0 to {len(names) - 1}, got {number}")
        numbers.append(int(number))
    if not numbers:
        raise ValueError("features= names no feature; leave it out to plot all")
    return numbers


def _chosen(kind: str, names: Sequence[str], known: list[str]) -> list[str]:
    if isinstance(names, str):
        raise ValueError(f"expected a list of {kind}s, got the text {names!r}: write [{names!r}]")
    for name in names:
        if name not in known:
            raise ValueError(unknown(kind, name, known))
    if not names:
        raise ValueError(f"expected at least one {kind} of {', '.join(known)}")
    return list(dict.fromkeys(names))


def _probabilities(logits: Floats) -> Floats:
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities: Floats = shifted / shifted.sum(axis=-1, keepdims=True)
    return probabilities


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]
