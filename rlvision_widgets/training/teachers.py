"""Another agent to learn from, on the states that the student visits."""

from collections.abc import Callable

import torch
from torch import Tensor

from rlvision_widgets.agents import Agent, load_agent
from rlvision_widgets.training.losses import outputs
from rlvision_widgets.training.options import SOLVER, TrainingOptions
from rlvision_widgets.training.run import Run
from rlvision_widgets.training.solver import Solver

__all__ = ["make_solver", "make_teacher"]


def make_teacher(run: Run, options: TrainingOptions) -> Callable[[Tensor], tuple[Tensor, Tensor]] | None:
    """Return the function from observations to a teacher's log-probabilities (batch, action) and raw value (batch,).

    The probabilities of the teacher's actions that the student does not have are added to ``NOOP``: in a game such
    as CoinRun Procgen's special buttons do nothing.
    """
    if options.teacher is None or options.teacher == SOLVER:
        return None
    agent = load_agent(options.teacher)
    _check_teacher(agent, run)
    agent = agent.to(options.device)
    own = run.worlds.any.action_names[: options.num_actions]
    about = {key: agent.info[key] for key in ("source", "licence") if key in agent.info}
    run.legs[-1]["teacher"] = {"name": agent.name, "checkpoint": agent.checkpoint, **about}
    # Rows: the teacher's actions; a one in the column of the student's action that does the same.
    same = torch.zeros(len(agent.action_names), len(own), device=options.device)
    for row, action in enumerate(agent.action_names):
        target = action if action in own else "NOOP"
        if target not in own:
            raise ValueError(f"teacher {agent.name!r} has the action {action!r}, and the student only {own}")
        same[row, own.index(target)] = 1

    def teach(observation: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            log_probs, value = outputs(agent.network, observation, options.precision)
            shared = (log_probs.exp() @ same).clamp_min(1e-8).log()
            return (shared / options.teacher_temperature).log_softmax(-1), value

    return teach


def _check_teacher(agent: Agent, run: Run) -> None:
    """Refuse an agent that cannot say, of a single frame of this world, what to do and what it is worth."""
    shape = run.observation.shape[1:]
    if agent.observation_shape != shape:
        raise ValueError(f"teacher {agent.name!r} is for observations {agent.observation_shape}; these are {shape}")
    if agent.recurrent:
        raise ValueError(f"teacher {agent.name!r} remembers, and lessons are given frame by frame: name another")
    if agent(run.observation[:1])[1] is None:
        raise ValueError(f"teacher {agent.name!r} has no value head, and a lesson has a value: name another")


def make_solver(run: Run, options: TrainingOptions) -> Solver | None:
    """Return the teacher that sees the worlds' states, if it is asked for."""
    if options.teacher != SOLVER:
        return None
    solver = Solver(options, run.worlds.any.action_names[: options.num_actions], run.worlds.any)
    run.legs[-1]["teacher"] = {"name": SOLVER, "source": "the shortest way, searched in the emulator's state"}
    return solver
