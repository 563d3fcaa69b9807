"""What a training run can be told."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlvision_widgets.edit_data import read_edits
from rlvision_widgets.environments.edits import edits_from
from rlvision_widgets.environments.options import check_count
from rlvision_widgets.names import unknown

__all__ = ["SOLVER", "TrainingOptions", "plain"]

SOLVER = "solver"  # the teacher that is no agent
MOST = 10**15

SHARES = ("anneal", "average", "gamma", "gae_lambda")
POSITIVE = ("value_scale", "reward_scale", "clip", "max_gradient_norm", "teacher_temperature", "teacher_steps")
NOT_NEGATIVE = (
    *("hours", "learning_rate", "muon_rate", "entropy_weight", "value_weight", "ppo_weight"),
    *("teacher_weight", "teacher_value_weight", "teacher_acts", "checkpoint_minutes"),
)


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
    distribution_mode: str | None = None
    """Procgen's, before that of the options: easy, hard, …"""
    num_levels: int | None = None
    """How many levels there are, before that of the options: 100 makes a twin that has seen little; 0 is all."""
    start_level: int | None = None
    """The first of them."""
    edits: Any = ()
    """Edits of the world, made in every level that opens: JSON such as ``[{"kind": "place", "what": "coin"}]``, or a
    file of it. Evaluations play so too."""
    num_actions: int = 9
    """Use the environment's first actions only: nine of Procgen's fifteen move, the rest do nothing in many games."""
    value_scale: float | None = 10.0
    """Raw return of one success (the coin's 10), kept with the agent; ``none`` where it is no fixed sum."""
    reward_scale: float | None = None
    """Raw reward that counts as 1 to PPO; ``none``: the running standard deviation of discounted returns. The bundled
    agent's is 10, which keeps the value's share of the gradient small."""
    network: str = "clear"
    """Architecture: clear, impala, nature, convolutional or voting."""
    network_options: Mapping[str, Any] = field(default_factory=dict)
    """Its constructor's arguments, apart from the number of actions; the shape of observations is the world's."""
    seed: int = 0
    """Of the weights, the levels and the sampled actions."""
    steps: int = 2_000_000
    """Decisions after which the run is finished, all trajectories together; the learning rate falls towards it."""
    hours: float = math.inf
    """Stop and save after so long; a resumed run starts counting anew."""
    num_trajectories: int = 64
    """Environments that step together, of all groups."""
    groups: int = 1
    """Groups that they are dealt into: while the network decides for one, the others step. 2 with a GPU."""
    environment_threads: int = 0
    """Threads that step a group. 0 is the thread of the network with one group, and one for each of several."""
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
    """Agent to learn from besides, on the states that the student visits: anything that `load_agent` opens; or
    ``solver``, which knows the shortest way through a maze."""
    teacher_weight: float = 1.0
    """Of KL(teacher || student)."""
    teacher_temperature: float = 1.0
    """The teacher's probabilities are raised to its inverse: below 1 the student learns to play more surely."""
    teacher_value_weight: float = 0.0
    """Of the squared distance to the teacher's value, which is that of the teacher's play: for learning without PPO."""
    teacher_steps: float = math.inf
    """Decisions over which the teacher's weight falls to zero in a straight line."""
    teacher_acts: float = 0.0
    """Decisions over which the share of actions that the solver takes instead falls from one to zero, without PPO."""
    precision: str = "bfloat16"
    """float32, or bfloat16 for the trunk (weights, heads and losses stay float32)."""
    compile: bool = True
    """Use torch.compile: about a third less processor time, half a minute at the start, needs a C++ compiler."""
    device: str = "cpu"
    """Where the network runs: cpu, cuda, or one of several such as cuda:1."""
    threads: int = 0
    """Processor threads of torch; 0 leaves them alone. Runs repeat to the bit with 1."""
    checkpoint_minutes: float = 5.0
    """Time between checkpoints."""
    checkpoint_series: int = 0
    """Agents kept along the way, so many for each factor of ten in steps, in the run's folder ``series``; 0 is none."""
    evaluation_steps: int = 0
    """Decisions between evaluations on unseen levels; 0 evaluates only when the steps are done."""
    evaluation_levels: int = 512
    """Levels of each evaluation; 0 evaluates never."""

    def __post_init__(self) -> None:
        self._check_numbers()
        for name, known in (("precision", ("float32", "bfloat16")), ("optimiser", ("adam", "muon"))):
            if getattr(self, name) not in known:
                raise ValueError(unknown(name, getattr(self, name), known))
        given = read_edits(self.edits) if isinstance(self.edits, str) and self.edits else self.edits or ()
        object.__setattr__(self, "edits", [edit.to_dict() for edit in edits_from(given)])
        self._check_sizes()
        self._check_teacher()

    def _check_numbers(self) -> None:
        for name in ("steps", "num_trajectories", "groups", "num_steps", "epochs", "num_actions"):
            check_count(name, getattr(self, name), 1, MOST)
        check_count("batch_size", self.batch_size, 2, MOST)  # advantages are divided by their standard deviation
        for name in ("seed", "environment_threads", "threads", "checkpoint_series"):
            check_count(name, getattr(self, name), 0)
        for name in ("evaluation_steps", "evaluation_levels"):
            check_count(name, getattr(self, name), 0, MOST)
        for name in (*SHARES, *POSITIVE, *NOT_NEGATIVE):
            value = getattr(self, name)
            if value is None and name in ("value_scale", "reward_scale"):
                continue
            if not (0 <= value <= (1 if name in SHARES else math.inf)) or (value == 0 and name in POSITIVE):
                right = "from 0 to 1" if name in SHARES else "above 0" if name in POSITIVE else "at least 0"
                raise ValueError(f"{name} must be {right}, and {value} came.")
        for name in ("environment_options", "network_options"):
            if not isinstance(getattr(self, name), Mapping):
                raise TypeError(f"{name} are given by name, as a mapping, and {getattr(self, name)!r} came.")

    def _check_sizes(self) -> None:
        if self.num_trajectories * self.num_steps % self.batch_size:
            raise ValueError(
                f"batch_size {self.batch_size} has to divide num_trajectories x num_steps = "
                f"{self.num_trajectories * self.num_steps}, so that every batch is full"
            )
        if self.num_trajectories % self.groups:
            raise ValueError(
                f"groups {self.groups} has to divide num_trajectories {self.num_trajectories}: all are equally large"
            )

    def _check_teacher(self) -> None:
        if self.ppo_weight == 0 and self.teacher is None:
            raise ValueError("ppo_weight 0 leaves nothing to learn from: name a teacher, or keep PPO")
        if self.teacher_acts and (self.teacher != SOLVER or self.ppo_weight):
            raise ValueError(
                "teacher_acts is for the teacher 'solver' with ppo_weight 0: PPO learns from its own actions alone"
            )

    @property
    def world(self) -> dict[str, Any]:
        """What the environment is made with, apart from its name, its seed and how many there are."""
        names = ("distribution_mode", "num_levels", "start_level")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return {**self.environment_options, **given}


def plain(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as JSON has them, and as a run notes them: what is infinite is None."""
    noted: dict[str, Any] = json.loads(json.dumps(dict(options), default=str).replace("Infinity", "null"))
    return noted
