"""Train an agent with PPO, alone or with a teacher: one file, read top to bottom.

Options, then the pieces (return scale, advantages, loss, teacher), then `train`, which runs them and keeps a folder::

    runs/coinrun/checkpoint.pt       all that a resumed run needs, written aside and then renamed
    runs/coinrun/log.jsonl           one line an iteration
    runs/coinrun/agent.safetensors   the agent so far, its value in raw task reward
    runs/coinrun/agent.json          its card: options, legs, learning curve, hardware

PPO is Schulman et al. 2017 with the details of Cobbe et al. 2020 ("Leveraging Procedural Generation"), but one pass
over each rollout in bfloat16: what counts here is processor time, not steps. The bundled agent came from fewer steps
with a teacher (kickstarting: Schmitt et al. 2018); its card holds the commands and the curve. Torch is imported where
it is used, because the command line reads this file for its options.
"""

import argparse
import ast
import copy
import dataclasses
import inspect
import itertools
import json
import math
import os
import platform
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, cast, get_type_hints

import numpy as np

from rlvision_widgets.names import strict_keywords, unknown

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rlvision_widgets.agents import Agent
    from rlvision_widgets.agents.layered import LayeredNetwork
    from rlvision_widgets.environments import Environment, Observed

__all__ = ["TrainingOptions", "add_arguments", "options_from_arguments", "train"]

FORMAT = 1  # of checkpoint.pt
RECENT = 1000  # episodes that the success rate is taken over


# ---------------------------------------------------------------------------------------------------------------------
# Options


@dataclass(frozen=True)
class TrainingOptions:
    """What a run does. The defaults are for a CPU and CoinRun."""

    folder: Path = Path("runs/coinrun")
    """Where the run lives. A folder that holds a checkpoint is resumed."""
    environment: str = "coinrun"
    """Name for `make_environment`."""
    environment_options: Mapping[str, Any] = field(
        default_factory=lambda: {"distribution_mode": "easy", "paint_vel_info": True}
    )
    """Its options. Procgen's ``num_levels`` is 0 unless given: every level is new."""
    num_actions: int = 9
    """Use the environment's first actions only: nine of Procgen's fifteen move, the rest do nothing in many games."""
    value_scale: float | None = 10.0
    """Raw return of one success (the coin's 10), kept with the agent; ``none`` where it is no fixed sum."""
    reward_scale: float | None = None
    """Raw reward that counts as 1 to PPO; ``none``: the running standard deviation of discounted returns. The bundled
    agent's is 10, which keeps the value's share of the gradient small."""
    network: str = "clear"
    """Architecture: clear, impala or nature."""
    network_options: Mapping[str, Any] = field(default_factory=dict)
    """Its constructor's arguments, apart from the number of actions."""
    seed: int = 0
    """Of the weights, the levels and the sampled actions."""
    steps: int = 2_000_000
    """Decisions after which the run is finished, all trajectories together; the learning rate falls towards it."""
    hours: float = math.inf
    """Stop and save after so long; a resumed run starts counting anew."""
    num_trajectories: int = 64
    """Environments that step together."""
    num_steps: int = 128
    """Decisions of each trajectory between two updates of the policy that acts."""
    batch_size: int = 512
    """Decisions a gradient step."""
    epochs: int = 1
    """Passes over each rollout. More of them learn more from a step, but less from a processor second."""
    optimiser: str = "adam"
    """adam; or muon: orthogonal steps in the trunk's kernels, Adam for heads and biases. With a teacher muon learned
    more than twice as much from each frame; without one it has not been measured."""
    learning_rate: float = 5e-4
    """Of Adam."""
    muon_rate: float = 0.05
    """Spectral norm of a step of Muon, in kernels whose own begins between 1 and 2."""
    anneal: float = 0.3
    """Share of the steps, at the end, over which both rates fall to zero in a straight line."""
    average: float = 0.98
    """Decay, per gradient step, of the running average of the weights; that average is the exported agent."""
    gamma: float = 0.999
    """Discount per decision."""
    gae_lambda: float = 0.95
    """Of generalised advantage estimation (Schulman et al. 2016)."""
    clip: float = 0.2
    """Of the probability ratio, and of the value's change in units of normalised return."""
    entropy_weight: float = 0.01
    """Of the entropy bonus."""
    value_weight: float = 0.5
    """Of the value's squared error."""
    ppo_weight: float = 1.0
    """Of PPO's whole loss; 0 leaves the teacher alone."""
    max_gradient_norm: float = 0.5
    """Gradients are scaled down to this norm."""
    teacher: str | None = None
    """Agent to learn from besides, on the states that the student visits: anything that `load_agent` opens."""
    teacher_weight: float = 1.0
    """Of KL(teacher || student)."""
    teacher_temperature: float = 1.0
    """The teacher's probabilities are raised to its inverse: below 1 the student learns to play more surely."""
    teacher_value_weight: float = 0.0
    """Of the squared distance to the teacher's value, which is that of the teacher's play: for learning without PPO."""
    teacher_steps: float = math.inf
    """Decisions over which the teacher's weight falls to zero in a straight line."""
    precision: str = "bfloat16"
    """float32, or bfloat16 for the trunk (weights, heads and losses stay float32)."""
    compile: bool = True
    """Use torch.compile: about a third less processor time, half a minute at the start, needs a C++ compiler."""
    device: str = "cpu"
    """Where the network runs: cpu or cuda."""
    threads: int = 0
    """Processor threads of torch; 0 leaves them alone. Runs repeat to the bit with 1."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints."""
    evaluation_steps: int = 0
    """Decisions between evaluations on unseen levels; 0 evaluates only when the steps are done."""
    evaluation_levels: int = 512
    """Levels of each evaluation; 0 evaluates never."""

    def __post_init__(self) -> None:
        whole = ("steps", "num_trajectories", "num_steps", "batch_size", "epochs", "num_actions")
        for name in whole:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} has to be at least 1, and is {getattr(self, name)}")
        for name, known in (("precision", ("float32", "bfloat16")), ("optimiser", ("adam", "muon"))):
            if getattr(self, name) not in known:
                raise ValueError(unknown(name, getattr(self, name), known))
        if self.num_trajectories * self.num_steps % self.batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} has to divide num_trajectories x num_steps = "
                f"{self.num_trajectories * self.num_steps}, so that every batch is full"
            )
        if self.ppo_weight == 0 and self.teacher is None:
            raise ValueError("ppo_weight 0 leaves nothing to learn from: name a teacher, or keep PPO")


