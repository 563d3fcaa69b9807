"""Playing: the policy acts in all groups of worlds by turns, and what comes of it is kept."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rlvision_widgets.training.devices import Ferry
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.rollout import Rollout, generalised_advantages
from rlvision_widgets.training.run import Run
from rlvision_widgets.training.solver import Solver
from rlvision_widgets.training.stopwatch import Stopwatch

__all__ = ["Collector"]


class Collector:
    """Plays rollouts into memory that it keeps: a rollout is good until the next one.

    While the network decides for one group, the worlds of the others step. A group and step costs one wait for the
    device, for its actions; everything else is only asked for.

    Parameters
    ----------
    run : Run
    options : TrainingOptions
    step : callable
        `losses.act`, perhaps compiled.
    watch : Stopwatch
        Is told what time goes into.
    solver : Solver, optional
        Teaches from the states of the worlds, before each action.
    """

    def __init__(
        self,
        run: Run,
        options: TrainingOptions,
        step: Callable[..., tuple[Tensor, Tensor, Tensor]],
        watch: Stopwatch,
        solver: Solver | None = None,
    ) -> None:
        self.run, self.options, self.step, self.watch, self.solver = run, options, step, watch, solver
        shape = (options.num_steps, options.num_trajectories)
        further = (options.num_steps + 1, options.num_trajectories)  # one more, to see what the last action led to
        device = run.device
        self.observation = torch.empty((*further, *run.observation.shape[1:]), dtype=torch.uint8, device=device)
        self.observation[-1] = torch.from_numpy(run.observation)
        self.value = torch.empty(further, device=device)
        self.action = torch.empty(shape, dtype=torch.int64, device=device)
        self.log_prob = torch.empty(shape, device=device)
        self.reward, self.ended = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self.taught: Tensor | None = None
        self.taught_value: Tensor | None = None
        if solver is not None:
            self.taught = torch.empty((*shape, options.num_actions), device=device)
            self.taught_value = torch.empty(shape, device=device)
        self.ferries = [Ferry(device) for _ in run.worlds.groups]

    @torch.no_grad()
    def collect(self) -> Rollout:
        """Let the policy act for `num_steps` decisions of each trajectory."""
        run, options = self.run, self.options
        groups = range(len(run.worlds.groups))
        self.observation[0] = self.observation[-1]
        for t in range(options.num_steps):
            for group in groups:
                if t:
                    self._take_in(group, t)
                self._act(group, t)
        for group in groups:
            self._take_in(group, options.num_steps)
        run.steps += options.num_steps * options.num_trajectories
        with self.watch("inference"):
            for rows in run.worlds.rows:
                noise = torch.zeros_like(self.log_prob[0, rows])[:, None].expand(-1, options.num_actions)
                self.value[-1, rows] = self._outputs(self.observation[-1, rows], noise.contiguous())[2]
        return self._rollout()

    def _act(self, group: int, t: int) -> None:
        """Decide for what is on show, and start the step."""
        run, rows, worlds = self.run, self.run.worlds.rows[group], self.run.worlds.groups[group]
        with self.watch("inference"):
            # Gumbel noise: its largest sum with the log-probabilities is a sample.
            noise = torch.empty(worlds.num_trajectories, self.options.num_actions, device=run.device)
            noise = noise.exponential_(generator=run.noise).log().neg()
            action, log_prob, value = self._outputs(self.observation[t, rows], noise)
            self.action[t, rows], self.log_prob[t, rows], self.value[t, rows] = action, log_prob, value
        if self.solver is not None:
            with self.watch("teacher"):
                self._learn_from(self.solver, group, t)
        with self.watch("copies"):
            chosen = self.action[t, rows].cpu().numpy()
        with self.watch("environment"):
            worlds.act(chosen)

    def _outputs(self, observation: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        if self.run.device.type == "cuda":
            torch.compiler.cudagraph_mark_step_begin()  # type: ignore[no-untyped-call] # what the last call returned has been copied
        return self.step(self.run.network, observation, noise, self.options.precision)

    def _learn_from(self, solver: Solver, group: int, t: int) -> None:
        """Keep what the solver would do, and let it act in some worlds."""
        run, rows, worlds = self.run, self.run.worlds.rows[group], self.run.worlds.groups[group]
        lesson, value = solver.lesson(worlds)
        assert self.taught is not None
        assert self.taught_value is not None
        self.taught[t, rows], self.taught_value[t, rows] = lesson.to(run.device), value.to(run.device)
        if self.options.teacher_acts:
            share = max(0.0, 1 - run.steps / self.options.teacher_acts)
            shown = (torch.rand(worlds.num_trajectories, generator=run.random) < share).to(run.device)
            self.action[t, rows] = torch.where(shown, self.taught[t, rows].argmax(-1), self.action[t, rows])

    def _take_in(self, group: int, t: int) -> None:
        """Wait for the step before t of one group, and keep what came of it."""
        run, rows = self.run, self.run.worlds.rows[group]
        with self.watch("environment"):
            observed = run.worlds.groups[group].observe(copy=False)
            run.take_in(observed, rows)
        with self.watch("copies"):
            self.reward[t - 1, rows], self.ended[t - 1, rows] = observed.reward, observed.first
            self.ferries[group].send(observed.observation, self.observation[t, rows])
            if t == self.options.num_steps:
                run.observation[rows] = observed.observation

    def _rollout(self) -> Rollout:
        run, options = self.run, self.options
        reward = (torch.from_numpy(self.reward).to(run.device) / run.scale.std).clamp(-10, 10)
        ended = torch.from_numpy(self.ended).to(run.device)
        discounts: dict[str, Any] = {"gamma": options.gamma, "gae_lambda": options.gae_lambda}
        value, final_value = self.value[:-1], self.value[-1]
        advantage = generalised_advantages(value, reward, ended, final_value, **discounts)
        seen = self.observation[:-1]
        return Rollout(seen, self.action, self.log_prob, value, advantage, self.taught, self.taught_value)
