"""Legs: what a run notes whenever it begins or goes on, and what it may expect."""

import dataclasses
import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from rlvision_widgets.training.options import TrainingOptions, plain
from rlvision_widgets.training.run import Run

__all__ = ["begin_leg", "forecast", "hardware", "refuse_another_run"]


FIXED = (
    *("environment", "num_actions", "network", "network_options", "num_trajectories", "seed"),
    "reward_scale",  # the unit of the value head, which the export turns into raw reward
)
"""Options that a resumed run keeps, besides its world."""


def begin_leg(run: Run, options: TrainingOptions) -> dict[str, Any]:
    """Note what starts now."""
    leg = {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "steps": [run.steps, run.steps],
        "hours": 0.0,
        "hardware": hardware(options),
        "packages": f"torch {torch.__version__}, {run.worlds.any.package}",
        "options": plain(dataclasses.asdict(options)),
    }
    run.legs.append(leg)
    return leg


def refuse_another_run(legs: list[dict[str, Any]], options: TrainingOptions) -> None:
    """Refuse options that would make another network or another world of the run that has these legs."""
    if not legs:
        return
    now, before = _fixed(plain(dataclasses.asdict(options))), _fixed(legs[-1]["options"])
    changed = [f"{name} was {before[name]!r}, now {now[name]!r}" for name in now if before[name] != now[name]]
    if changed:
        raise ValueError(f"{options.folder} holds another run: {'; '.join(changed)}. Name another --folder.")


def _fixed(options: dict[str, Any]) -> dict[str, Any]:
    """Return what must not change, of options that an earlier version may have written."""
    known = {each.name for each in dataclasses.fields(TrainingOptions)}
    full = TrainingOptions(**{name: value for name, value in options.items() if name in known and value is not None})
    noted = plain(dataclasses.asdict(full))
    return {**{name: noted[name] for name in FIXED}, "world": full.world, "edits": full.edits}


def hardware(options: TrainingOptions) -> str:
    """Return what the network runs on, in words."""
    if options.device != "cpu":
        return torch.cuda.get_device_name(options.device)
    described = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    found = re.search(r"model name\s*: (.*)", described)
    return f"{found[1] if found else platform.machine()}, {torch.get_num_threads()} thread(s)"


def forecast(options: TrainingOptions) -> str:
    """Return what to expect of a run, in words: measured on one core of a Zen 4 server, so within a factor of two."""
    milliseconds = 0.65 + 2.1 * options.epochs + 0.6 * (options.teacher is not None)
    hours = options.steps * milliseconds / 3.6e6
    lines = [f"{options.steps:,} steps."]
    if options.device == "cpu":
        lines.append(f"On a CPU they take about {hours:.1f} core hours ({milliseconds:.1f} core ms a step).")
    if options.environment == "coinrun":
        lines.append(
            "CoinRun (easy), unseen levels: random buttons complete 34 %; PPO alone about 67 % after 0.64 million "
            f"steps, and 90 % is expected to need 25 million, {25e6 * 0.00275 / 3600:.0f} core hours. With a teacher "
            "and muon the bundled agent came to 94 % in 1.1 million."
        )
    return " ".join(lines)