# ---------------------------------------------------------------------------------------------------------------------
# Pieces


class ReturnScale:
    """Running standard deviation of discounted returns, which rewards are divided by.

    Parameters
    ----------
    num_trajectories : int
        Environments that step together.
    gamma : float
        Discount per decision.
    fixed : float, optional
        Use this instead.
    """

    def __init__(self, num_trajectories: int, gamma: float, fixed: float | None = None) -> None:
        self.gamma, self.fixed = gamma, fixed
        self.returns = np.zeros(num_trajectories)
        self.count, self.mean, self.squares = 0.0, 0.0, 0.0

    def update(self, reward: np.ndarray[Any, Any], first: np.ndarray[Any, Any]) -> None:
        """Take in one step's reward (trajectory,) and whether it ended an episode (Chan's parallel variance)."""
        self.returns = self.returns * self.gamma + reward
        new, distance = self.returns.size, float(self.returns.mean()) - self.mean
        total = self.count + new
        self.mean += distance * new / total
        self.squares += float(self.returns.var()) * new + distance**2 * self.count * new / total
        self.count = total
        self.returns[first] = 0

    @property
    def std(self) -> float:
        """Raw return that counts as 1; 1.0 until returns differ."""
        if self.fixed is not None:
            return self.fixed
        variance = self.squares / self.count if self.count else 0.0
        return float(variance**0.5) if variance > 0 else 1.0


class Rollout(NamedTuple):
    """What happened, time first; the loss sees it with both leading axes flattened."""

    observation: "Tensor"
    """(step, trajectory, height, width, rgb) uint8."""
    action: "Tensor"
    """(step, trajectory) int64."""
    log_prob: "Tensor"
    """(step, trajectory) of that action, when it was taken."""
    value: "Tensor"
    """(step, trajectory) in units of normalised return."""
    advantage: "Tensor"
    """(step, trajectory) in the same units."""


