"""Throughput of `rlvision train` against Stable-Baselines3's PPO: `python tests/benchmarks/training.py [--threads 1]`.

Both train the article's network on the same CoinRun worlds with PPO: as many environments, steps a rollout, epochs and
minibatches, in turn in one process. Both are timed from the worlds: from a rollout's first action to the next one's, so
that everything in between counts, whoever does it; each run's first rollout, in which ours compiles, does not. Needs
`pip install stable-baselines3`.
"""

import argparse
import itertools
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv

from rlvision_widgets.agents.networks import ClearNetwork
from rlvision_widgets.environments import make_environment
from rlvision_widgets.training import TrainingOptions, train

ENVIRONMENTS, STEPS, BATCH, EPOCHS, ACTIONS = 64, 64, 512, 1, 9
WORLD = {"distribution_mode": "easy", "paint_vel_info": True}
ROLLOUTS = {"ours": 5, "theirs": 3}  # a round; the first is warm-up


class Mark(NamedTuple):
    """When a rollout began."""

    wall: float
    processor: float


class Watched:
    """Worlds that note when each rollout begins.

    Parameters
    ----------
    marks : list of Mark
        Is added to.
    options
        Of `make_environment`.
    """

    def __init__(self, marks: list[Mark], *name: str, **options: Any) -> None:
        self._worlds, self._marks, self._decisions = make_environment(*name, **options), marks, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._worlds, name)

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *_: object) -> None:
        self._worlds.close()

    def step(self, actions: Any) -> Any:
        self.act(actions)
        return self._worlds.observe()

    def act(self, actions: Any) -> None:
        if self._decisions % (STEPS * self._worlds.num_trajectories) == 0:
            self._marks.append(Mark(time.perf_counter(), time.process_time()))
        self._decisions += self._worlds.num_trajectories
        self._worlds.act(actions)


class Vector(VecEnv):
    """The same worlds for Stable-Baselines3, with rewards of one and the first nine actions."""

    def __init__(self, worlds: Watched) -> None:
        from gymnasium import spaces

        shown = spaces.Box(0, 255, worlds.observe().observation.shape[1:], np.uint8)
        super().__init__(worlds.num_trajectories, shown, spaces.Discrete(ACTIONS))
        self._worlds = worlds

    def reset(self) -> Any:
        return self._worlds.observe().observation

    def step_async(self, actions: Any) -> None:
        self._worlds.act(actions.astype(np.int32))

    def step_wait(self) -> Any:
        seen = self._worlds.observe()
        return seen.observation, seen.reward / 10, seen.first, [{} for _ in range(self.num_envs)]

    def close(self) -> None:
        self._worlds.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [None] * self.num_envs

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise AttributeError(attr_name)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **options: Any) -> list[Any]:
        raise AttributeError(method_name)

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * self.num_envs


class Trunk(BaseFeaturesExtractor):
    """The network without its heads, which Stable-Baselines3 adds."""

    def __init__(self, space: Any) -> None:
        network = ClearNetwork(ACTIONS)
        super().__init__(space, network.policy.in_features)
        self.trunk = network.trunk

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.trunk(observations)


def ours(threads: int) -> list[Mark]:
    """Train with this package; return when its rollouts began."""
    marks: list[Mark] = []
    with tempfile.TemporaryDirectory() as folder:
        options = TrainingOptions(
            folder=Path(folder),
            environment_options=WORLD,
            num_actions=ACTIONS,
            steps=ROLLOUTS["ours"] * ENVIRONMENTS * STEPS,
            num_trajectories=ENVIRONMENTS,
            num_steps=STEPS,
            batch_size=BATCH,
            epochs=EPOCHS,
            threads=threads,
            evaluation_levels=0,
        )
        train(options, make=lambda *name, **options: Watched(marks, *name, **options))
    return marks


def theirs(threads: int) -> list[Mark]:
    """Train with Stable-Baselines3; return when its rollouts began."""
    marks: list[Mark] = []
    torch.set_num_threads(threads)
    with Watched(marks, "coinrun", num_trajectories=ENVIRONMENTS, seed=0, **WORLD) as worlds:
        model = PPO(
            "CnnPolicy",
            Vector(worlds),
            policy_kwargs={"features_extractor_class": Trunk, "net_arch": []},
            learning_rate=5e-4,
            n_steps=STEPS,
            batch_size=BATCH,
            n_epochs=EPOCHS,
            gamma=0.999,
            clip_range_vf=0.2,
            ent_coef=0.01,
            device="cpu",
        )
        found = sum(parameter.numel() for parameter in model.policy.parameters())
        expected = sum(parameter.numel() for parameter in ClearNetwork(ACTIONS).parameters())
        assert found == expected, f"another network: {found:,} parameters, and not {expected:,}"
        model.learn(ROLLOUTS["theirs"] * ENVIRONMENTS * STEPS)
    return marks


def main() -> None:
    """Train both in turn, and print medians over rollouts."""
    parser = argparse.ArgumentParser(description="Five minutes with the defaults, on idle processors.")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default 2)")
    parser.add_argument("--rounds", type=int, default=2, help="how often both train, in turn (default 2)")
    chosen = parser.parse_args()
    spent: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    for _ in range(chosen.rounds):
        for name, run in (("ours", ours), ("theirs", theirs)):
            marks = run(chosen.threads)[1:]
            spent[name] += [(b.wall - a.wall, b.processor - a.processor) for a, b in itertools.pairwise(marks)]
    decisions = ENVIRONMENTS * STEPS
    medians = {name: [statistics.median(kind) for kind in zip(*each, strict=True)] for name, each in spent.items()}
    setting = f"{chosen.threads} thread(s), {ENVIRONMENTS} x {STEPS}, epochs {EPOCHS}, batch {BATCH}"
    print(f"| {setting} | steps/s | CPU ms a step | rollouts |")
    print("|---|---|---|---|")
    for name, words in (("ours", "`rlvision train`"), ("theirs", "Stable-Baselines3's PPO")):
        wall, processor = medians[name]
        print(f"| {words} | {decisions / wall:.0f} | {1000 * processor / decisions:.2f} | {len(spent[name])} |")
    wall, processor = (theirs / ours for ours, theirs in zip(medians["ours"], medians["theirs"], strict=True))
    print(f"| ratio | {wall:.1f} x | {processor:.1f} x | |", flush=True)


if __name__ == "__main__":
    main()
