"""The page about users' own agents: every block of it runs, in order, on files as the libraries write them."""

import functools
import re
from pathlib import Path
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
import torch
from test_checkpoints import PfrlGroup, PfrlImpala, checkpoint, clear_variables, write_joblib
from torch import nn

import rlvision_widgets as rlv

PAGE = Path(__file__).parents[1] / "examples" / "your_agent.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
ENVS = SimpleNamespace(
    single_observation_space=SimpleNamespace(shape=(64, 64, 3)), single_action_space=SimpleNamespace(n=15)
)


class Agent(nn.Module):
    """As in CleanRL's script for Procgen, with fewer channels."""

    def __init__(self, envs):
        super().__init__()
        groups = [PfrlGroup(3, 4), PfrlGroup(4, 4), PfrlGroup(4, 4)]
        side = envs.single_observation_space.shape[0] // 8
        self.network = nn.Sequential(*groups, nn.Flatten(), nn.ReLU(), nn.Linear(4 * side**2, 16), nn.ReLU())
        self.actor = nn.Linear(16, envs.single_action_space.n)
        self.critic = nn.Linear(16, 1)

    def get_action_and_value(self, x, action=None):
        raise AssertionError("it samples; its parts are to be called")


class MyPolicy(nn.Module):
    def __init__(self, colours=3):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(colours, 8, 8, stride=8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 64, 32))
        self.actor, self.critic = nn.Linear(32, 15), nn.Linear(32, 1)


class StackedPolicy(MyPolicy):
    def __init__(self):
        super().__init__(12)

    def forward(self, x):
        return self.actor(self.body(x)), self.critic(self.body(x))


class RecurrentPolicy(MyPolicy):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRUCell(32, 32)


class Screen(gymnasium.Env):
    """84 x 84 pixels of four grey frames, as Stable-Baselines3 gets them from Atari."""

    observation_space = gymnasium.spaces.Box(0, 255, (84, 84, 4), np.uint8)
    action_space = gymnasium.spaces.Discrete(4)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return self.observation_space.low, {}

    def step(self, action):
        return self.observation_space.low, 0.0, True, False, {}


def train_procgen_state():
    """Return weights by the names of train-procgen-pytorch's CategoricalPolicy with an ImpalaModel and a GRU."""
    shapes, before = {}, 3
    for block in (1, 2, 3):
        for part in ("conv", "res1.conv1", "res1.conv2", "res2.conv1", "res2.conv2"):
            shapes[f"embedder.block{block}.{part}"] = (4, before, 3, 3)
            before = 4
    shapes |= {"embedder.fc": (16, 4 * 64), "fc_policy": (15, 16), "fc_value": (1, 16)}
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape):
        return 0.1 * torch.randn(shape, generator=generator)

    state = {f"{name}.weight": drawn(*shape) for name, shape in shapes.items()}
    state |= {f"{name}.bias": drawn(shape[0]) for name, shape in shapes.items()}
    gates = {"weight_ih": (48, 16), "weight_hh": (48, 16), "bias_ih": (48,), "bias_hh": (48,)}
    return state | {f"gru.gru.{name}_l0": drawn(*shape) for name, shape in gates.items()}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the files that the page names."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RLVISION_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "openai" / "procgen").mkdir(parents=True)
    write_joblib(checkpoint(clear_variables(), env_name="maze"), tmp_path / "cache" / "openai" / "procgen" / "maze.jd")
    torch.save(Agent(ENVS).state_dict(), "ppo_procgen.cleanrl_model")
    torch.save({"model_state_dict": train_procgen_state(), "optimizer_state_dict": {}}, "model_80003072.pth")
    torch.save(PfrlImpala(15).state_dict(), "pfrl_model.pt")
    torch.save(MyPolicy().state_dict(), "my_policy.pt")
    return tmp_path


@pytest.mark.slow
def test_every_block_runs(folder, capsys):
    ppo = pytest.importorskip("stable_baselines3").PPO
    with torch.random.fork_rng():
        torch.manual_seed(0)
        ppo("CnnPolicy", Screen(), n_steps=2, batch_size=2, device="cpu").save("ppo_breakout.zip")
    names = {"PPO": ppo, "Agent": Agent, "envs": ENVS, "MyPolicy": MyPolicy}
    names |= {"StackedPolicy": StackedPolicy, "RecurrentPolicy": RecurrentPolicy}
    small = {"levels=32": "levels=2", "num_steps=32": "num_steps=32, observations=(16, 4, 8)"}
    assert all(any(old in block for block in BLOCKS) for old in small)
    made = []
    for block in BLOCKS:
        short = functools.reduce(lambda text, change: text.replace(*change), small.items(), block)
        exec(compile(short, PAGE.name, "exec"), names)
        made.append(names["agent"])
    assert {len(agent.action_names) for agent in made} == {4, 15}
    assert {agent.stack for agent in made} == {1, 4}
    assert {agent.recurrent for agent in made} == {True, False}
    printed = capsys.readouterr().out
    assert "openai:procgen/maze" in printed
    assert "play, random" in printed
    assert rlv.load_agent("my_agent.safetensors").name == "my agent"


def test_the_page_keeps_to_what_there_is():
    text = PAGE.read_text(encoding="utf-8")
    for name in set(re.findall(r"rlv\.([a-zA-Z_]+)", text)):
        assert hasattr(rlv, name) or hasattr(rlv.agents, name), name
    assert len(BLOCKS) >= 10