def generalised_advantages(
    value: "Tensor", reward: "Tensor", ended: "Tensor", final_value: "Tensor", *, gamma: float, gae_lambda: float
) -> "Tensor":
    """Return A[t] = delta[t] + gamma * lambda * A[t+1], (step, trajectory); an episode's end carries nothing over."""
    import torch

    advantage, following, after = torch.zeros_like(value), torch.zeros_like(final_value), final_value
    for t in reversed(range(len(value))):
        goes_on = 1 - ended[t]
        delta = reward[t] + gamma * after * goes_on - value[t]
        following = delta + gamma * gae_lambda * goes_on * following
        advantage[t], after = following, value[t]
    return advantage


class Losses(NamedTuple):
    """Means over one batch."""

    total: "Tensor"
    policy: "Tensor"
    value: "Tensor"
    entropy: "Tensor"
    kl: "Tensor"
    """From the policy that acted to the one that learns: E[r - 1 - log r] (Schulman's k3). 0 at a rollout's start."""
    teacher_kl: "Tensor"


class Optimiser:
    """Adam (Kingma & Ba 2015), with Muon (Jordan et al. 2024) for the trunk's kernels if asked for.

    Muon makes the step of a kernel, read as a matrix (out, in * height * width), orthogonal: all its directions move
    alike, however small their share of the gradient.
    """

    def __init__(self, network: "nn.Module", options: TrainingOptions) -> None:
        import torch

        self.options = options
        named = list(network.named_parameters())
        kernels = {name for name, each in named if name.startswith("trunk.") and each.ndim > 1}
        muon = kernels if options.optimiser == "muon" else set()
        self.parameters = [each for _, each in named]
        self.kernels = [each for name, each in named if name in muon]
        self.momenta = [torch.zeros_like(each) for each in self.kernels]
        self.adam = torch.optim.Adam([each for name, each in named if name not in muon], eps=1e-5)

    def step(self, loss: "Tensor", share: float) -> None:
        """Go down the gradient of `loss`, at `share` of the full rates."""
        import torch

        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, self.options.max_gradient_norm)
        self.adam.param_groups[0]["lr"] = self.options.learning_rate * share
        self.adam.step()
        with torch.no_grad():
            for kernel, momentum in zip(self.kernels, self.momenta, strict=True):
                momentum.lerp_(cast("Tensor", kernel.grad), 0.05)
                ahead = cast("Tensor", kernel.grad).lerp(momentum, 0.95)  # Nesterov's
                kernel.sub_(orthogonal(ahead.flatten(1)).view_as(kernel), alpha=self.options.muon_rate * share)

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint holds."""
        return {"name": self.options.optimiser, "adam": self.adam.state_dict(), "momenta": self.momenta}

    def load(self, state: dict[str, Any]) -> None:
        """Take the state of an earlier leg; after another optimiser start afresh."""
        if state["name"] == self.options.optimiser:
            self.adam.load_state_dict(state["adam"])
            for own, momentum in zip(self.momenta, state["momenta"], strict=True):
                own.copy_(momentum)


def orthogonal(matrix: "Tensor") -> "Tensor":
    """Return a matrix with the singular vectors of `matrix`, and singular values near 1 (about 0.7 to 1.2).

    Five steps of the quintic Newton-Schulz iteration, with Jordan's coefficients.
    """
    wide: Tensor = matrix if len(matrix) <= matrix.shape[1] else matrix.T
    wide = wide / (wide.norm() + 1e-12)
    for _ in range(5):
        square = wide @ wide.T
        wide = 3.4445 * wide + (-4.775 * square + 2.0315 * square @ square) @ wide
    return wide if len(matrix) <= matrix.shape[1] else wide.T


def outputs(network: "LayeredNetwork", observation: "Tensor", precision: str) -> tuple["Tensor", "Tensor"]:
    """Return log-probabilities (batch, action) and value (batch,) of uint8 observations, in float32."""
    import torch

    with torch.autocast(observation.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        logits, value = network(network.inputs(observation))
    return logits.float().log_softmax(-1), value.float()


def act(
    network: "LayeredNetwork", observation: "Tensor", noise: "Tensor", precision: str
) -> tuple["Tensor", "Tensor", "Tensor"]:
    """Sample actions by adding Gumbel noise (batch, action); return them, their log-probability and the value."""
    log_probs, value = outputs(network, observation, precision)
    action = (log_probs + noise).argmax(-1)
    return action, log_probs.gather(1, action[:, None])[:, 0], value


def losses(
    network: "LayeredNetwork",
    batch: Rollout,
    lesson: "tuple[Tensor, Tensor] | None",
    teacher_weight: "Tensor",
    options: TrainingOptions,
) -> Losses:
    """Return PPO's loss on `batch`, plus the distance to a teacher's `lesson` (log-probabilities, value)."""
    import torch

    log_probs, value = outputs(network, batch.observation, options.precision)
    change = log_probs.gather(1, batch.action[:, None])[:, 0] - batch.log_prob
    ratio = change.exp()
    advantage = (batch.advantage - batch.advantage.mean()) / (batch.advantage.std() + 1e-8)
    policy = -torch.minimum(ratio * advantage, ratio.clamp(1 - options.clip, 1 + options.clip) * advantage).mean()
    returns = batch.value + batch.advantage
    near = batch.value + (value - batch.value).clamp(-options.clip, options.clip)
    value_loss = 0.5 * torch.maximum((value - returns) ** 2, (near - returns) ** 2).mean()
    entropy = -(log_probs.exp() * log_probs).sum(-1).mean()
    total = options.ppo_weight * (policy + options.value_weight * value_loss - options.entropy_weight * entropy)
    teacher_kl = torch.zeros_like(total)
    if lesson is not None:
        taught, taught_value = lesson
        teacher_kl = (taught.exp() * (taught - log_probs)).sum(-1).mean()
        distance = 0.5 * ((value - taught_value) ** 2).mean()
        total = total + teacher_weight * (teacher_kl + options.teacher_value_weight * distance)
    return Losses(total, policy, value_loss, entropy, ((ratio - 1) - change).mean(), teacher_kl)


# ---------------------------------------------------------------------------------------------------------------------
# The run


class Run:
    """A training run's whole state: what a checkpoint holds."""

    def __init__(self, options: TrainingOptions, environment: "Environment") -> None:
        import torch

        from rlvision_widgets.agents.networks import ARCHITECTURES

        if options.network not in ARCHITECTURES:
            raise ValueError(unknown("network", options.network, ARCHITECTURES))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            network = ARCHITECTURES[options.network](num_actions=options.num_actions, **options.network_options)
            average = ARCHITECTURES[options.network](num_actions=options.num_actions, **options.network_options)
        self.environment = environment
        self.network = network.to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = average.to(options.device)
        self.average.load_state_dict(self.network.state_dict())
        self.optimiser = Optimiser(self.network, options)
        # The only source of chance in the loop, on the CPU so that it is the same on every device.
        self.random = torch.Generator().manual_seed(options.seed)
        self.scale = ReturnScale(options.num_trajectories, options.gamma, options.reward_scale)
        self.observation = environment.observe().observation
        self.episode_return = np.zeros(options.num_trajectories)
        self.recent: deque[float] = deque(maxlen=RECENT)
        self.steps = self.updates = self.episodes = 0
        self.legs: list[dict[str, Any]] = []
        self.curve: list[dict[str, float | None]] = []
        self.evaluations: list[dict[str, Any]] = []

    @property
    def success(self) -> float | None:
        """Share of the last `RECENT` episodes with a positive return; None before the first ends."""
        return float(np.mean([episode > 0 for episode in self.recent])) if self.recent else None

    def take_in(self, observed: "Observed") -> None:
        """Note what a step earned, which episodes it ended, and what is on show now."""
        self.observation = observed.observation
        self.scale.update(observed.reward, observed.first)
        self.episode_return += observed.reward
        for index in np.flatnonzero(observed.first):
            self.recent.append(float(self.episode_return[index]))
            self.episode_return[index] = 0
            self.episodes += 1

    def save(self, path: Path) -> None:
        """Write everything aside, then rename: a crash leaves the checkpoint before."""
        import torch

        scale, environment = self.scale, self.environment
        states = [environment.get_state(i) for i in range(len(self.observation))] if environment.has_states else []
        checkpoint = {
            "format": FORMAT,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state(),
            "random": self.random.get_state(),
            "scale": {"count": scale.count, "mean": scale.mean, "squares": scale.squares},
            "returns": torch.from_numpy(scale.returns),
            "episode_return": torch.from_numpy(self.episode_return),
            "recent": list(self.recent),
            "observation": torch.from_numpy(self.observation),
            "states": [torch.frombuffer(bytearray(state), dtype=torch.uint8) for state in states],
            "counts": {"steps": self.steps, "updates": self.updates, "episodes": self.episodes},
            "history": json.dumps({"legs": self.legs, "curve": self.curve, "evaluations": self.evaluations}),
        }
        aside = path.with_suffix(".tmp")
        torch.save(checkpoint, aside)
        os.replace(aside, path)

    def load(self, path: Path) -> None:
        """Continue exactly where the checkpoint stood; an environment without states begins new episodes."""
        import torch

        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        if checkpoint.get("format") != FORMAT:
            raise ValueError(f"{path} has the format {checkpoint.get('format')}; this version resumes {FORMAT}")
        self.network.load_state_dict(checkpoint["network"])
        self.average.load_state_dict(checkpoint["average"])
        self.optimiser.load(checkpoint["optimiser"])
        self.random.set_state(checkpoint["random"])
        vars(self.scale).update(checkpoint["scale"])
        vars(self).update(checkpoint["counts"])
        vars(self).update(json.loads(checkpoint["history"]))
        self.recent.extend(checkpoint["recent"])
        if checkpoint["states"]:
            self.scale.returns = checkpoint["returns"].numpy()
            self.episode_return = checkpoint["episode_return"].numpy()
            self.observation = checkpoint["observation"].numpy()
            for index, state in enumerate(checkpoint["states"]):
                self.environment.set_state(index, state.numpy().tobytes())


