import numpy as np
import pytest
import torch
from torch import nn

from rlvision_widgets.agents import load_agent, wrap_agent
from rlvision_widgets.agents.staged import StagedNetwork


class AtariConvolutions(nn.Module):
    """The names and the structure of pfrl's `LargeAtariCNN` and `SmallAtariCNN`, written anew."""

    def __init__(self, sizes):
        super().__init__()
        shapes = zip((4, *sizes), sizes, (8, 4, 3), (4, 2, 1), strict=False)
        self.layers = nn.ModuleList(nn.Conv2d(*shape) for shape in shapes)
        self.output = nn.Linear(sizes[-1] * (49 if len(sizes) == 3 else 81), 16)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x).relu()
        return self.output(x.flatten(1)).relu()


class ActionValue:
    """What pfrl's heads of Q-learning return."""

    def __init__(self, q_values):
        self.q_values = q_values


class ValueHead(nn.Module):
    def forward(self, x):
        return ActionValue(x)


class PolicyHead(nn.Module):
    def forward(self, x):
        return torch.distributions.Categorical(logits=x)


class Branched(nn.Module):
    def __init__(self, *modules):
        super().__init__()
        self.child_modules = nn.ModuleList(modules)

    def forward(self, x):
        return tuple(module(x) for module in self.child_modules)


for made in (AtariConvolutions, ValueHead, PolicyHead, Branched):
    made.__module__ = "pfrl.nn"


class Agent:
    """An agent of pfrl holds its model, and acts in batches."""

    def __init__(self, model):
        self.model = model

    def batch_act(self, observations):
        return [0] * len(observations)


def sequence(sizes, head):
    parts, shapes = [], zip((4, *sizes), sizes, (8, 4, 3), (4, 2, 1), strict=False)
    for shape in shapes:
        parts += [nn.Conv2d(*shape), nn.ReLU()]
    cells = 49 if len(sizes) == 3 else 81
    return nn.Sequential(*parts, nn.Flatten(), nn.Linear(sizes[-1] * cells, 16), nn.ReLU(), *head)


def branches():
    return Branched(nn.Sequential(nn.Linear(16, 5), PolicyHead()), nn.Linear(16, 1))


MODELS = {
    "ppo": lambda: sequence((8, 12, 10), [branches()]),
    "a3c": lambda: sequence((8, 12), [branches()]),
    "dqn": lambda: nn.Sequential(AtariConvolutions((8, 12, 10)), nn.Linear(16, 5), ValueHead()),
    "dqn, small": lambda: nn.Sequential(AtariConvolutions((8, 12)), nn.Linear(16, 5), ValueHead()),
    "dqn, one sequence": lambda: sequence((8, 12, 10), [nn.Linear(16, 5), ValueHead()]),
}


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return make()


@pytest.mark.parametrize("name", MODELS)
def test_models_for_atari_say_what_they_say_in_pfrl(name, tmp_path):
    model = seeded(MODELS[name])
    torch.save(model.state_dict(), tmp_path / "model.pt")
    observations = np.random.default_rng(0).integers(0, 256, (3, 84, 84, 4), np.uint8)
    with torch.no_grad():
        said = model(torch.as_tensor(observations).permute(0, 3, 1, 2).float() / 255)
    logits, expected = (said.q_values, None) if "dqn" in name else (said[0].logits, said[1].squeeze(1))
    for agent in (
        load_agent(tmp_path / "model.pt", stack=1),
        wrap_agent(model, stack=1),
        wrap_agent(Agent(model), stack=1),
    ):
        assert isinstance(agent.network, StagedNetwork)
        assert agent.layers == ("c1", "c2", "c3")[: 2 if name in ("a3c", "dqn, small") else 3]
        found, value = agent(observations)
        if expected is None:
            assert (value, agent.info["logits"]) == (None, "action values")
        else:
            found = found - np.logaddexp.reduce(found, axis=1, keepdims=True)
            np.testing.assert_allclose(value, expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found, logits, rtol=1e-4, atol=1e-5)
        assert agent.info["library"] == "pfrl"
    stacked = load_agent(tmp_path / "model.pt")
    assert (stacked.stack, stacked.observation_shape) == (4, (84, 84, 1))
    assert logits.std(0).max() > 1e-3


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv0, self.conv1 = (nn.Conv2d(4, 4, 3, padding=1) for _ in range(2))

    def forward(self, x):
        return x + self.conv1(self.conv0(x.relu()).relu())


class Group(nn.Module):
    def __init__(self, before):
        super().__init__()
        self.conv = nn.Conv2d(before, 4, 3, padding=1)
        self.res_block0, self.res_block1 = Residual(), Residual()

    def forward(self, x):
        return self.res_block1(self.res_block0(nn.functional.max_pool2d(self.conv(x), 3, 2, 1)))


class Procgen(nn.Module):
    """The structure of train-procgen-pfrl's network: it takes frames as the environment gives them."""

    def __init__(self, slope):
        super().__init__()
        self.conv_seqs = nn.ModuleList([Group(3), Group(4)])
        self.hidden_fc = nn.Linear(4 * 16 * 16, 16)
        self.logits_fc, self.value_fc = nn.Linear(16, 15), nn.Linear(16, 1)
        self.slope = slope

    def forward(self, observations):
        x = observations.permute(0, 3, 1, 2) / 255.0
        for group in self.conv_seqs:
            x = group(x)
        x = nn.functional.leaky_relu(self.hidden_fc(x.flatten(1).relu()), self.slope)
        return torch.distributions.Categorical(logits=self.logits_fc(x)), self.value_fc(x)


@pytest.mark.parametrize("slope", [0.0, 0.5])
def test_a_model_that_scales_its_frames_itself_is_given_them_as_they_are(slope):
    model = seeded(lambda: Procgen(slope))
    agent = wrap_agent(model)
    assert isinstance(agent.network, StagedNetwork) == (slope == 0)  # the names do not tell a leaky ReLU
    observations = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    with torch.no_grad():
        policy, expected = model(torch.as_tensor(observations).float())
    found, value = agent(observations)
    found = found - np.logaddexp.reduce(found, axis=1, keepdims=True)
    np.testing.assert_allclose(found, policy.logits, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(value, expected.squeeze(1), rtol=1e-4, atol=1e-5)
    assert agent.action_names[7] == "RIGHT"


def test_a_folder_of_pfrl_says_which_file_to_open(tmp_path):
    torch.save(seeded(MODELS["ppo"]).state_dict(), tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"is a folder; pass the file in it that holds the weights, .*model\.pt"):
        load_agent(tmp_path)
