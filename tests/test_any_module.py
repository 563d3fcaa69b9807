"""What a user's module may look like: how its layers are found, and what is said where it cannot be an agent."""

import numpy as np
import pytest
import torch
import toy
from torch import nn
from torch.nn import functional

import rlvision_widgets as rlv
from rlvision_widgets import schema
from rlvision_widgets.agents import wrap_agent
from rlvision_widgets.agents.modules import unwrapped

NAMES = toy.ToyEnvironment.action_names
OWN = {"observation_shape": (16, 16, 3), "action_names": NAMES}


def frames(number=4):
    return np.random.default_rng(0).integers(0, 256, (number, 16, 16, 3), dtype=np.uint8)


def seeded(make, *args):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make(*args)


class Messy(nn.Module):
    """Batch norm, a shared ReLU that works in place, functional ReLUs, and a residual connection."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 6, 4, 2), nn.BatchNorm2d(6)
        self.block = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6))
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Conv2d(6, 8, 3, 2)
        self.policy, self.value = nn.Linear(72, 3), nn.Linear(72, 1)
        for norm in (self.norm, self.block[1]):
            nn.init.uniform_(norm.running_mean, -0.1, 0.1)
            nn.init.uniform_(norm.running_var, 0.5, 2)

    def forward(self, x):
        x = self.relu(self.norm(self.stem(x)))
        x = self.relu(x + self.block(x))
        x = functional.relu(self.last(x)).flatten(1)
        return self.policy(x), self.value(x)


class TwoCalls(nn.Module):
    """A trunk that policy and value call on their own, as CleanRL's agents do."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Conv2d(3, 6, 4, 2), nn.ReLU(), nn.Conv2d(6, 8, 3, 2), nn.ReLU(), nn.Flatten())
        self.policy, self.value = nn.Linear(72, 3), nn.Linear(72, 1)

    def forward(self, x):
        return self.policy(self.trunk(x)), self.value(self.trunk(x))


def check_heads(agent):
    """Every layer's activations lead back to the outputs, and attribution to it adds up."""
    logits, value = agent(frames())
    for layer in agent.layers:
        output = agent.head(layer, frames())(agent.activations(layer, frames()))
        np.testing.assert_allclose(output.logits, logits, rtol=1e-4, atol=1e-5)
        found = rlv.attribute(agent, frames(), layer=layer, tolerance=0.01)
        zero = torch.zeros_like(agent.activations(layer, frames()))
        with torch.no_grad():
            at_zero = agent.head(layer, frames())(zero).value.numpy()
        total = found.sum(("y", "x", "channel")) + found.completeness_error
        np.testing.assert_allclose(total, value - at_zero, rtol=1e-3, atol=1e-4)


def test_batch_norm_shared_and_in_place_relus_and_residuals_are_fine():
    module = seeded(Messy).train()
    agent = wrap_agent(module, **OWN)
    assert agent.layers == ("stem", "norm", "block.0", "block.1", "last")  # the ReLU runs twice, and differs
    before = {name: tensor.clone() for name, tensor in agent.network.state_dict().items()}
    check_heads(agent)
    for name, tensor in agent.network.state_dict().items():
        assert torch.equal(tensor, before[name])  # also the running statistics
    np.testing.assert_allclose(agent(frames(4))[0][:1], agent(frames(4)[:1])[0], rtol=1e-4, atol=1e-6)


def test_a_trunk_that_runs_twice_alike_has_layers():
    agent = wrap_agent(seeded(TwoCalls), **OWN)
    assert agent.layers == ("trunk.0", "trunk.1", "trunk.2", "trunk.3")
    check_heads(agent)
    activations = agent.activations("trunk.1", frames()).requires_grad_()
    output = agent.head("trunk.1", frames())(activations)
    for part in (output.logits, output.value):  # both calls are replaced
        assert torch.autograd.grad(part.sum(), activations, retain_graph=True)[0].abs().max() > 0


def test_a_container_can_be_chosen_for_a_layer():
    agent = wrap_agent(seeded(Messy), layers=["block"], **OWN)
    assert agent.layers == ("block",)
    check_heads(agent)


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, lambda net: nn.DataParallel(torch.compile(net))])
def test_wrappers_of_torch_come_off(wrap):
    module = seeded(Messy)
    agent, plain = wrap_agent(wrap(module), **OWN), wrap_agent(module, **OWN)
    assert agent.layers == plain.layers
    assert (agent.name, agent.checkpoint) == (plain.name, plain.checkpoint)
    np.testing.assert_array_equal(agent(frames())[0], plain(frames())[0])