def make_teacher(run: Run, options: TrainingOptions) -> Callable[["Tensor"], tuple["Tensor", "Tensor"]] | None:
    """Return the function from observations to a teacher's log-probabilities (batch, action) and raw value (batch,).

    The probabilities of the teacher's actions that the student does not have are added to ``NOOP``: in a game such
    as CoinRun Procgen's special buttons do nothing.
    """
    import torch

    from rlvision_widgets.agents import load_agent

    if options.teacher is None:
        return None
    agent, own = load_agent(options.teacher).to(options.device), run.environment.action_names[: options.num_actions]
    about = {key: agent.info[key] for key in ("source", "licence") if key in agent.info}
    run.legs[-1]["teacher"] = {"name": agent.name, "checkpoint": agent.checkpoint, **about}
    # Rows: the teacher's actions; a one in the column of the student's action that does the same.
    same = torch.zeros(len(agent.action_names), len(own), device=options.device)
    for row, action in enumerate(agent.action_names):
        target = action if action in own else "NOOP"
        if target not in own:
            raise ValueError(f"teacher {agent.name!r} has the action {action!r}, and the student only {own}")
        same[row, own.index(target)] = 1

    def teach(observation: "Tensor") -> tuple["Tensor", "Tensor"]:
        with torch.no_grad():
            log_probs, value = outputs(agent.network, observation, options.precision)
            shared = (log_probs.exp() @ same).clamp_min(1e-8).log()
            return (shared / options.teacher_temperature).log_softmax(-1), value

    return teach


