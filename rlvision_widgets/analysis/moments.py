"""Where to look: advantages, episodes, and the steps at which things went unexpectedly well or badly."""

from itertools import pairwise
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr

from rlvision_widgets.names import strict_keywords

__all__ = ["advantages", "bookmarks", "causes", "episodes"]


@strict_keywords
def advantages(  # noqa: PLR0917 - the order of the arguments is settled
    value: npt.ArrayLike,
    reward: npt.ArrayLike,
    first: npt.ArrayLike,
    gamma: float = 0.999,
    lam: float = 0.95,
    final_value: npt.ArrayLike | Literal["zero"] | None = None,
) -> npt.NDArray[np.floating]:
    """Estimate by how much each action did better than the value function expected.

    With d[t] = first[t + 1], backwards from the last step:

        delta[t] = reward[t] + gamma (1 - d[t]) value[t + 1] - value[t]
        advantage[t] = delta[t] + gamma lam (1 - d[t]) advantage[t + 1]

    (generalised advantage estimation; Schulman et al. 2016, equations 11 to 16).

    Parameters
    ----------
    value, reward : array_like, (..., step)
        In the same units; reward[t] is what the action of step t earned.
    first : array_like of bool, (..., step)
        Whether the observation of the step opens an episode.
    gamma, lam : float
        Discount, and the weight of later deltas.
    final_value : array_like, (...), or "zero", optional
        Value of what follows the last step: of the observation after it, 0 where the episode ended there. Without
        it the advantage of the last step is NaN, and earlier ones leave it out. ``"zero"`` does the same with 0
        for NaN, as Hilton et al. (2020) do.

    Returns
    -------
    ndarray, (..., step)
        In the units of the value, and of its dtype.
    """
    value, reward, first = np.asarray(value), np.asarray(reward), np.asarray(first, dtype=bool)
    if not value.shape == reward.shape == first.shape or value.ndim == 0:
        raise ValueError(
            "value, reward and first must have one shape that ends in step; "
            f"got {value.shape}, {reward.shape} and {first.shape}"
        )
    dtype = value.dtype if np.issubdtype(value.dtype, np.floating) else np.dtype(np.float64)
    goes_on = np.logical_not(first[..., 1:])
    delta = reward[..., :-1] + gamma * goes_on * value[..., 1:].astype(np.float64) - value[..., :-1]
    last, later = _last_advantage(value, reward, gamma, final_value)
    result = np.empty(value.shape)
    result[..., -1] = last
    for step in reversed(range(delta.shape[-1])):
        later = delta[..., step] + gamma * lam * goes_on[..., step] * later
        result[..., step] = later
    return result.astype(dtype)


