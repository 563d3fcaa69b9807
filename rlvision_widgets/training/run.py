"""A training run's state, and the checkpoint that holds it."""

import io
import json
import pickle
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rlvision_widgets.agents.networks import ARCHITECTURES
from rlvision_widgets.aside import write_aside
from rlvision_widgets.environments import Observed
from rlvision_widgets.names import unknown
from rlvision_widgets.training.devices import check_device
from rlvision_widgets.training.optimiser import Optimiser
from rlvision_widgets.training.options import TrainingOptions
from rlvision_widgets.training.return_scale import ReturnScale
from rlvision_widgets.training.worlds import Worlds

__all__ = ["Run", "read_checkpoint"]


FORMAT = 1  # of checkpoint.pt
RECENT = 1000  # episodes that the success rate is taken over


class Run:
    """A training run's whole state: what a checkpoint holds."""

    def __init__(self, options: TrainingOptions, worlds: Worlds) -> None:
        if options.network not in ARCHITECTURES:
            raise ValueError(unknown("network", options.network, ARCHITECTURES))
        if options.network_options.get("value") is False:
            raise ValueError("a network without a value head cannot be trained: PPO needs one. Leave value out.")
        if options.num_actions > len(names := worlds.any.action_names):
            raise ValueError(f"num_actions {options.num_actions}: {options.environment} has {len(names)}, {names}")
        self.observation = worlds.observation()
        shape = self.observation.shape[1:]
        chosen = {"observation_shape": list(shape), **options.network_options, "num_actions": options.num_actions}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            network, average = (ARCHITECTURES[options.network](**chosen) for _ in range(2))
        if network.observation_shape != shape:
            raise ValueError(f"the network is for observations {network.observation_shape}, and these are {shape}")
        self.worlds, self.device = worlds, check_device(options.device)
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = average.to(self.device)
        self.average.load_state_dict(self.network.state_dict())
        self.optimiser = Optimiser(self.network, options)
        # The sources of chance in the loop: of batches, and of actions, which are drawn where the network is.
        self.random = self.noise = torch.Generator().manual_seed(options.seed)
        if self.device.type != "cpu":
            self.noise = torch.Generator(self.device).manual_seed(options.seed)
        self.scale = ReturnScale(options.num_trajectories, options.gamma, options.reward_scale)
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

    def take_in(self, observed: Observed, rows: slice) -> None:
        """Note what a step earned and which episodes it ended, for a group's rows."""
        self.scale.update(observed.reward, observed.first, rows)
        self.episode_return[rows] += observed.reward
        for index in rows.start + np.flatnonzero(observed.first):
            self.recent.append(float(self.episode_return[index]))
            self.episode_return[index] = 0
            self.episodes += 1

    def save(self, path: Path) -> None:
        """Write everything aside, then rename: a crash leaves the checkpoint before."""
        scale = self.scale
        checkpoint = {
            "format": FORMAT,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state(),
            "random": self.random.get_state(),
            "noise": {self.device.type: self.noise.get_state()},
            "scale": {"count": scale.count, "mean": scale.mean, "squares": scale.squares},
            "returns": torch.from_numpy(scale.returns),
            "episode_return": torch.from_numpy(self.episode_return),
            "recent": list(self.recent),
            "observation": torch.from_numpy(self.observation),
            "states": [torch.frombuffer(bytearray(state), dtype=torch.uint8) for state in self.worlds.states()],
            "groups": len(self.worlds.groups),
            "counts": {"steps": self.steps, "updates": self.updates, "episodes": self.episodes},
            "history": json.dumps({"legs": self.legs, "curve": self.curve, "evaluations": self.evaluations}),
        }
        content = io.BytesIO()
        torch.save(checkpoint, content)
        write_aside(path, content.getvalue())

    def load(self, checkpoint: dict[str, Any]) -> None:
        """Continue exactly where a checkpoint of `read_checkpoint` stood; without states, with new episodes."""
        self.network.load_state_dict(checkpoint["network"])
        self.average.load_state_dict(checkpoint["average"])
        self.optimiser.load(checkpoint["optimiser"])
        self.random.set_state(checkpoint["random"])
        if (noise := checkpoint.get("noise", {}).get(self.device.type)) is not None:
            self.noise.set_state(noise)
        vars(self.scale).update(checkpoint["scale"])
        vars(self).update(checkpoint["counts"])
        vars(self).update(checkpoint["history"])
        self.recent.extend(checkpoint["recent"])
        if checkpoint["states"]:
            self.scale.returns = checkpoint["returns"].numpy()
            self.episode_return = checkpoint["episode_return"].numpy()
            self.observation = checkpoint["observation"].numpy()
            self.worlds.set_states(state.numpy().tobytes() for state in checkpoint["states"])


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what `Run.save` wrote; nothing is unpickled but tensors, numbers and words.

    Raises
    ------
    ValueError
        When it is damaged, or of another format.
    """
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError, KeyError, OSError, RuntimeError, ValueError) as error:
        if isinstance(error, OSError) and error.filename is not None:  # such as one that may not be read
            raise
        raise ValueError(f"{path} is no whole checkpoint. Restore it from a copy, or name another --folder.") from error
    found = checkpoint.get("format") if isinstance(checkpoint, dict) else None
    if found != FORMAT:
        raise ValueError(f"{path} has the format {found}; this version resumes {FORMAT}")
    return {**checkpoint, "history": json.loads(checkpoint["history"])}