def collect(run: Run, options: TrainingOptions, step: Callable[..., Any]) -> Rollout:
    """Let the policy act for `num_steps` decisions."""
    import torch

    shape, device = (options.num_steps, options.num_trajectories), torch.device(options.device)
    observation = torch.empty((*shape, *run.observation.shape[1:]), dtype=torch.uint8, device=device)
    action = torch.empty(shape, dtype=torch.int64, device=device)
    log_prob, value, reward, ended = (torch.empty(shape, device=device) for _ in range(4))
    for t in range(options.num_steps):
        observation[t] = torch.from_numpy(run.observation)
        # Gumbel noise: its largest sum with the log-probabilities is a sample.
        noise = torch.empty(shape[1], options.num_actions).exponential_(generator=run.random).log().neg()
        action[t], log_prob[t], value[t] = step(run.network, observation[t], noise.to(device), options.precision)
        observed = run.environment.step(action[t].cpu().numpy())
        run.take_in(observed)
        reward[t], ended[t] = torch.from_numpy(observed.reward), torch.from_numpy(observed.first)
    following = torch.from_numpy(run.observation).to(device)
    final_value = step(run.network, following, torch.zeros_like(noise, device=device), options.precision)[2]
    run.steps += options.num_steps * options.num_trajectories
    reward = (reward / run.scale.std).clamp(-10, 10)
    advantage = generalised_advantages(
        value, reward, ended, final_value, gamma=options.gamma, gae_lambda=options.gae_lambda
    )
    return Rollout(observation, action, log_prob, value, advantage)


