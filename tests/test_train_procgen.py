"""train-procgen-pytorch's policies, from files and instances, with and without a GRU."""

import numpy as np
import pytest
import torch
from torch import nn
from train_procgen_policies import procgen_policy

from rlvision_widgets.agents import load_agent, save_agent, wrap_agent
from rlvision_widgets.agents.hooks import HookedNetwork
from rlvision_widgets.agents.staged import StagedNetwork

KINDS = [(embedder, recurrent) for embedder in ("impala", "nature") for recurrent in (False, True)]


def film(steps=3, batch=4):
    return np.random.default_rng(0).integers(0, 256, (steps, batch, 64, 64, 3), dtype=np.uint8)


def play(agent, frames, first):
    """Return logits and values, (step, batch, …), of an agent of the package."""
    state, said = None, []
    for frame, opens in zip(frames, first, strict=True):
        logits, value, *states = agent(frame, state, opens) if agent.recurrent else agent(frame)
        state = states[0] if states else None
        said.append((torch.log_softmax(torch.tensor(logits), 1).numpy(), value))
    return [np.stack(part) for part in zip(*said, strict=True)]


def play_original(policy, frames, first):
    """Return the same, of the policy itself as its library calls it."""
    hidden, said = torch.zeros(frames.shape[1], policy.fc_policy.in_features), []
    for frame, opens in zip(frames, first, strict=True):
        x = torch.tensor(frame).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            policies, value, hidden = policy(x, hidden, 1 - torch.tensor(opens).float())
        said.append((policies.logits.numpy(), value.numpy()))
    return [np.stack(part) for part in zip(*said, strict=True)]


def opened(policy, way, folder):
    if way == "file":
        path = folder / "model_200015872.pth"
        torch.save({"model_state_dict": policy.state_dict(), "optimizer_state_dict": {"param_groups": []}}, path)
        return load_agent(path)
    return wrap_agent(policy, layers=["embedder.block2"] if way == "hooked" else None)


@pytest.mark.parametrize("way", ["file", "instance"])
@pytest.mark.parametrize(("embedder", "recurrent"), KINDS)
def test_a_policy_plays_as_in_its_library(embedder, recurrent, way, tmp_path):
    policy = procgen_policy(embedder, recurrent)
    agent = opened(policy, way, tmp_path)
    assert agent.recurrent == recurrent
    assert isinstance(agent.network, StagedNetwork)  # its layers are cut, which attribution is faster with
    frames, first = film(), np.zeros((3, 4), bool)
    first[0], first[2, 1] = True, True
    for found, expected in zip(play(agent, frames, first), play_original(policy, frames, first), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert agent.info["library"] == "train-procgen-pytorch"
    assert agent.value_scale is None  # of normalised returns


def test_a_policy_with_a_gru_remembers(tmp_path):
    agent = opened(procgen_policy("nature", recurrent=True), "file", tmp_path)
    first = np.zeros((3, 4), bool)
    with_memory, _ = play(agent, film(), first)
    without, _ = play(agent, film(), ~first)
    np.testing.assert_array_equal(with_memory[0], without[0])
    assert np.abs(with_memory[2] - without[2]).max() > 1e-3


def test_chosen_layers_keep_the_policys_own_modules(tmp_path):
    policy = procgen_policy("impala", recurrent=True)
    agent = opened(policy, "hooked", tmp_path)
    assert isinstance(agent.network, HookedNetwork)
    assert agent.layers == ("embedder.block2",)
    frames, first = film(), np.zeros((3, 4), bool)
    for found, expected in zip(play(agent, frames, first), play_original(policy, frames, first), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("embedder", ["impala", "nature"])
def test_the_head_of_a_network_with_a_gru_holds_its_memory_constant(embedder, tmp_path):
    agent = opened(procgen_policy(embedder, recurrent=True), "file", tmp_path)
    before, now = film(2)
    _, _, state = agent(before)
    logits, value, _ = agent(now, state)
    for layer in agent.layers:
        activations = agent.activations(layer, now, state).requires_grad_()
        output = agent.head(layer, now, state)(activations)
        np.testing.assert_allclose(output.logits.detach(), logits, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(output.value.detach(), value, rtol=1e-4, atol=1e-6)
        assert torch.autograd.grad(output.value.sum(), activations)[0].abs().max() > 0
    source, target = agent.layers[0], agent.layers[-1]
    reached = agent.between(source, target, now)(agent.activations(source, now))
    torch.testing.assert_close(reached, agent.activations(target, now))
    with pytest.raises(ValueError, match="Pass the observations and the state"):
        agent.head(layer)(activations)


def test_a_network_with_a_gru_is_saved(tmp_path):
    agent = opened(procgen_policy("impala", recurrent=True), "file", tmp_path)
    save_agent(agent, tmp_path / "own.safetensors")
    loaded = load_agent(tmp_path / "own.safetensors")
    first = np.zeros((3, 4), bool)
    for found, expected in zip(play(loaded, film(), first), play(agent, film(), first), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_weights_that_are_not_the_librarys_are_listed(tmp_path):
    state = procgen_policy("impala", recurrent=True).state_dict()
    del state["gru.gru.bias_hh_l0"]
    state["embedder.block1.conv.bias"] = torch.zeros(7)
    torch.save(state, tmp_path / "wrong.pth")
    with pytest.raises(ValueError, match=r"train-procgen-pytorch's policy with an ImpalaModel; \d+ differences"):
        load_agent(tmp_path / "wrong.pth")
    state = procgen_policy("nature", recurrent=True).state_dict()
    del state["gru.gru.bias_hh_l0"]
    torch.save(state, tmp_path / "wrong.pth")
    with pytest.raises(ValueError, match=r"with a GRU; 1 differences:\n  missing: gru\.gru\.bias_hh_l0"):
        load_agent(tmp_path / "wrong.pth")


def test_a_policy_that_sees_no_pictures_is_refused(tmp_path):
    state = {"embedder.layers.0.weight": torch.zeros(4, 7), "fc_policy.weight": torch.zeros(3, 4)}
    torch.save(state, tmp_path / "mlp.pth")
    with pytest.raises(ValueError, match="another kind than ImpalaModel and NatureModel"):
        load_agent(tmp_path / "mlp.pth")


def test_a_policy_changed_by_a_fork_keeps_its_own_computation():
    policy = procgen_policy("nature", recurrent=True)

    class Forked(type(policy)):
        def forward(self, x, hx, masks):
            policies, value, hx = super().forward(x, hx, masks)
            return policies, 2 * value, hx

    policy.__class__ = Forked
    agent = wrap_agent(policy)
    assert isinstance(agent.network, HookedNetwork)  # its weights suggest what it does not compute
    first = np.zeros((3, 4), bool)
    for found, expected in zip(play(agent, film(), first), play_original(policy, film(), first), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_a_policy_within_wrappers_of_torch_is_known():
    agent = wrap_agent(nn.DataParallel(procgen_policy("nature")))
    assert agent.info["library"] == "train-procgen-pytorch"