def test_wrappers_of_torch_come_off_within_a_module_and_stay_on_the_original():
    module = seeded(TwoCalls)
    trunk = module.trunk
    module.trunk = torch.compile(trunk)
    module.policy.compile()
    agent = wrap_agent(module, **OWN)
    assert agent.layers[0] == "trunk.0"
    check_heads(agent)
    assert module.trunk is not trunk
    assert module.policy._compiled_call_impl is not None
    assert unwrapped(module).policy._compiled_call_impl is None


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.cell, self.out = nn.Conv2d(3, 4, 4, 4), nn.GRUCell(64, 8), nn.Linear(8, 3)

    def forward(self, x, state):
        state = self.cell(self.conv(x).flatten(1), state)
        return self.out(state), None, state


def step(module, x, state, first):
    return module(x, state * ~first[:, None])


def nothing(batch):
    return torch.zeros(batch, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, r"cannot be called as forward\(module, x\): .*'state'.*a recurrent policy needs initial_state="),
        (
            {"forward": lambda net, x: net(x, nothing(len(x)))},
            r"returned a state .* it is recurrent: pass initial_state=",
        ),
        ({"forward": step}, r"cannot be called as forward\(module, x\).*'state' and 'first'"),
        (
            {"forward": lambda net, x, s, f: step(net, x, s, f)[:2], "initial_state": nothing},
            r"forward returned no state: it has to return \(logits, value, state\)",
        ),
        ({"forward": step, "initial_state": lambda batch: torch.zeros(1, 8)}, "grow with the batch along one axis"),
        ({"forward": step, "initial_state": lambda batch: np.zeros((batch, 8))}, "made of tensors.*got ndarray"),
        (
            {
                "forward": lambda net, x, s, f: (*step(net, x, s, f)[:2], (s, s)),
                "initial_state": nothing,
            },
            r"its state after a step: .*holds a tensor \(2, 8\), a tensor \(2, 8\); expected a tensor \(2, 8\)",
        ),
    ],
)
def test_a_recurrent_agent_without_its_state_is_told_how_to_say_it(options, message):
    with pytest.raises(ValueError, match=message):
        wrap_agent(seeded(Recurrent), **OWN, **options)


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match=r"takes a torch module, or a model or policy of Stable-Baselines3.*got dict"):
        wrap_agent({"policy": 1}, **OWN)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"observation_shape": (16, 16, 1)},
            "cannot look at observations of 16 x 16 pixels and 1 colours: .*preprocess=",
        ),
        ({"observation_shape": (40, 16, 3)}, "of 40 x 16 pixels and 3 colours: .*observation_shape= and stack="),
        ({"stack": 2}, "16 x 16 pixels and 6 colours"),
        ({"preprocess": lambda frames: frames.float()}, r"by default \(batch, colour, height, width\) in 0\.\.1"),
        ({"observation_shape": (16, 16)}, r"is \(height, width, colours\) of one frame, and \(16, 16\) came"),
        ({"observation_shape": (16, 16, 0)}, r"\(16, 16, 0\) came"),
    ],
)
def test_observations_that_the_module_cannot_take_are_said(options, message):
    with pytest.raises(ValueError, match=message):
        wrap_agent(seeded(TwoCalls), **{**OWN, **options})


def test_a_module_that_gives_no_layer_is_told_from_an_unknown_name():
    with pytest.raises(ValueError, match=r"'trunk\.0'.*the same whenever it runs in a pass\. This module does not\.$"):
        wrap_agent(seeded(TwoCalls), layers=["value"], **OWN)
    with pytest.raises(ValueError, match=r"Did you mean 'trunk\.0'\?.*in a pass\.$"):
        wrap_agent(seeded(TwoCalls), layers=["trunk0"], **OWN)


def test_the_name_of_its_world_is_enough():
    assert wrap_agent(seeded(TwoCalls), environment="coinrun", **OWN).environment == {"name": "coinrun"}
    assert wrap_agent(seeded(TwoCalls), **OWN).environment == {}


class PolicyOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second, self.out = nn.Conv2d(3, 6, 4, 2), nn.Conv2d(6, 8, 3, 2), nn.Linear(72, 3)

    def forward(self, x):
        return torch.distributions.Categorical(logits=5 * self.out(self.second(self.first(x).relu()).relu().flatten(1)))


def test_a_policy_without_a_value_is_studied_by_its_actions():
    agent = wrap_agent(seeded(PolicyOnly), **OWN)
    study = toy.built_study(agent, layers=["second"], num_steps=20)
    schema.check(study)
    assert not {"value", "advantage", "final_value"} & set(study.data_vars)
    (output,) = study["layers/second/outputs"].children
    assert output.startswith("centred:")
    connection = rlv.connect(agent, study)
    assert "value" not in connection.outputs
    assert {*NAMES} <= set(connection.outputs)
    with pytest.raises(ValueError, match="no value function; ask for an action"):
        rlv.attribute(agent, frames(), layer="second")
    assert rlv.attribute(agent, frames(), layer="second", output="RIGHT").shape == (4, 3, 3, 8)