def learn(
    run: Run,
    rollout: Rollout,
    options: TrainingOptions,
    loss: Callable[..., Losses],
    teach: Callable[["Tensor"], tuple["Tensor", "Tensor"]] | None,
) -> dict[str, float | None]:
    """Take one gradient step on each batch of the rollout; return the means of the losses."""
    import torch

    left = max(0.0, 1 - run.steps / options.steps)
    share = min(1.0, left / options.anneal) if options.anneal else 1.0
    weight = torch.tensor(options.teacher_weight * max(0.0, 1 - run.steps / options.teacher_steps))
    flat = Rollout(*(part.flatten(0, 1) for part in rollout))
    rows = []
    for _ in range(options.epochs):
        order = torch.randperm(len(flat.action), generator=run.random).to(options.device)
        for chosen in order.view(-1, options.batch_size):
            batch = Rollout(*(part[chosen] for part in flat))
            lesson = None
            if teach is not None:
                taught, taught_value = teach(batch.observation)
                lesson = (taught, taught_value / run.scale.std)  # a teacher's value is in raw reward
            result = loss(run.network, batch, lesson, weight.to(options.device), options)
            run.optimiser.step(result.total, share)
            run.updates += 1
            follow(run.average, run.network, min(options.average, run.updates / (run.updates + 9)))
            rows.append(torch.stack([part.detach() for part in result]))
    table = torch.stack(rows).cpu()
    means = dict(zip(Losses._fields, table.mean(0).tolist(), strict=True))
    return {
        **means,
        "kl_at_start": float(table[0, Losses._fields.index("kl")]),
        "learning_rate": options.learning_rate * share,
    }


def follow(average: "nn.Module", network: "nn.Module", decay: float) -> None:
    """Move `average` towards `network`: decay * average + (1 - decay) * network."""
    import torch

    with torch.no_grad():
        for slow, fast in zip(average.parameters(), network.parameters(), strict=True):
            slow.lerp_(fast, 1 - decay)


# ---------------------------------------------------------------------------------------------------------------------
# What the run leaves behind


def fold_value(network: "LayeredNetwork", scale: float) -> None:
    """Make the value head answer in raw reward instead of units of `scale`."""
    import torch

    with torch.no_grad():
        for parameter in network.value.parameters():  # type: ignore[union-attr]
            parameter.mul_(scale)


def export_agent(run: Run, options: TrainingOptions) -> "Agent":
    """Return the averaged weights as an agent whose value is in raw task reward."""
    from rlvision_widgets.agents import Agent

    network = copy.deepcopy(run.average).cpu()
    fold_value(network, run.scale.std)
    teachers = {leg["teacher"]["name"] for leg in run.legs if "teacher" in leg}
    taught = f", taught by {' and '.join(sorted(teachers))}" if teachers else ""
    return Agent(
        network,
        name=options.environment,
        action_names=run.environment.action_names[: options.num_actions],
        environment={"name": options.environment, **run.environment.options},
        value_scale=options.value_scale,
        info={"source": f"rlvision train{taught}, {run.steps:,} steps"},
    )


