"""A training run's state, and the checkpoint that holds it."""

import json
import os
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlvision_widgets.agents.networks import ARCHITECTURES
from rlvision_widgets.environments import Environment, Observed
from rlvision_widgets.names import unknown
from rlvision_widgets.training.optimiser import Optimiser
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.return_scale import ReturnScale

__all__ = ["Run"]


FORMAT = 1  # of checkpoint.pt
RECENT = 1000  # episodes that the success rate is taken over


class Run:
    """A training run's whole state: what a checkpoint holds."""

    def __init__(self, options: TrainingOptions, environment: Environment) -> None:
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

    def take_in(self, observed: Observed) -> None:
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
