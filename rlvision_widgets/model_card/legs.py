"""How an agent was trained, for its card: each leg of the run as the command that does it."""

import dataclasses
import json
import math
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["leg_command", "legs_table", "plain_legs", "taught_by"]

UNSAID = ("folder",)  # where a run lived is nobody's business


def leg_command(options: Mapping[str, Any]) -> str:
    """Return the `rlvision train` that has these options; defaults are left out, a teacher is named by its file.

    Parameters
    ----------
    options : mapping
        Of a leg, as a training run notes them: the fields of `TrainingOptions`, JSON-friendly.
    """
    from rlvision_widgets.training.options import TrainingOptions, plain

    usual = plain(dataclasses.asdict(TrainingOptions()))
    words = ["rlvision", "train"]
    for name, chosen in plain(options).items():
        if name in UNSAID or (name in usual and usual[name] == chosen):
            continue
        flag = name.replace("_", "-")
        if isinstance(chosen, bool):
            words.append(f"--{flag}" if chosen else f"--no-{flag}")
        else:
            words += [f"--{flag}", _word(name, chosen)]
    return shlex.join(words)


def _word(name: str, chosen: Any) -> str:
    if chosen is None:
        return "none"
    if name == "teacher":
        return Path(chosen).name
    return chosen if isinstance(chosen, str) else json.dumps(chosen)


def plain_legs(legs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a run's legs with commands in the place of their options."""
    told = []
    for leg in legs:
        kept = {name: value for name, value in leg.items() if name not in ("options", "teacher")}
        told.append({**kept, "command": leg_command(leg["options"])} if "options" in leg else kept)
    return told


def taught_by(legs: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the last teacher of a run; None if there was none."""
    return next((dict(leg["teacher"]) for leg in reversed(legs) if "teacher" in leg), None)


def legs_table(legs: list[dict[str, Any]]) -> list[str]:
    """Return legs as lines of a Markdown table, and their commands below it.

    Parameters
    ----------
    legs : list of dict
        From `plain_legs`.
    """
    lines = ["| leg | steps | hours | hardware | packages |", "|---|---|---|---|---|"]
    for number, leg in enumerate(legs, 1):
        first, last = leg["steps"]
        hours = leg.get("hours", math.nan)
        told = f"{leg.get('hardware', '–')} | {leg.get('packages', '–')}"
        lines.append(f"| {number} | {first:,} – {last:,} | {hours:.2f} | {told} |")
    commands = [f"{leg['command']}  # leg {number}" for number, leg in enumerate(legs, 1) if "command" in leg]
    return [*lines, "", "```sh", *commands, "```"] if commands else lines
