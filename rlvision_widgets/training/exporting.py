"""What a run leaves behind: the agent so far, and its card."""

import copy
import json
from pathlib import Path
from typing import Any

import torch

from rlvision_widgets.agents import Agent, save_agent
from rlvision_widgets.agents.layered import LayeredNetwork
from rlvision_widgets.aside import write_aside
from rlvision_widgets.environments.edits import describe, edits_from
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.run import Run

__all__ = ["export_agent", "fold_value", "write_agent"]


def fold_value(network: LayeredNetwork, scale: float) -> None:
    """Make the value head answer in raw reward instead of units of `scale`."""
    with torch.no_grad():
        for parameter in network.value.parameters():  # type: ignore[union-attr]
            parameter.mul_(scale)


def export_agent(run: Run, options: TrainingOptions) -> Agent:
    """Return the averaged weights as an agent whose value is in raw task reward."""
    network = copy.deepcopy(run.average).cpu()
    fold_value(network, run.scale.std)
    teachers = {leg["teacher"]["name"] for leg in run.legs if "teacher" in leg}
    taught = f", taught by {' and '.join(sorted(teachers))}" if teachers else ""
    return Agent(
        network,
        name=options.environment,
        action_names=run.worlds.any.action_names[: options.num_actions],
        environment={"name": options.environment, **run.worlds.any.options},
        value_scale=options.value_scale,
        info={"source": f"rlvision train{taught}, {run.steps:,} steps", **_edits(options)},
    )


def write_agent(run: Run, options: TrainingOptions) -> Path:
    """Write ``agent.safetensors`` and its card beside the checkpoint; return the agent's path."""
    agent, path = export_agent(run, options), options.folder / "agent.safetensors"
    save_agent(agent, path)
    card = {
        "summary": f"{agent.name}: {agent.info['source']}. {_play(run)}",
        "checkpoint": agent.checkpoint,
        "environment": agent.environment,
        **_edits(options),
        "action_names": agent.action_names,
        "network": {"architecture": options.network, **run.average.options},
        "weights": f"running average of the trained ones, decay {options.average} a gradient step",
        "steps": run.steps,
        "episodes": run.episodes,
        "evaluations": run.evaluations,
        "curve": run.curve,
        "legs": [leg for leg in run.legs if leg["steps"][1] > leg["steps"][0]],
    }
    write_aside(path.with_suffix(".json"), (json.dumps(card, indent=1) + "\n").encode())
    return path


def _edits(options: TrainingOptions) -> dict[str, Any]:
    """Return how the world was edited, as data and in words; nothing where it was not."""
    if not options.edits:
        return {}
    return {"world_edits": options.edits, "world": [describe(edit) for edit in edits_from(options.edits)]}


def _play(run: Run) -> str:
    if run.evaluations:
        last = run.evaluations[-1]
        low, high = last["wilson_interval"]
        return (
            f"At {last['steps']:,} steps it completed {last['success']:.1%} of {last['levels']:,} unseen levels "
            f"(95 % interval {low:.1%} to {high:.1%}), actions sampled."
        )
    rate = "not yet known" if run.success is None else f"{run.success:.1%}"
    return f"Success while it learned, last {len(run.recent):,} episodes: {rate}."
