"""What became of an evaluation, in words and as a summary for JSON."""

import json
from typing import Any

import xarray as xr

from rlvision_widgets.analysis.conditions import ORIGINAL
from rlvision_widgets.analysis.outcome_table import mean_interval
from rlvision_widgets.analysis.paired import wilson_interval

__all__ = ["rates", "summary", "told_lines"]


def told_lines(result: xr.Dataset) -> list[str]:
    """Return the outcome in words, a line a condition."""
    number = result.sizes["level"]
    agent = {ORIGINAL: result.attrs["agent"]}
    return [f"{agent.get(name, name)}: {_told(measured, number)}" for name, measured in rates(result).items()]


def _told(measured: dict[str, Any], number: int) -> str:
    if "success" not in measured:
        low, high = measured["return_interval"]
        mean = measured["mean_return"]
        return f"mean return {mean:.4g} of {number} episodes (95 % interval {low:.4g} to {high:.4g})"
    low, high = measured["wilson_interval"]
    failures = ", ".join(f"{cause} {count}" for cause, count in measured["failures"].items())
    completed = f"{measured['success']:.1%} of {number} levels completed (95 % interval {low:.1%} to {high:.1%})"
    return completed + (f"; failed: {failures}" if failures else "")


def summary(result: xr.Dataset) -> dict[str, Any]:
    """Return the outcome for JSON; the original's rate stands at the top, where its worlds know success."""
    conditions = rates(result)
    return {
        **{name: result.attrs[name] for name in ("agent", "checkpoint")},
        "environment": {"name": result.attrs["environment"], **json.loads(result.attrs["environment_options"])},
        "levels": result.sizes["level"],
        "seed": int(result.attrs["seed"]),
        "precision": result.attrs["precision"],
        **{name: told for name, told in conditions[ORIGINAL].items() if name in ("success", "wilson_interval")},
        "conditions": conditions,
        "edits": json.loads(result.attrs["edits"]),
        "world": json.loads(result.attrs["world"]),
    }


def rates(result: xr.Dataset) -> dict[str, dict[str, Any]]:
    """Return for each condition how often it succeeded, what made it fail how often, and what it earned.

    Parameters
    ----------
    result : Dataset
        From `evaluate`.

    Returns
    -------
    dict of str to dict
        By condition: success, wilson_interval [low, high] and failures {cause: count}, where the worlds know success;
        mean_return with its return_interval [low, high], in raw reward, and mean_length, in steps.
    """
    found = {}
    for name in result["condition"].values.tolist():
        chosen = result.sel(condition=name)
        returns = chosen["return"].values
        found[name] = {
            **(_successes(chosen) if result.attrs.get("has_success", True) else {}),
            "mean_return": float(returns.mean(dtype=float)),
            "return_interval": list(mean_interval(returns)),
            "mean_length": float(chosen["length"].mean()),
        }
    return found


def _successes(chosen: xr.Dataset) -> dict[str, Any]:
    success = chosen["success"].values
    causes = chosen["cause"].to_series()[~success].value_counts()
    return {
        "success": float(success.mean()),
        "wilson_interval": list(wilson_interval(int(success.sum()), success.size)),
        "failures": {str(cause) or "unknown": int(count) for cause, count in causes.items()},
    }