def _last_advantage(
    value: npt.NDArray[np.floating],
    reward: npt.NDArray[np.floating],
    gamma: float,
    final_value: npt.ArrayLike | Literal["zero"] | None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the last step's advantage, and what the steps before it add of it."""
    shape = value.shape[:-1]
    if final_value is None:
        return np.full(shape, np.nan), np.zeros(shape)
    if isinstance(final_value, str):
        if final_value != "zero":
            raise ValueError(f"final_value: expected numbers, 'zero' or None, got {final_value!r}")
        return np.zeros(shape), np.zeros(shape)
    after = np.asarray(final_value, dtype=np.float64)
    if after.shape != shape:
        raise ValueError(f"final_value: expected one number per trajectory, {shape}, got {after.shape}")
    last = reward[..., -1] + gamma * after - value[..., -1]
    return last, last


@strict_keywords
def episodes(rollout: xr.Dataset | xr.DataTree) -> pd.DataFrame:
    """List the episodes of a rollout.

    Parameters
    ----------
    rollout : Dataset or DataTree
        A rollout, or a study.

    Returns
    -------
    DataFrame
        A row per episode: trajectory, episode (from 0), start and stop (steps; stop is exclusive), level_seed,
        return (sum of raw rewards), outcome: ``completed``, ``failed``, ``unfinished`` when the rollout ends
        before the episode does, or ``ended`` in a world without levels, which does not say how it went; and cause,
        what ended it (``saw``), empty where the study has none (see `add_endings`).
    """
    data, known = _dataset(rollout), causes(rollout)
    first, completed, reward, seed = (data[name].values for name in ("first", "completed", "reward", "level_seed"))
    ended = data["final_first"].values if "final_first" in data else completed[:, -1]
    rows = []
    for trajectory, opens in enumerate(first):
        bounds = np.unique([0, *np.flatnonzero(opens), len(opens)])
        for episode, (start, stop) in enumerate(pairwise(bounds)):
            outcome = "failed" if seed[trajectory, start] >= 0 else "ended"
            if completed[trajectory, stop - 1]:
                outcome = "completed"
            elif stop == len(opens) and not ended[trajectory]:
                outcome = "unfinished"
            rows.append(
                {
                    "trajectory": trajectory,
                    "episode": episode,
                    "start": int(start),
                    "stop": int(stop),
                    "level_seed": int(seed[trajectory, start]),
                    "return": float(reward[trajectory, start:stop].sum()),
                    "outcome": outcome,
                    "cause": known.get((trajectory, int(stop) - 1), ""),
                }
            )
    return pd.DataFrame(rows)


def causes(study: xr.Dataset | xr.DataTree) -> dict[tuple[int, int], str]:
    """Return what ended the episodes of a study, by the trajectory and step of their last action; see `add_endings`.

    Parameters
    ----------
    study : DataTree or Dataset
        Nothing is known of a rollout alone.
    """
    if not isinstance(study, xr.DataTree) or "endings" not in study.children:
        return {}
    data = study.children["endings"].dataset
    columns = (data[name].values.tolist() for name in ("in_trajectory", "at_step", "cause"))
    return {(trajectory, step): str(cause) for trajectory, step, cause in zip(*columns, strict=True)}


@strict_keywords
def bookmarks(rollout: xr.Dataset | xr.DataTree, count: int = 16) -> pd.DataFrame:
    """Find the unexpected successes and failures: the steps of the most extreme advantage, one per episode.

    Parameters
    ----------
    rollout : Dataset or DataTree
        A rollout with advantages, or a study; without advantages (an agent without a value) nothing is found.
    count : int
        How many of each kind, at most.

    Returns
    -------
    DataFrame
        A row per bookmark, ``high`` before ``low`` and the most extreme first: kind, trajectory, step, advantage
        (raw task reward), episode, and truncated (the rollout ends before the episode does, so the advantage
        leans on the value after the last step). Per episode, high is its largest positive advantage and low its
        most negative one.
    """
    columns = ["kind", "trajectory", "step", "advantage", "episode", "truncated"]
    data = _dataset(rollout)
    if "advantage" not in data:
        return pd.DataFrame(columns=columns)
    advantage = data["advantage"].values
    found: dict[str, list[tuple[object, ...]]] = {"high": [], "low": []}
    for episode in episodes(data).to_dict("records"):
        within = advantage[episode["trajectory"], episode["start"] : episode["stop"]]
        truncated = episode["outcome"] == "unfinished"
        for kind, sign in (("high", 1), ("low", -1)):
            signed = np.where(np.isfinite(within), sign * within, 0)
            best = int(signed.argmax())
            if signed[best] > 0:
                place = (kind, episode["trajectory"], episode["start"] + best)
                found[kind].append((*place, float(within[best]), episode["episode"], truncated))
    tables = [pd.DataFrame(rows, columns=columns) for rows in found.values()]
    best_first = [table.sort_values("advantage", key=abs, ascending=False, kind="stable") for table in tables]
    return pd.concat([table.head(count) for table in best_first], ignore_index=True)


def _dataset(rollout: xr.Dataset | xr.DataTree) -> xr.Dataset:
    return rollout.to_dataset() if isinstance(rollout, xr.DataTree) else rollout