def write_agent(run: Run, options: TrainingOptions) -> Path:
    """Write ``agent.safetensors`` and its card beside the checkpoint; return the agent's path."""
    from rlvision_widgets.agents import save_agent

    agent, path = export_agent(run, options), options.folder / "agent.safetensors"
    save_agent(agent, path)
    card = {
        "summary": f"{agent.name}: {agent.info['source']}. {_play(run)}",
        "checkpoint": agent.checkpoint,
        "environment": agent.environment,
        "action_names": agent.action_names,
        "network": {"architecture": options.network, **run.average.options},
        "weights": f"running average of the trained ones, decay {options.average} a gradient step",
        "steps": run.steps,
        "episodes": run.episodes,
        "evaluations": run.evaluations,
        "curve": run.curve,
        "legs": run.legs,
    }
    path.with_suffix(".json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    return path


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


FIXED = (
    *("environment", "environment_options", "num_actions", "network", "network_options", "num_trajectories", "seed"),
    "reward_scale",  # the unit of the value head, which the export turns into raw reward
)
"""Options that a resumed run keeps."""


def begin_leg(run: Run, options: TrainingOptions) -> dict[str, Any]:
    """Note what starts now; refuse options that would make another network or another world of a resumed run."""
    import torch

    chosen = json.loads(json.dumps(dataclasses.asdict(options), default=str).replace("Infinity", "null"))
    before = run.legs[-1]["options"] if run.legs else chosen
    changed = [f"{name} was {before[name]!r}, now {chosen[name]!r}" for name in FIXED if before[name] != chosen[name]]
    if changed:
        raise ValueError(f"{options.folder} holds another run: {'; '.join(changed)}. Name another --folder.")
    leg = {
        "begun": datetime.now(UTC).isoformat(timespec="seconds"),
        "steps": [run.steps, run.steps],
        "hours": 0.0,
        "hardware": hardware(options),
        "packages": f"torch {torch.__version__}, {run.environment.package}",
        "options": chosen,
    }
    run.legs.append(leg)
    return leg


def hardware(options: TrainingOptions) -> str:
    """Return what the network runs on, in words."""
    import torch

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


# ---------------------------------------------------------------------------------------------------------------------
# The loop


@strict_keywords
def train(options: TrainingOptions, *, make: Callable[..., "Environment"] | None = None) -> Path:
    """Run until the steps or the hours are done, or Ctrl-C; return the path of the exported agent.

    A folder that holds a checkpoint is resumed: with one thread, on one machine, to the same bits as if it had not
    been interrupted. Options that only steer learning may change between legs; each leg is written into the card.

    Parameters
    ----------
    options : TrainingOptions
        What to do.
    make : callable, optional
        Makes the environment, with the signature of `rlvision_widgets.environments.make_environment` (the default).

    Raises
    ------
    ValueError
        When the folder holds a run of another network or world; names what differs.
    """
    import torch
    from tqdm.auto import tqdm

    from rlvision_widgets.environments import make_environment

    if options.threads:
        torch.set_num_threads(options.threads)
    print(forecast(options))
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = options.folder / "checkpoint.pt"
    world = dict(num_trajectories=options.num_trajectories, seed=options.seed, **options.environment_options)
    with (make or make_environment)(options.environment, **world) as environment, stop_when_interrupted() as stopped:
        run = Run(options, environment)
        if checkpoint.exists():
            run.load(checkpoint)
        leg, begun, saved = begin_leg(run, options), time.monotonic(), time.monotonic()
        pieces: list[Any] = [torch.no_grad()(act), losses, make_teacher(run, options)]
        if options.compile:
            pieces = [piece and torch.compile(piece, dynamic=False) for piece in pieces]
        step, loss, teach = pieces
        log = open_log(options.folder / "log.jsonl", run.steps)
        progress: Any = tqdm  # made at run time, which type checkers cannot follow
        bar = progress(total=options.steps, initial=run.steps, unit="step", unit_scale=True)
        with log, bar:
            while run.steps < options.steps and not stopped and time.monotonic() - begun < 3600 * options.hours:
                before, start = run.steps, time.monotonic()
                rollout = collect(run, options, step)
                middle = time.monotonic()
                row: dict[str, float | None] = learn(run, rollout, options, loss, teach)
                end = time.monotonic()
                decisions = run.steps - before
                row |= {"steps": run.steps, "episodes": run.episodes, "success": run.success, "scale": run.scale.std}
                row |= {"rollout_per_second": decisions / (middle - start)}
                row |= {"learning_per_second": decisions * options.epochs / (end - middle)}
                done = run.steps >= options.steps
                passed = options.evaluation_steps and run.steps % options.evaluation_steps < decisions
                if options.evaluation_levels and (done or passed):
                    run.evaluations.append(evaluation(run, options, make))
                    row["evaluation"] = run.evaluations[-1]["success"]
                log.write(json.dumps(row) + "\n")
                bar.update(decisions)
                bar.set_postfix(success=run.success, kl=row["kl"])
                if (
                    done
                    or stopped
                    or end - begun >= 3600 * options.hours
                    or end - saved > 60 * options.checkpoint_minutes
                ):
                    leg |= {"steps": [leg["steps"][0], run.steps], "hours": round((end - begun) / 3600, 3)}
                    run.curve.append({"steps": run.steps, "success": run.success})
                    run.save(checkpoint)
                    write_agent(run, options)
                    saved = end
        return write_agent(run, options)


def open_log(path: Path, steps: int) -> TextIO:
    """Open the log for appending, without the lines of a leg that was lost after its last checkpoint."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    path.write_text("".join(line for line in lines if json.loads(line)["steps"] <= steps))
    return path.open("a", buffering=1)


def evaluation(run: Run, options: TrainingOptions, make: Callable[..., "Environment"] | None) -> dict[str, Any]:
    """Return how the agent so far plays levels that it is new to."""
    from rlvision_widgets.analysis.evaluation import evaluate

    agent, count = export_agent(run, options), options.evaluation_levels
    world = make(options.environment, num_trajectories=16, seed=0, **options.environment_options) if make else None
    with world or nullcontext():
        found = evaluate(agent, count, options.seed + 1, environment=cast(Any, world), causes=False, progress=False)
    return {
        "steps": run.steps,
        "levels": count,
        "success": found.attrs["success_rate"],
        "wilson_interval": found.attrs["wilson_interval"],
    }


@contextmanager
def stop_when_interrupted() -> Iterator[list[int]]:
    """Yield a list that the first Ctrl-C (or SIGTERM) makes non-empty; the second interrupts as usual."""
    stopped: list[int] = []
    if threading.current_thread() is not threading.main_thread():  # only the main thread may handle signals
        yield stopped
        return

    def note(number: int, _: Any) -> None:
        stopped.append(number)
        signal.signal(number, before[number])

    before = {int(number): signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


# ---------------------------------------------------------------------------------------------------------------------
# The command line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give `parser` one argument for each field of `TrainingOptions`, with its docstring as help."""
    help_texts = field_docstrings(TrainingOptions)
    parsers: dict[Any, Callable[[str], Any]] = {
        Mapping[str, Any]: json.loads,
        float | None: lambda text: None if text == "none" else float(text),
        str | None: str,
    }
    kinds = get_type_hints(TrainingOptions)
    for name, default in vars(TrainingOptions()).items():
        flag, text = "--" + name.replace("_", "-"), f"{help_texts[name]} (default {default})".replace("%", "%%")
        if kinds[name] is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=default, help=text)
        else:
            kind = parsers.get(kinds[name], kinds[name])
            parser.add_argument(flag, type=kind, default=default, metavar=name.upper(), help=text)


def options_from_arguments(arguments: argparse.Namespace) -> TrainingOptions:
    """Return the options that `add_arguments` put into `arguments`."""
    return TrainingOptions(**{each.name: getattr(arguments, each.name) for each in dataclasses.fields(TrainingOptions)})


def field_docstrings(kind: type) -> dict[str, str]:
    """Return the text under each field of a dataclass, which Python itself throws away."""
    body = cast(ast.ClassDef, ast.parse(inspect.getsource(kind)).body[0]).body
    return {
        ast.unparse(field.target): " ".join(str(text.value.value).split())
        for field, text in itertools.pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
    }
