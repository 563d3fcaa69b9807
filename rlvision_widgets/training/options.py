"""What a training run can be told."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlvision_widgets.names import unknown

__all__ = ["TrainingOptions"]


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
